/* SPDX-License-Identifier: MIT */
/* The call table: which calls there are, what state each is in, and who is told of a change.
 *
 * Calls are named by ids, never 0, never used again. The verbs may be used by any thread of the
 * process that made the table; in a process that forked from it they do nothing: no thread there
 * would ever give a lock back. */
#ifndef LC_CALLS_H
#define LC_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transfer.h"

struct lc_calls;

enum lc_err lc_calls_new(struct lc_calls **calls);
/* Before a second thread pumps: LC_ESYS where there is no descriptor to wake it with. */
enum lc_err lc_calls_share(struct lc_calls *calls);
/* Ends every call; returns when the last waiter has left. */
void lc_calls_close(struct lc_calls *calls);
void lc_calls_free(struct lc_calls *calls); /* NULL is fine */

/* ---- for the callers ------------------------------------------------------------------------ */

/* Owns the transfer where it succeeds. NULL: a parked call, which ends only when it is cancelled.
 * notify: lc_calls_fd will be asked for. */
enum lc_err lc_calls_add(struct lc_calls *calls, struct lc_transfer *transfer, bool notify,
                         uint64_t *id);
/* Sleeps until another thread has finished this call. LC_ETIMEOUT after wait_ms; LC_ECLOSED for an
 * id that is unknown or already taken. */
enum lc_err lc_calls_wait(struct lc_calls *calls, uint64_t id, int wait_ms);
/* Whether there is nothing to wait for: true also for an id that is unknown or already taken. */
bool lc_calls_done(struct lc_calls *calls, uint64_t id);
/* Moves the result of a finished call out; the caller frees headers and body. false: not done. */
bool lc_calls_take(struct lc_calls *calls, uint64_t id, struct lc_response *response);
/* Ends a call now: its result is LC_ECANCELLED and waiters wake. A finished call stays as it is. */
void lc_calls_cancel(struct lc_calls *calls, uint64_t id);
void lc_calls_cancel_all(struct lc_calls *calls, const uint64_t *ids, size_t n);
/* Cancels and forgets: its result will not be taken. */
void lc_calls_drop(struct lc_calls *calls, uint64_t id);
/* Calls that have not been taken or dropped. */
size_t lc_calls_pending(struct lc_calls *calls);

/* A descriptor of this call alone that becomes readable, and stays so, when it has finished. Valid
 * until the call is taken or dropped. -1 where the call was not made with `notify`. */
int lc_calls_fd(struct lc_calls *calls, uint64_t id);
/* Many calls, one descriptor: when call id has finished (or has already), that of the parked call
 * `group` becomes readable too, until lc_calls_clear(group). */
void lc_calls_join(struct lc_calls *calls, uint64_t id, uint64_t group);
void lc_calls_clear(struct lc_calls *calls, uint64_t id);

/* For one dispatcher: the path of a wakeup socket, which the dispatcher connects to. A byte arrives
 * when a call finishes, then none until lc_calls_finished has given its last id: so read a byte,
 * ask for ids until there are none, and read again. What finished before it connected counts too.
 * Called anew, it lets the next dispatcher take over, with what the last one had not asked for. */
enum lc_err lc_calls_listen(struct lc_calls *calls, char *path, size_t path_size);
/* Takes up to n ids of calls that have finished since the first look, or since listen, and were not
 * yet reported here. */
size_t lc_calls_finished(struct lc_calls *calls, uint64_t *ids, size_t n);

/* ---- for the pump: one thread, whichever drives libcurl -------------------------------------- */

/* The next transfer to begin, or NULL. It stays the table's until lc_calls_finish takes its result
 * and gives it back. false: its call has ended early, and lc_calls_cancelled gives it. */
struct lc_transfer *lc_calls_next(struct lc_calls *calls);
bool lc_calls_finish(struct lc_calls *calls, const struct lc_transfer *transfer,
                     const struct lc_response *response);
/* The transfers whose calls ended early, by their `next`: the pump's to free from here on. */
struct lc_transfer *lc_calls_cancelled(struct lc_calls *calls);
/* Before the pump sleeps, for at most *wait_ms: the descriptors to watch meanwhile, and how many.
 * false: there is work to do, and it must not sleep. */
bool lc_calls_before_sleep(struct lc_calls *calls, int fds[2], size_t *n_fds, int *wait_ms);
bool lc_calls_after_sleep(struct lc_calls *calls); /* false: closed */

#endif
