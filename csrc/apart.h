/* SPDX-License-Identifier: MIT */
/* Work that comes to its end although the process that began it is killed. */
#ifndef LC_APART_H
#define LC_APART_H

#include <stdbool.h>

#include "buf.h"

/* Forks, into a session of its own, without standard input and output. In the new process
 * *is_apart, and *fd is where it writes its result before it ends with lc_apart_end; in the caller,
 * who closes it, *fd is where that is read. LC_EINVAL: not in a process that has threads, because
 * the new one would have none of them and all of their locks. */
enum lc_err lc_apart_begin(int *fd, bool *is_apart);
/* Ends the new process: nothing of the caller's runs at its end. */
_Noreturn void lc_apart_end(int fd, const void *result, size_t len);
/* Reads what there is; LC_ETIMEOUT: it has not ended after wait_ms. */
enum lc_err lc_apart_wait(int fd, int wait_ms, struct lc_buf *result);

#endif
