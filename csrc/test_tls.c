/* SPDX-License-Identifier: MIT */
/* Certificates that are good for something, and those that are not. */
#include "test_http.h"

#include <signal.h>
#include <sys/wait.h>

/* openssl's own server, with a certificate for localhost that is signed by itself, and at most that
 * version of TLS. 0: no openssl. */
static pid_t start_tls(const char *folder, unsigned port, const char *version) {
  char line[512], listen_on[32];
  snprintf(line, sizeof line,
           "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
           "-keyout key.pem -out cert.pem -days 2 -subj /CN=localhost "
           "-addext subjectAltName=DNS:localhost 2>/dev/null",
           folder);
  snprintf(listen_on, sizeof listen_on, "127.0.0.1:%u", port);
  if (system(line) != 0)
    return 0;
  pid_t pid = fork();
  if (pid != 0)
    return pid;
  if (chdir(folder) == 0)
    execlp("openssl", "openssl", "s_server", "-accept", listen_on, "-cert", "cert.pem", "-key",
           "key.pem", "-www", "-quiet", version, (char *)NULL);
  _exit(1);
}

static void checks_certificates(const char *folder, unsigned port) {
  char by_name[64], by_number[64], cert[128], nothing[128];
  snprintf(by_name, sizeof by_name, "https://localhost:%u/", port);
  snprintf(by_number, sizeof by_number, "https://127.0.0.1:%u/", port);
  snprintf(cert, sizeof cert, "%s/cert.pem", folder);
  snprintf(nothing, sizeof nothing, "%s/nothing.pem", folder);
  const struct {
    const char *label, *url, *ca_file;
    bool insecure, good;
  } rows[] = {
      {"signed by itself", by_name, NULL, false, false},
      {"its own certificate is trusted", by_name, cert, false, true},
      {"for another name", by_number, cert, false, false},
      {"no file", by_name, nothing, false, false},
      {"unchecked", by_number, NULL, true, true},
      {"checked again after that", by_name, NULL, false, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lc_request asked = test_request("GET", rows[i].url);
    asked.ca_file = rows[i].ca_file;
    asked.insecure = rows[i].insecure;
    asked.max_response = 1 << 20;
    struct lc_response got = test_call(&asked);
    CHECK_WITH(rows[i].label, got.err == (rows[i].good ? LC_OK : LC_ECONNECT));
    CHECK_WITH(rows[i].label, got.sent == rows[i].good && (got.text[0] == 0) == rows[i].good);
    test_done(&got);
  }
}

/* Even where the machine's own configuration lets OpenSSL speak TLS 1.0. */
static void wants_tls_1_2(const char *folder) {
  static const struct {
    const char *version;
    bool good;
  } rows[] = {{"-tls1_1", false}, {"-tls1_2", true}, {"-tls1_3", true}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char where[64];
    unsigned port = 0;
    close(test_bind(&port, 1));
    pid_t pid = start_tls(folder, port, rows[i].version);
    snprintf(where, sizeof where, "https://127.0.0.1:%u/", port);
    struct lc_request asked = test_request("GET", where);
    asked.insecure = true;
    asked.max_response = 1 << 20;
    bool up = false, tls = false;
    for (int tries = 0; tries < 100 && !up && !tls; tries++) {
      struct lc_response got = test_call(&asked);
      up = got.err == LC_OK;
      tls = strstr(got.text, "Failed to connect") == NULL && got.err == LC_ECONNECT;
      test_done(&got);
      test_sleep_ms(up || tls ? 0 : 30);
    }
    CHECK_WITH(rows[i].version, up == rows[i].good && tls == !rows[i].good);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
  }
}

static void speaks_tls(const char *folder) {
  char where[64];
  unsigned port = 0;
  close(test_bind(&port, 1));
  pid_t pid = start_tls(folder, port, "-tls1_3");
  if (pid > 0) {
    snprintf(where, sizeof where, "https://127.0.0.1:%u/", port);
    struct lc_request asked = test_request("GET", where);
    asked.insecure = true;
    asked.max_response = 1 << 20;
    bool up = false;
    for (int i = 0; i < 100 && !up; i++) {
      struct lc_response got = test_call(&asked);
      up = got.err == LC_OK;
      test_done(&got);
      test_sleep_ms(up ? 0 : 30);
    }
    CHECK(up);
    checks_certificates(folder, port);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    wants_tls_1_2(folder);
  } else {
    printf("skipped: TLS (no openssl)\n");
  }
}

/* What OpenSSL reads when it is set up, here and in the server. */
static bool lets_old_tls_in(const char *folder) {
  char path[128];
  snprintf(path, sizeof path, "%s/openssl.cnf", folder);
  FILE *file = fopen(path, "w");
  if (file == NULL)
    return false;
  fputs("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\n"
        "CipherString = DEFAULT:@SECLEVEL=0\n[req]\ndistinguished_name = d\n[d]\n",
        file);
  return fclose(file) == 0 && setenv("OPENSSL_CONF", path, 1) == 0;
}

int main(void) {
  char folder[] = "/tmp/livechat-test-XXXXXX", line[64];
  CHECK(mkdtemp(folder) != NULL && lets_old_tls_in(folder));
  CHECK(test_engine() == LC_OK);
  speaks_tls(folder);
  lc_engine_free(engine);
  snprintf(line, sizeof line, "rm -r %s", folder);
  CHECK(system(line) == 0);
  return test_end();
}
