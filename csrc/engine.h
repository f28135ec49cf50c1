/* SPDX-License-Identifier: MIT */
/* HTTP transfers over libcurl's multi interface. */
#ifndef LC_ENGINE_H
#define LC_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calls.h"

struct lc_engine;

/* Calls are named by ids, never 0, never used again. An engine is pumped by its one owner, until
 * lc_engine_start gives it a thread of its own; from then on every function may be called while
 * that thread runs. */
enum lc_err lc_engine_new(struct lc_engine **engine);
enum lc_err lc_engine_submit(struct lc_engine *engine, const struct lc_request *request,
                             uint64_t *id, char *text, size_t text_size);
/* A call without a transfer, which ends only when it is cancelled: something to sleep on. */
enum lc_err lc_engine_park(struct lc_engine *engine, bool notify, uint64_t *id);
/* Drives the transfers, without a thread; returns when a call has finished or wait_ms have
 * passed. */
enum lc_err lc_engine_pump(struct lc_engine *engine, int wait_ms);
/* Waits until this call has finished: pumps, or sleeps where the engine has a thread.
 * LC_ETIMEOUT after wait_ms; LC_ECLOSED for an id that is unknown or already taken. */
enum lc_err lc_engine_wait(struct lc_engine *engine, uint64_t id, int wait_ms);
/* Whether there is nothing to wait for: true also for an id that is unknown or already taken. */
bool lc_engine_done(struct lc_engine *engine, uint64_t id);
/* Moves the result of a finished call out; the caller frees headers and body. false: not done. */
bool lc_engine_take(struct lc_engine *engine, uint64_t id, struct lc_response *response);
/* Ends a call now: its result is LC_ECANCELLED and waiters wake. A finished call stays as it is. */
void lc_engine_cancel(struct lc_engine *engine, uint64_t id);
/* Cancels and forgets: nobody will take the result. */
void lc_engine_drop(struct lc_engine *engine, uint64_t id);

/* The thread. Started once, in the process that will use it (never before a fork). */
enum lc_err lc_engine_start(struct lc_engine *engine);
/* A descriptor of this call alone that becomes readable, and stays so, when it has finished.
 * Valid until the call is taken or dropped. -1 where the call was not made with `notify`. */
int lc_engine_call_fd(struct lc_engine *engine, uint64_t id);
/* Many calls, one descriptor: when call id has finished (or has already), that of the parked call
 * `group` becomes readable too, until lc_engine_clear(group). */
void lc_engine_join(struct lc_engine *engine, uint64_t id, uint64_t group);
void lc_engine_clear(struct lc_engine *engine, uint64_t id);
/* For one dispatcher: a Unix socket, in a private folder, which the dispatcher connects to (its
 * name goes away as soon as a peer with this process's pid has connected). A byte arrives when a
 * call finishes, then none until lc_engine_finished has given its last id: so read a byte, ask for
 * ids until there are none, and read again. What finished before somebody came counts too. Called
 * anew, it lets the next dispatcher take over, with what the last one had not asked for. */
enum lc_err lc_engine_listen(struct lc_engine *engine, char *path, size_t path_size);
/* Takes up to n ids of calls that have finished since the first look, or since listen, and were not
 * yet reported here. */
size_t lc_engine_finished(struct lc_engine *engine, uint64_t *ids, size_t n);
/* Calls in flight or not yet taken. */
size_t lc_engine_pending(struct lc_engine *engine);
/* Ends every call, joins the thread, frees everything. NULL is fine. In a process that forked
 * after the engine was made it frees nothing that the parent may still use. */
void lc_engine_free(struct lc_engine *engine);

#endif
