/* SPDX-License-Identifier: MIT */
/* Events, and the socket that takes no other process. */
#include "notify.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static bool readable(int fd) {
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  return poll(&wait, 1, 0) == 1 && (wait.revents & POLLIN) != 0;
}

static void events(void) {
  struct lc_event event;
  CHECK(lc_event_open(&event) == LC_OK && event.fd >= 0);
  CHECK(!readable(event.fd));
  lc_event_clear(&event); /* it is clear: that must not wait */
  for (int i = 0; i < 3; i++)
    lc_event_set(&event);
  CHECK(readable(event.fd) && readable(event.fd));
  lc_event_clear(&event);
  CHECK(!readable(event.fd));
  lc_event_set(&event);
  CHECK(readable(event.fd));
  lc_event_close(&event);
  CHECK(event.fd == -1);
  lc_event_close(&event);
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t len = strlen(path);
  memcpy(address.sun_path, path, len < LC_WAKEUP_PATH ? len : LC_WAKEUP_PATH - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  close(fd);
  return -1;
}

/* The folder of a socket's path. */
static void folder_of(const char *path, char folder[LC_WAKEUP_PATH]) {
  memcpy(folder, path, LC_WAKEUP_PATH);
  char *slash = strrchr(folder, '/');
  if (slash != NULL)
    *slash = 0;
}

static void accepts(void) {
  struct lc_wakeup wakeup;
  struct stat info;
  char path[LC_WAKEUP_PATH], folder[LC_WAKEUP_PATH], byte;
  lc_wakeup_init(&wakeup);
  CHECK(!lc_wakeup_accept(&wakeup, 1) && !lc_wakeup_signal(&wakeup));
  CHECK(lc_wakeup_listen(&wakeup) == LC_OK);
  memcpy(path, wakeup.path, sizeof path);
  folder_of(path, folder);
  CHECK(stat(folder, &info) == 0 && (info.st_mode & 0777) == 0700);
  CHECK(!lc_wakeup_accept(&wakeup, 1) && !lc_wakeup_signal(&wakeup) && wakeup.listener >= 0);
  int fd = connect_to(path);
  CHECK(fd >= 0 && lc_wakeup_accept(&wakeup, 1));
  CHECK(access(path, F_OK) != 0 && access(folder, F_OK) != 0 && wakeup.listener < 0);
  CHECK(!readable(fd) && lc_wakeup_signal(&wakeup) && read(fd, &byte, 1) == 1 && !readable(fd));
  for (int i = 0; i < 100000; i++) /* beyond what a socket holds: it must not wait */
    lc_wakeup_signal(&wakeup);
  CHECK(lc_wakeup_signal(&wakeup) && readable(fd));
  close(fd);
  CHECK(!lc_wakeup_signal(&wakeup) && wakeup.reader < 0); /* and no SIGPIPE */
  lc_wakeup_close(&wakeup);
}

/* Another process of the same user can find the socket, but it is turned away. */
static void turns_away(void) {
  struct lc_wakeup wakeup;
  int status = 0;
  char byte;
  lc_wakeup_init(&wakeup);
  CHECK(lc_wakeup_listen(&wakeup) == LC_OK);
  pid_t pid = fork();
  if (pid == 0) {
    int fd = connect_to(wakeup.path);
    _exit(fd >= 0 && read(fd, &byte, 1) == 0 ? 0 : 1); /* ends when it is turned away */
  }
  struct pollfd wait = {.fd = wakeup.listener, .events = POLLIN};
  CHECK(poll(&wait, 1, 5000) == 1);
  CHECK(!lc_wakeup_accept(&wakeup, 1) && wakeup.listener >= 0 && access(wakeup.path, F_OK) == 0);
  CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  int fd = connect_to(wakeup.path);
  CHECK(lc_wakeup_accept(&wakeup, 1));
  close(fd);
  lc_wakeup_close(&wakeup);
}

static void cleans_up(void) {
  struct lc_wakeup wakeup;
  char folder[LC_WAKEUP_PATH], long_path[200];
  lc_wakeup_init(&wakeup);
  CHECK(lc_wakeup_listen(&wakeup) == LC_OK);
  folder_of(wakeup.path, folder);
  lc_wakeup_close(&wakeup); /* without a reader */
  CHECK(access(folder, F_OK) != 0 && wakeup.listener < 0 && wakeup.path[0] == 0);
  lc_wakeup_close(&wakeup);
  CHECK(lc_wakeup_listen(&wakeup) == LC_OK);
  folder_of(wakeup.path, folder);
  CHECK(lc_wakeup_listen(&wakeup) == LC_OK); /* anew: what was there goes */
  CHECK(access(folder, F_OK) != 0 && access(wakeup.path, F_OK) == 0);
  lc_wakeup_close(&wakeup);

  setenv("TMPDIR", "/nowhere/at/all", 1);
  CHECK(lc_wakeup_listen(&wakeup) == LC_ESYS && errno == ENOENT && wakeup.listener < 0);
  memset(long_path, 'x', sizeof long_path);
  long_path[sizeof long_path - 1] = 0;
  setenv("TMPDIR", long_path, 1); /* no socket's address is that long: /tmp instead */
  CHECK(lc_wakeup_listen(&wakeup) == LC_OK && strncmp(wakeup.path, "/tmp/", 5) == 0);
  lc_wakeup_close(&wakeup);
  unsetenv("TMPDIR");
}

/* The fault: without a descriptor for the reader its connection kept the listener readable, and the
 * thread that polled it never slept. */
static void waits_for_a_descriptor(void) {
  struct lc_wakeup wakeup;
  struct rlimit old, none;
  int64_t now_us = 5000000;
  lc_wakeup_init(&wakeup);
  CHECK(lc_wakeup_listen(&wakeup) == LC_OK);
  int fd = connect_to(wakeup.path);
  CHECK(fd >= 0 && readable(lc_wakeup_fd(&wakeup, now_us)));
  CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
  none = old;
  none.rlim_cur = 3;
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  CHECK(!lc_wakeup_accept(&wakeup, now_us) && lc_wakeup_fd(&wakeup, now_us) == -1);
  CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(!lc_wakeup_accept(&wakeup, now_us));
  now_us += LC_WAKEUP_RETRY_MS * 1000;
  CHECK(lc_wakeup_fd(&wakeup, now_us) >= 0 && lc_wakeup_accept(&wakeup, now_us));
  CHECK(lc_wakeup_signal(&wakeup) && readable(fd));
  CHECK((fcntl(wakeup.reader, F_GETFD) & FD_CLOEXEC) != 0);
  close(fd);
  lc_wakeup_close(&wakeup);
}

int main(void) {
  signal(SIGPIPE, SIG_DFL);
  events();
  accepts();
  turns_away();
  cleans_up();
  waits_for_a_descriptor();
  return test_end();
}
