/* SPDX-License-Identifier: MIT */
/* Which process this is, and whether another lives. */
#ifndef LC_PROCESS_H
#define LC_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* getpid(), asked of the kernel once a process: a fork makes the child ask again. (A child that was
 * made behind the C library's back, by a bare system call, is taken for its parent.) */
int lc_pid(void);

/* A mark of this process in its PID namespace: its number, and in the lower half the moment at
 * which it began, where /proc tells (else 0), because numbers are used again. Never 0. */
uint64_t lc_process_mark(void);
/* Whether the process of that mark lives. One that has ended and was not yet waited for does not.
 * Where it cannot be known, it does. */
bool lc_process_lives(uint64_t mark);

#endif
