/* SPDX-License-Identifier: MIT */
/* Threads inside of a program that is another's. */
#ifndef LC_THREAD_H
#define LC_THREAD_H

#include "err.h"

struct lc_thread;

/* Starts run(arg) with all signals blocked: they are the program's. This library stays loaded from
 * now on, however it was linked. LC_ESYS: no thread. */
enum lc_err lc_thread_start(struct lc_thread **thread, const char *name, void *(*run)(void *),
                            void *arg);
/* One of the two, once: waits for its end, or lets it run on alone. */
void lc_thread_join(struct lc_thread *thread);
void lc_thread_leave(struct lc_thread *thread);

#endif
