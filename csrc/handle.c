/* SPDX-License-Identifier: MIT */
/* The libcurl that runs, and a handle of it with everything that all transfers have in common. */
#include "handle.h"

#include <curl/curl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

void lc_must(unsigned *code, unsigned now) {
  if (*code == CURLE_OK)
    *code = now;
}

void lc_may(unsigned *code, unsigned now) {
  if (now == CURLE_OUT_OF_MEMORY)
    lc_must(code, now);
}

#ifdef SOCK_CLOEXEC
/* libcurl leaves its sockets open in whatever the program executes. */
static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
  (void)user, (void)purpose;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}
#endif

/* Debian's libcurl has a folder of certificates besides the bundle, and with a folder it reads all
 * of them for every new connection: 37 ms of CPU against 2.4 ms. The bundle holds the same ones. */
static const char *find_bundle(const curl_version_info_data *info) {
#if LIBCURL_VERSION_NUM >= 0x074600
  if (info->age >= CURLVERSION_SEVENTH && info->cainfo != NULL && access(info->cainfo, R_OK) == 0)
    return info->cainfo;
#else
  (void)info;
#endif
  return NULL;
}

void lc_libcurl_look(struct lc_libcurl *lib, unsigned version) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  if (version == 0)
    version = info->version_num;
  *lib = (struct lc_libcurl){
      .ca_bundle = find_bundle(info),
      .keeps_handles = version < 0x075300 || version >= 0x080100,
      .keeps_connections = version < 0x074b00 || version > 0x074c01,
      .http2 = version != 0x074300,
      .compression = version >= 0x075800,
      .raises_sigpipe = version < 0x075700,
  };
}

static void prepare_tls(CURL *easy, const struct lc_libcurl *lib, unsigned *code) {
  lc_must(code, curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
  lc_may(code, curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
  if (lib->ca_bundle == NULL)
    return;
  lc_may(code, curl_easy_setopt(easy, CURLOPT_CAINFO, lib->ca_bundle));
  lc_may(code, curl_easy_setopt(easy, CURLOPT_CAPATH, NULL));
}

/* Where a request goes is the caller's word alone, not the environment's. (Redirects, cookies and
 * .netrc are off in libcurl unless they are asked for.) */
static void prepare_ways(CURL *easy, unsigned *code) {
  lc_must(code, curl_easy_setopt(easy, CURLOPT_PROXY, ""));
  lc_must(code, curl_easy_setopt(easy, CURLOPT_NOPROXY, ""));
  lc_may(code, curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L));
#if LIBCURL_VERSION_NUM >= 0x075500
  lc_may(code, curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https"));
#else
  lc_must(code,
          curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)));
#endif
#ifdef SOCK_CLOEXEC
  lc_must(code, curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket));
#endif
}

void *lc_handle_new(const struct lc_libcurl *lib) {
  CURL *easy = curl_easy_init();
  unsigned code = CURLE_OK;
  if (easy == NULL)
    return NULL;
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L));
  lc_may(&code, curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L));
  if (lib->compression) /* "": all that are built in */
    lc_may(&code, curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""));
#if LIBCURL_VERSION_NUM >= 0x074000
  lc_may(&code, curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  lc_may(&code,
         curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L)); /* no waiting for a dead resolver */
#endif
  if (!lib->keeps_connections)
    lc_must(&code, curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L));
  prepare_tls(easy, lib, &code);
  prepare_ways(easy, &code);
  if (code == CURLE_OK)
    return easy;
  curl_easy_cleanup(easy);
  return NULL;
}
