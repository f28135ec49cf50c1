/* SPDX-License-Identifier: MIT */
/* A program that this one starts and watches. */
#ifndef LC_CHILD_H
#define LC_CHILD_H

#include <stdint.h>

#include "err.h"

struct lc_child;

/* argv[0] is a path. While it runs, SIGINT, SIGTERM, SIGHUP and SIGQUIT to this process are held
 * back; lc_child_wait passes them on, and forgets those that are left when it has ended. A program
 * that cannot be executed ends with status 127. */
enum lc_err lc_child_start(struct lc_child **child, char *const argv[]);
/* LC_ETIMEOUT: it still runs after wait_ms. *signal is the last one that was passed on, as it was
 * before where none came; *status is an exit status, or 128 and the signal that ended it. */
enum lc_err lc_child_wait(struct lc_child *child, int64_t wait_ms, int *status, int *signal);
/* Ends it first where it still runs, after five seconds by force. NULL is fine. */
void lc_child_free(struct lc_child *child);

#endif
