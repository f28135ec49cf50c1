/* SPDX-License-Identifier: MIT */
#include "process.h"
#include "test.h"

#include <signal.h>
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

static void test_marks(void) {
  uint64_t own = lc_process_mark();
  int go[2];
  CHECK(own >> 32 == (uint64_t)getpid() && (uint32_t)own != 0);
  CHECK(lc_process_mark() == own && lc_process_lives(own));
  CHECK(!lc_process_lives(own + 1) && lc_process_lives(own & ~(uint64_t)UINT32_MAX));
  CHECK(pipe(go) == 0);
  pid_t pid = fork();
  if (pid == 0) { /* it tells its mark, and stays until it is killed */
    uint64_t mark = lc_process_mark();
    _exit(write(go[1], &mark, sizeof mark) == sizeof mark && pause() == 0);
  }
  uint64_t mark = 0;
  CHECK(read(go[0], &mark, sizeof mark) == sizeof mark && mark != own);
  CHECK(kill(pid, SIGSTOP) == 0 && lc_process_lives(mark));
  CHECK(kill(pid, SIGKILL) == 0);
  for (int i = 0; i < 5000 && lc_process_lives(mark); i++)
    usleep(1000);
  CHECK(!lc_process_lives(mark)); /* not yet waited for */
  CHECK(waitpid(pid, NULL, 0) == pid && !lc_process_lives(mark));
  close(go[0]), close(go[1]);
}

int main(void) {
  CHECK(lc_pid() == getpid());
  CHECK(descend(0) == 0);
  CHECK(lc_pid() == getpid() && lc_pid() == getpid());
  test_marks();
  return test_end();
}
