/* SPDX-License-Identifier: MIT */
/* The register of calls; from any thread. */
#ifndef LC_CALLS_H
#define LC_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transfer.h"

struct lc_calls;

enum lc_err lc_calls_new(struct lc_calls **calls);
/* Wakes whoever waits, and drops every call. */
void lc_calls_close(struct lc_calls *calls);
void lc_calls_free(struct lc_calls *calls);

/* Owns the transfer where it succeeds; NULL: a call that is only parked. */
enum lc_err lc_calls_add(struct lc_calls *calls, struct lc_transfer *transfer, bool notify,
                         uint64_t *id);
/* These are the verbs of the engine. */
enum lc_err lc_calls_wait(struct lc_calls *calls, uint64_t id, int wait_ms);
bool lc_calls_done(struct lc_calls *calls, uint64_t id);
bool lc_calls_take(struct lc_calls *calls, uint64_t id, struct lc_response *response);
void lc_calls_cancel(struct lc_calls *calls, uint64_t id);
void lc_calls_drop(struct lc_calls *calls, uint64_t id);
int lc_calls_fd(struct lc_calls *calls, uint64_t id);
void lc_calls_join(struct lc_calls *calls, uint64_t id, uint64_t group);
void lc_calls_clear(struct lc_calls *calls, uint64_t id);
enum lc_err lc_calls_listen(struct lc_calls *calls, char *path, size_t path_size);
size_t lc_calls_finished(struct lc_calls *calls, uint64_t *ids, size_t n);
size_t lc_calls_pending(struct lc_calls *calls);

/* And these the pump's. The next to begin, or NULL. It stays the register's until lc_calls_finish
 * takes its result and gives it back; false: it is, or was, among the abandoned. */
struct lc_transfer *lc_calls_next(struct lc_calls *calls);
bool lc_calls_finish(struct lc_calls *calls, const struct lc_transfer *transfer,
                     const struct lc_response *response);
/* The transfers whose calls ended early, by their `next`: the pump's to free from here on. */
struct lc_transfer *lc_calls_abandoned(struct lc_calls *calls);
/* The descriptors (1 or 2) to watch while the pump sleeps; 0: there is work to do. */
size_t lc_calls_fall_asleep(struct lc_calls *calls, int fds[2]);
bool lc_calls_wake_up(struct lc_calls *calls); /* false: closed */

#endif
