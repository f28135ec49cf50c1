/* SPDX-License-Identifier: MIT */
/* The engine as a whole: many calls at once, its thread, its end, and its parent's child. */
#include "notify.h"
#include "test_http.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

static const struct test_script scripts[] = {
    {"/ok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", TEST_KEEP, 0, 0},
    {"/never", "", TEST_HANG, 0, 0},
};

/* ---- both ways ------------------------------------------------------------------------------ */

#define MANY 200

/* With a time limit that no busy machine comes to. */
static uint64_t submit_one_of_many(bool notify) {
  uint64_t id = 0;
  char text[256] = "";
  struct lc_request asked = test_request("GET", test_url("/ok?with=200"));
  asked.timeout_ms = 60000;
  asked.notify = notify;
  CHECK_WITH(text, lc_engine_submit(engine, &asked, &id, text, sizeof text) == LC_OK);
  return id;
}

/* As many connections as calls, which are kept for the next as many: the server answers none before
 * all have come. */
static void overlaps(void) {
  uint64_t ids[MANY];
  int before = 0;
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < MANY; i++)
      ids[i] = submit_one_of_many(i % 2 == 0);
    CHECK(lc_calls_pending(calls) == MANY);
    int good = 0;
    for (int i = 0; i < MANY; i++)
      good += lc_engine_wait(engine, ids[i], 60000) == LC_OK && test_take(ids[i], NULL) == LC_OK;
    CHECK(good == MANY);
    int connections = atomic_load(&server.connections);
    CHECK(round == 0 || connections - before <= MANY / 20);
    before = connections;
  }
}

static void ends_all(void) {
  int n = test_http_asked(&server, "/never");
  test_submit("/never", true);
  CHECK(test_until_asked("/never", n + 1));
  uint64_t id = test_submit("/ok", true);
  CHECK(lc_engine_wait(engine, id, 2000) == LC_OK); /* done, and never taken */
  test_park(true);
  for (int i = 0; i < 100; i++)
    test_submit("/ok", i % 2 == 0);
}

/* What a child may do with its parent's engine: nothing, and nothing may come of it. */
static int as_child(uint64_t id) {
  struct lc_request asked = test_request("GET", test_url("/ok"));
  struct lc_response got;
  uint64_t new_id = 0;
  char text[256];
  bool good = lc_engine_submit(engine, &asked, &new_id, text, sizeof text) == LC_ECLOSED;
  good = good && lc_calls_add(calls, NULL, true, &new_id) == LC_ECLOSED && new_id == 0;
  good = good && lc_engine_pump(engine, 0) == LC_ECLOSED;
  good = good && lc_engine_wait(engine, id, 1000) == LC_ECLOSED && lc_calls_done(calls, id);
  good = good && !lc_calls_take(calls, id, &got) && lc_calls_fd(calls, id) == -1;
  good = good && lc_calls_pending(calls) == 0 && lc_engine_start(engine) == LC_ECLOSED;
  good = good && lc_engine_listen(engine, text, sizeof text) == LC_ECLOSED;
  good = good && lc_calls_finished(calls, &new_id, 1) == 0;
  lc_engine_cancel(engine, id);
  lc_calls_join(calls, id, id);
  lc_calls_clear(calls, id);
  lc_engine_drop(engine, id);
  lc_engine_free(engine);
  return good ? 0 : 1;
}

static void forks(void) {
  char path[LC_WAKEUP_PATH];
  int status = -1;
  CHECK(!test_threaded || lc_engine_listen(engine, path, sizeof path) == LC_OK);
  uint64_t id = test_submit("/ok", false);
  CHECK(lc_engine_wait(engine, id, 5000) == LC_OK);
  int connections = atomic_load(&server.connections);
  pid_t pid = fork();
  if (pid == 0)
    _exit(as_child(id));
  CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(!test_threaded || access(path, F_OK) == 0);
  CHECK(test_take(id, NULL) == LC_OK);
  id = test_submit("/ok", false);
  CHECK(lc_engine_wait(engine, id, 5000) == LC_OK && test_take(id, NULL) == LC_OK);
  CHECK(atomic_load(&server.connections) == connections);
}

/* Descriptors that a program which this one executes would get. */
static int inherited(void) {
  int n = 0;
  for (int fd = 3; fd < 1024; fd++) {
    int flags = fcntl(fd, F_GETFD);
    n += flags >= 0 && (flags & FD_CLOEXEC) == 0;
  }
  return n;
}

static int before_any_engine;

static void keeps_to_itself(void) {
  char path[LC_WAKEUP_PATH];
  uint64_t id = test_submit("/ok", true);
  CHECK(lc_engine_wait(engine, id, 5000) == LC_OK && lc_calls_fd(calls, id) >= 0);
  CHECK(!test_threaded || lc_engine_listen(engine, path, sizeof path) == LC_OK);
  CHECK(inherited() == before_any_engine);
}

static void both_ways(void) {
  static void (*const tests[])(void) = {overlaps, keeps_to_itself, forks, ends_all};
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
    test_open();
    tests[i]();
    test_close();
  }
}

/* ---- pumped only ---------------------------------------------------------------------------- */

static void pumps(void) {
  char path[LC_WAKEUP_PATH];
  test_open();
  int64_t since = lc_clock_us();
  CHECK(lc_engine_pump(engine, 30) == LC_OK && lc_clock_us() - since >= 29000);
  uint64_t fast = test_submit("/ok", false);
  uint64_t slow = test_submit("/ok?wait=200", false);
  since = lc_clock_us();
  CHECK(lc_engine_pump(engine, 5000) == LC_OK && lc_clock_us() - since < 190000);
  CHECK(lc_calls_done(calls, fast) && !lc_calls_done(calls, slow));
  /* From the first look on, what finishes is told of, once. */
  uint64_t told = 0;
  CHECK(lc_calls_finished(calls, &told, 1) == 0);
  CHECK(lc_engine_pump(engine, 5000) == LC_OK && lc_calls_done(calls, slow));
  CHECK(lc_calls_finished(calls, &told, 1) == 1 && told == slow);
  CHECK(lc_calls_finished(calls, &told, 1) == 0);
  CHECK(test_take(fast, NULL) == LC_OK && test_take(slow, NULL) == LC_OK);
  CHECK(lc_engine_listen(engine, path, sizeof path) == LC_EINVAL);
  /* What the owner submitted before the start is the thread's to finish. */
  fast = test_submit("/ok", false);
  CHECK(lc_engine_start(engine) == LC_OK && lc_engine_start(engine) == LC_OK);
  CHECK(lc_engine_pump(engine, 0) == LC_EINVAL);
  CHECK(lc_engine_wait(engine, fast, 5000) == LC_OK && test_take(fast, NULL) == LC_OK);
  test_close();
}

/* ---- with a thread only --------------------------------------------------------------------- */

/* Every signal of the program is the program's: none is ever delivered on the engine's thread. */
static void blocks_signals(void) {
  char path[64], line[256];
  unsigned long long blocked = 0;
  test_open();
  DIR *tasks = opendir("/proc/self/task");
  for (int tries = 0; tries < 200 && tasks != NULL && blocked == 0; tries++) {
    rewinddir(tasks);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
      snprintf(path, sizeof path, "/proc/self/task/%.20s/status", task->d_name);
      FILE *file = fopen(path, "r");
      bool ours = file != NULL && fgets(line, sizeof line, file) && strstr(line, "\tlivechat\n");
      while (ours && fgets(line, sizeof line, file) != NULL)
        sscanf(line, "SigBlk: %llx", &blocked);
      if (file != NULL)
        fclose(file);
    }
    test_sleep_ms(5);
  }
  if (tasks != NULL) {
    closedir(tasks);
    const int signals[] = {SIGINT, SIGTERM, SIGCHLD, SIGPIPE, SIGHUP, SIGALRM, SIGUSR1, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
      CHECK(blocked >> (signals[i] - 1) & 1);
  }
  test_close();
}

static void *cancel_later(void *id) {
  test_sleep_ms(50);
  lc_engine_cancel(engine, *(uint64_t *)id);
  return NULL;
}

static void *drop_later(void *id) {
  test_sleep_ms(50);
  lc_engine_drop(engine, *(uint64_t *)id);
  return NULL;
}

static void wakes_waiters(void) {
  pthread_t thread;
  test_open();
  uint64_t id = test_submit("/never", false);
  int64_t since = lc_clock_us();
  CHECK(pthread_create(&thread, NULL, cancel_later, &id) == 0);
  CHECK(lc_engine_wait(engine, id, 10000) == LC_OK && lc_clock_us() - since < 3000000);
  pthread_join(thread, NULL);
  CHECK(test_take(id, NULL) == LC_ECANCELLED);
  id = test_park(false);
  CHECK(pthread_create(&thread, NULL, drop_later, &id) == 0);
  CHECK(lc_engine_wait(engine, id, 10000) == LC_ECLOSED && lc_clock_us() - since < 3000000);
  pthread_join(thread, NULL);
  test_close();
}

static void *wait_long(void *err) {
  *(enum lc_err *)err = lc_engine_wait(engine, 1, 10000);
  return NULL;
}

static void wakes_waiters_at_the_end(void) {
  pthread_t threads[3];
  enum lc_err errs[3];
  test_open();
  CHECK(test_submit("/never", false) == 1);
  for (int i = 0; i < 3; i++)
    CHECK(pthread_create(&threads[i], NULL, wait_long, &errs[i]) == 0);
  test_sleep_ms(50);
  int64_t since = lc_clock_us();
  lc_engine_free(engine);
  CHECK(lc_clock_us() - since < 3000000);
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], NULL);
    CHECK(errs[i] == LC_ECLOSED);
  }
  engine = NULL;
}

/* CPU time of this process while the thread has nothing to do for so long. */
static long cpu_ms_of(long ms) {
  struct timespec before, after;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  test_sleep_ms(ms);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  return (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
}

/* After it was woken, and while a reader is expected, the thread sleeps again. */
static void rests(void) {
  char path[LC_WAKEUP_PATH];
  test_open();
  CHECK(lc_engine_listen(engine, path, sizeof path) == LC_OK);
  test_sleep_ms(50); /* it does sleep */
  uint64_t id = test_submit("/ok", false);
  CHECK(lc_engine_wait(engine, id, 5000) == LC_OK);
  CHECK(cpu_ms_of(300) < 100);
  test_close();
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, path, strlen(path));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  return fd;
}

/* The fault: a reader that there is no descriptor for made the thread spin. */
static void rests_without_descriptors(void) {
  char path[LC_WAKEUP_PATH];
  struct rlimit old, none;
  test_open();
  CHECK(lc_engine_listen(engine, path, sizeof path) == LC_OK);
  int fd = connect_to(path);
  CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
  none = old;
  none.rlim_cur = 3;
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  CHECK(cpu_ms_of(300) < 100);
  uint64_t id = test_park(false);
  lc_engine_cancel(engine, id);
  CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(test_ready(fd, 3000) && test_take(id, NULL) == LC_ECANCELLED);
  close(fd);
  test_close();
}

/* Where none is left from the beginning: calls fail, sleeping works, and nothing spins. */
static void pumps_without_descriptors(void) {
  struct rlimit old, none;
  uint64_t id = 0;
  CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
  none = old;
  none.rlim_cur = 3;
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  CHECK(test_engine() == LC_OK);
  CHECK(lc_calls_add(calls, NULL, true, &id) == LC_ESYS && errno == EMFILE);
  CHECK(lc_engine_start(engine) == LC_ESYS && errno == EMFILE);
  struct lc_request asked = test_request("POST", test_url("/ok"));
  struct lc_response got = test_call(&asked);
  CHECK(got.err == LC_ECONNECT && !(got.sent && test_tells_sent()) && got.text[0] != 0);
  id = test_park(false);
  int64_t since = lc_clock_us();
  clock_t cpu = clock();
  CHECK(lc_engine_wait(engine, id, 200) == LC_ETIMEOUT && lc_clock_us() - since >= 199000);
  CHECK((clock() - cpu) * 1000 / CLOCKS_PER_SEC < 100);
  CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
  got = test_call(&asked);
  CHECK(got.err == LC_OK);
  test_done(&got);
  test_close();
}

/* The dispatcher's loop: a byte, then every id until there are none. Counts how often each came. */
static size_t dispatch(int fd, size_t expected, uint64_t first, int *seen) {
  uint64_t ids[7];
  size_t total = 0, n;
  char bytes[64];
  while (total < expected && test_ready(fd, 5000)) {
    CHECK(read(fd, bytes, sizeof bytes) > 0); /* two, where one came while the list was drained */
    while ((n = lc_calls_finished(calls, ids, 7)) > 0) {
      total += n;
      for (size_t i = 0; i < n; i++)
        seen[ids[i] - first]++;
    }
  }
  return total;
}

static void dispatches(void) {
  char path[LC_WAKEUP_PATH];
  int seen[MANY + 3] = {0};
  struct lc_response got;
  test_open();
  CHECK(lc_engine_listen(engine, path, 5) == LC_ETOOLARGE);
  CHECK(lc_engine_listen(engine, path, sizeof path) == LC_OK);
  uint64_t first = test_park(false);
  lc_engine_cancel(engine, first); /* before anybody came */
  int fd = connect_to(path);
  CHECK(dispatch(fd, 1, first, seen) == 1 && access(path, F_OK) != 0);
  for (int i = 1; i <= MANY; i++)
    CHECK(test_submit(i % 2 ? "/ok" : "/ok?wait=20", false) == first + (uint64_t)i);
  CHECK(dispatch(fd, MANY, first, seen) == MANY);
  for (int i = 0; i <= MANY; i++)
    CHECK(seen[i] == 1);
  CHECK(!test_ready(fd, 30) && lc_calls_finished(calls, &first, 1) == 0);
  /* One that is taken before the dispatcher looked is not reported: a byte, and no id. */
  uint64_t id = test_submit("/ok", false);
  CHECK(lc_engine_wait(engine, id, 5000) == LC_OK && lc_calls_take(calls, id, &got));
  test_done(&got);
  CHECK(test_ready(fd, 1000) && lc_calls_finished(calls, &id, 1) == 0);
  /* A dispatcher that died, and the next one, which is told what the first did not look at. */
  id = test_park(false);
  lc_engine_cancel(engine, id);
  close(fd);
  CHECK(lc_engine_listen(engine, path, sizeof path) == LC_OK);
  fd = connect_to(path);
  memset(seen, 0, sizeof seen);
  CHECK(dispatch(fd, 1, id, seen) == 1 && seen[0] == 1);
  close(fd);
  CHECK(lc_engine_listen(engine, path, sizeof path) == LC_OK); /* to which no reader connects */
  test_close();
  CHECK(access(path, F_OK) != 0);
}

/* Every verb from four threads at once: for TSan, helgrind and ASan to look at. */
static void *stress(void *arg) {
  unsigned seed = *(unsigned *)arg;
  char text[256], where[64];
  uint64_t ids[16], id = 0;
  struct lc_response got;
  snprintf(where, sizeof where, "http://127.0.0.1:%u/ok?wait=1", server.port);
  struct lc_request asked = test_request("GET", where);
  for (int i = 0; i < 150; i++) {
    seed = seed * 1103515245 + 12345;
    asked.notify = seed >> 16 & 1;
    bool parked = (seed >> 17 & 7) == 0;
    if ((parked ? lc_calls_add(calls, NULL, true, &id)
                : lc_engine_submit(engine, &asked, &id, text, sizeof text)) != LC_OK)
      return NULL;
    lc_calls_fd(calls, id);
    switch (parked ? 0 : seed >> 20 & 3) {
    case 0:
      nanosleep(&(struct timespec){.tv_nsec = (long)(seed >> 8 & 4095) * 1000}, NULL);
      lc_engine_cancel(engine, id);
      break;
    case 1:
      lc_engine_drop(engine, id);
      break;
    default:
      lc_engine_wait(engine, id, 5000);
    }
    if (lc_calls_done(calls, id) && lc_calls_take(calls, id, &got))
      test_done(&got);
    lc_calls_finished(calls, ids, 16);
    lc_calls_pending(calls);
  }
  return arg;
}

static void bears_stress(void) {
  pthread_t threads[4];
  unsigned seeds[4] = {1, 2, 3, 4};
  char path[LC_WAKEUP_PATH];
  void *result;
  test_open();
  CHECK(lc_engine_listen(engine, path, sizeof path) == LC_OK);
  int fd = connect_to(path);
  for (int i = 0; i < 4; i++)
    CHECK(pthread_create(&threads[i], NULL, stress, &seeds[i]) == 0);
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], &result);
    CHECK(result == &seeds[i]);
  }
  CHECK(lc_calls_pending(calls) == 0);
  test_close();
  close(fd);
}

static void with_a_thread(void) {
  blocks_signals();
  rests();
  rests_without_descriptors();
  wakes_waiters();
  wakes_waiters_at_the_end();
  dispatches();
  bears_stress();
}

/* ---- the end of the process ----------------------------------------------------------------- */

/* As a library that is taken down at the end would find the process. */
static void look_for_the_thread(void) {
  char path[64], name[16] = "";
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", task->d_name);
    FILE *file = fopen(path, "r");
    if (file != NULL && fgets(name, sizeof name, file) && strcmp(name, "livechat\n") == 0)
      _exit(9);
    if (file != NULL)
      fclose(file);
  }
  if (tasks != NULL)
    closedir(tasks);
  _exit(lc_calls_pending(calls) == 0 ? 7 : 8);
}

static int ends(void) {
  uint64_t id;
  atexit(look_for_the_thread); /* earlier than what the engine registers: called later */
  test_open();
  CHECK(lc_calls_add(calls, NULL, true, &id) == LC_OK && lc_calls_pending(calls) == 1);
  return 0;
}

static void stops_at_the_end(const char *program) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) {
    execl(program, program, "end", (char *)NULL);
    _exit(1);
  }
  CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    test_threaded = true;
    return ends();
  }
  CHECK(test_http_start(&server, scripts, sizeof scripts / sizeof scripts[0]));
  lc_engine_free(NULL);
  before_any_engine = inherited();
  both_ways();
  pumps();
  pumps_without_descriptors();
  test_threaded = true;
  both_ways();
  with_a_thread();
  test_http_stop(&server);
  stops_at_the_end(argv[0]);
  return test_end();
}
