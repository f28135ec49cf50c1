/* SPDX-License-Identifier: MIT */
/* HTTP transfers over libcurl's multi interface.
 *
 * An engine is pumped by its one owner, until lc_engine_start gives it a thread of its own; from
 * then on every function may be called while that thread runs. In a process that forked from the
 * one which made it, it is closed: nothing is done, and LC_ECLOSED is the answer. */
#ifndef LC_ENGINE_H
#define LC_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "calls.h"

struct lc_engine;

enum lc_err lc_engine_new(struct lc_engine **engine);
/* Its call table: to park, ask for, take and report calls. The engine's own verbs are those which
 * need libcurl. */
struct lc_calls *lc_engine_calls(struct lc_engine *engine);
/* `text` gets one line for a request that is refused. */
enum lc_err lc_engine_submit(struct lc_engine *engine, const struct lc_request *request,
                             uint64_t *id, char *text, size_t text_size);
/* Drives the transfers, without a thread; returns when a call has finished or wait_ms have
 * passed. */
enum lc_err lc_engine_pump(struct lc_engine *engine, int wait_ms);
/* lc_calls_wait, which pumps where the engine has no thread. */
enum lc_err lc_engine_wait(struct lc_engine *engine, uint64_t id, int wait_ms);
/* lc_calls_cancel and lc_calls_drop, which close the connection of what has begun. */
void lc_engine_cancel(struct lc_engine *engine, uint64_t id);
void lc_engine_drop(struct lc_engine *engine, uint64_t id);

/* The thread. Started once, in the process that will use it (never before a fork). */
enum lc_err lc_engine_start(struct lc_engine *engine);
/* lc_calls_listen; LC_EINVAL where the engine has no thread. */
enum lc_err lc_engine_listen(struct lc_engine *engine, char *path, size_t path_size);

/* Ends every call, joins the thread, frees everything. NULL is fine. */
void lc_engine_free(struct lc_engine *engine);

#endif
