/* SPDX-License-Identifier: MIT */
/* Loaded before a program's own libraries: the first GET that it sends waits on its last step, as
 * where the process is stopped there, or its thread gets no processor.
 *
 *   LATE_MS=1600      so long
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static struct {
  atomic_flag seen;
  long ms;
  ssize_t (*send)(int, const void *, size_t, int);
} shim = {.seen = ATOMIC_FLAG_INIT};

/* Now, because nginx takes the environment from its workers. */
__attribute__((constructor)) static void begin(void) {
  const char *ms = getenv("LATE_MS");
  shim.ms = ms != NULL ? atol(ms) : 0;
  *(void **)&shim.send = dlsym(RTLD_NEXT, "send");
}

ssize_t send(int fd, const void *bytes, size_t len, int flags) {
  if (len > 4 && memcmp(bytes, "GET ", 4) == 0 && !atomic_flag_test_and_set(&shim.seen))
    nanosleep(&(struct timespec){shim.ms / 1000, shim.ms % 1000 * 1000000}, NULL);
  return shim.send(fd, bytes, len, flags);
}
