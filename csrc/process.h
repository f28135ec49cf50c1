/* SPDX-License-Identifier: MIT */
/* Which process this is. */
#ifndef LC_PROCESS_H
#define LC_PROCESS_H

/* getpid(), asked of the kernel once a process: a fork makes the child ask again. (A child that was
 * made behind the C library's back, by a bare system call, is taken for its parent.) */
int lc_pid(void);

#endif
