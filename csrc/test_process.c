/* SPDX-License-Identifier: MIT */
#include "process.h"
#include "test.h"

#include <sys/wait.h>
#include <unistd.h>

/* Children of children, made before and after their parents asked. */
static int descend(int depth) {
  int status = 1;
  if (depth % 2 == 0 && lc_pid() != getpid())
    return 1;
  if (depth == 4)
    return 0;
  pid_t pid = fork();
  if (pid == 0)
    _exit(descend(depth + 1));
  if (pid < 0 || waitpid(pid, &status, 0) != pid)
    return 1;
  return lc_pid() == getpid() ? status : 1;
}

int main(void) {
  CHECK(lc_pid() == getpid());
  CHECK(descend(0) == 0);
  CHECK(lc_pid() == getpid() && lc_pid() == getpid());
  return test_end();
}
