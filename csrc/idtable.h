/* SPDX-License-Identifier: MIT */
/* A hash table of things whose ids were given one after the other: the low bits spread them. */
#ifndef LC_IDTABLE_H
#define LC_IDTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct lc_node { /* the first member of what is kept */
  uint64_t id;
  struct lc_node *chain; /* the next of its bucket */
};

struct lc_idtable {
  struct lc_node **buckets;
  size_t size; /* a power of two; 0: nothing was ever put in */
  size_t n;
};

/* Makes room for one more. */
enum lc_err lc_idtable_grow(struct lc_idtable *table);
/* After lc_idtable_grow: cannot fail. The id is not in it. */
void lc_idtable_add(struct lc_idtable *table, struct lc_node *node);
struct lc_node *lc_idtable_find(const struct lc_idtable *table, uint64_t id); /* NULL: not there */
void lc_idtable_remove(struct lc_idtable *table, const struct lc_node *node); /* is in it */
/* To take all out: begins with *from 0 and goes on from where it found the last. NULL: no more. */
struct lc_node *lc_idtable_first(const struct lc_idtable *table, size_t *from);
void lc_idtable_free(struct lc_idtable *table); /* not what is in it */

#endif
