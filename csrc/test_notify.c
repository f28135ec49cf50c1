/* SPDX-License-Identifier: MIT */
/* Flags, and the door that opens to this process only. */
#include "notify.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static bool readable(int fd) {
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  return poll(&wait, 1, 0) == 1 && (wait.revents & POLLIN) != 0;
}

static void flags(void) {
  struct lc_flag flag;
  CHECK(lc_flag_open(&flag) == LC_OK && flag.fd >= 0);
  CHECK(!readable(flag.fd));
  lc_flag_lower(&flag); /* it is down: that must not wait */
  for (int i = 0; i < 3; i++)
    lc_flag_raise(&flag);
  CHECK(readable(flag.fd) && readable(flag.fd));
  lc_flag_lower(&flag);
  CHECK(!readable(flag.fd));
  lc_flag_raise(&flag);
  CHECK(readable(flag.fd));
  lc_flag_close(&flag);
  CHECK(flag.fd == -1);
  lc_flag_close(&flag);
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t len = strlen(path);
  memcpy(address.sun_path, path, len < LC_DOOR_PATH ? len : LC_DOOR_PATH - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  close(fd);
  return -1;
}

/* The folder of a door's path. */
static void folder_of(const char *path, char folder[LC_DOOR_PATH]) {
  memcpy(folder, path, LC_DOOR_PATH);
  char *slash = strrchr(folder, '/');
  if (slash != NULL)
    *slash = 0;
}

static void lets_in(void) {
  struct lc_door door;
  struct stat info;
  char path[LC_DOOR_PATH], folder[LC_DOOR_PATH], byte;
  lc_door_init(&door);
  CHECK(!lc_door_accept(&door) && !lc_door_knock(&door));
  CHECK(lc_door_open(&door) == LC_OK);
  memcpy(path, door.path, sizeof path);
  folder_of(path, folder);
  CHECK(stat(folder, &info) == 0 && (info.st_mode & 0777) == 0700);
  CHECK(!lc_door_accept(&door) && !lc_door_knock(&door) && door.listener >= 0);
  int fd = connect_to(path);
  CHECK(fd >= 0 && lc_door_accept(&door));
  CHECK(access(path, F_OK) != 0 && access(folder, F_OK) != 0 && door.listener < 0);
  CHECK(!readable(fd) && lc_door_knock(&door) && read(fd, &byte, 1) == 1 && !readable(fd));
  for (int i = 0; i < 100000; i++) /* beyond what a socket holds: it must not wait */
    lc_door_knock(&door);
  CHECK(lc_door_knock(&door) && readable(fd));
  close(fd);
  CHECK(!lc_door_knock(&door) && door.peer < 0); /* and no SIGPIPE */
  lc_door_close(&door);
}

/* Another process of the same user can find the socket, but it is turned away. */
static void turns_away(void) {
  struct lc_door door;
  int status = 0;
  char byte;
  lc_door_init(&door);
  CHECK(lc_door_open(&door) == LC_OK);
  pid_t pid = fork();
  if (pid == 0) {
    int fd = connect_to(door.path);
    _exit(fd >= 0 && read(fd, &byte, 1) == 0 ? 0 : 1); /* ends when the door is shut in its face */
  }
  struct pollfd wait = {.fd = door.listener, .events = POLLIN};
  CHECK(poll(&wait, 1, 5000) == 1);
  CHECK(!lc_door_accept(&door) && door.listener >= 0 && access(door.path, F_OK) == 0);
  CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  int fd = connect_to(door.path);
  CHECK(lc_door_accept(&door));
  close(fd);
  lc_door_close(&door);
}

static void cleans_up(void) {
  struct lc_door door;
  char folder[LC_DOOR_PATH], long_path[200];
  lc_door_init(&door);
  CHECK(lc_door_open(&door) == LC_OK);
  folder_of(door.path, folder);
  lc_door_close(&door); /* nobody came */
  CHECK(access(folder, F_OK) != 0 && door.listener < 0 && door.path[0] == 0);
  lc_door_close(&door);
  CHECK(lc_door_open(&door) == LC_OK);
  folder_of(door.path, folder);
  CHECK(lc_door_open(&door) == LC_OK); /* anew: what was there goes */
  CHECK(access(folder, F_OK) != 0 && access(door.path, F_OK) == 0);
  lc_door_close(&door);

  setenv("TMPDIR", "/nowhere/at/all", 1);
  CHECK(lc_door_open(&door) == LC_ESYS && errno == ENOENT && door.listener < 0);
  memset(long_path, 'x', sizeof long_path);
  long_path[sizeof long_path - 1] = 0;
  setenv("TMPDIR", long_path, 1); /* no socket's address is that long: /tmp instead */
  CHECK(lc_door_open(&door) == LC_OK && strncmp(door.path, "/tmp/", 5) == 0);
  lc_door_close(&door);
  unsetenv("TMPDIR");
}

int main(void) {
  signal(SIGPIPE, SIG_DFL);
  flags();
  lets_in();
  turns_away();
  cleans_up();
  return test_end();
}
