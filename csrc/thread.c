/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

struct lc_thread {
  pthread_t id;
};

/* A Lua state that ends unloads its libraries, perhaps before the thread has run its last
 * instruction: the code stays. */
static void stay_loaded(void *(*run)(void *)) {
#ifdef RTLD_NODELETE
  Dl_info info;
  void *library = NULL;
  if (dladdr((void *)(uintptr_t)run, &info) != 0)
    library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  if (library != NULL)
    dlclose(library);
#else
  (void)run;
#endif
}

enum lc_err lc_thread_start(struct lc_thread **thread, const char *name, void *(*run)(void *),
                            void *arg) {
  sigset_t all, old;
  struct lc_thread *t = *thread = malloc(sizeof *t);
  if (t == NULL)
    return LC_ENOMEM;
  stay_loaded(run);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int failed = pthread_create(&t->id, NULL, run, arg);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (failed) {
    free(t);
    *thread = NULL;
    errno = failed;
    return LC_ESYS;
  }
#ifdef __linux__
  pthread_setname_np(t->id, name);
#else
  (void)name;
#endif
  return LC_OK;
}

void lc_thread_join(struct lc_thread *thread) {
  pthread_join(thread->id, NULL);
  free(thread);
}

void lc_thread_leave(struct lc_thread *thread) {
  pthread_detach(thread->id);
  free(thread);
}
