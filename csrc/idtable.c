/* SPDX-License-Identifier: MIT */
#include "idtable.h"

#include <stdlib.h>

#define SIZE_MIN 64

static struct lc_node **bucket(const struct lc_idtable *table, uint64_t id) {
  return &table->buckets[id & (table->size - 1)];
}

void lc_idtable_add(struct lc_idtable *table, struct lc_node *node) {
  struct lc_node **at = bucket(table, node->id);
  node->chain = *at;
  *at = node;
  table->n++;
}

enum lc_err lc_idtable_grow(struct lc_idtable *table) {
  struct lc_idtable larger = {.size = table->size > 0 ? table->size * 2 : SIZE_MIN};
  if (table->n < table->size)
    return LC_OK;
  larger.buckets = calloc(larger.size, sizeof(struct lc_node *));
  if (larger.buckets == NULL)
    return LC_ENOMEM;
  for (size_t i = 0; i < table->size; i++) {
    for (struct lc_node *next, *node = table->buckets[i]; node != NULL; node = next) {
      next = node->chain;
      lc_idtable_add(&larger, node);
    }
  }
  free(table->buckets);
  *table = larger;
  return LC_OK;
}

struct lc_node *lc_idtable_find(const struct lc_idtable *table, uint64_t id) {
  struct lc_node *node = table->n > 0 ? *bucket(table, id) : NULL;
  while (node != NULL && node->id != id)
    node = node->chain;
  return node;
}

void lc_idtable_remove(struct lc_idtable *table, const struct lc_node *node) {
  struct lc_node **at = bucket(table, node->id);
  while (*at != node)
    at = &(*at)->chain;
  *at = node->chain;
  table->n--;
}

struct lc_node *lc_idtable_first(const struct lc_idtable *table, size_t *from) {
  while (*from < table->size && table->buckets[*from] == NULL)
    ++*from;
  return *from < table->size ? table->buckets[*from] : NULL;
}

void lc_idtable_free(struct lc_idtable *table) {
  free(table->buckets);
  *table = (struct lc_idtable){0};
}
