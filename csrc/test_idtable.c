/* SPDX-License-Identifier: MIT */
#include "idtable.h"
#include "test.h"

#include <stdbool.h>

#define MANY 1000

static void keeps_ids(void) {
  static struct lc_node nodes[MANY];
  struct lc_idtable table = {0};
  size_t from = 0;
  int left = 0;
  CHECK(lc_idtable_find(&table, 1) == NULL && lc_idtable_first(&table, &from) == NULL);
  for (size_t i = 0; i < MANY; i++) {
    nodes[i].id = i * 64 + 7; /* in one bucket, as long as the table is small */
    CHECK(lc_idtable_grow(&table) == LC_OK);
    lc_idtable_add(&table, &nodes[i]);
  }
  CHECK(table.n == MANY && table.size >= MANY && (table.size & (table.size - 1)) == 0);
  for (size_t i = 0; i < MANY; i += 2)
    lc_idtable_remove(&table, &nodes[i]);
  bool good = true;
  for (size_t i = 0; i < MANY; i++)
    good = good && lc_idtable_find(&table, nodes[i].id) == (i % 2 ? &nodes[i] : NULL);
  CHECK(good && lc_idtable_find(&table, 8) == NULL);
  from = 0;
  for (struct lc_node *node; (node = lc_idtable_first(&table, &from)) != NULL; left++)
    lc_idtable_remove(&table, node);
  CHECK(left == MANY / 2 && table.n == 0);
  lc_idtable_free(&table);
}

static void runs_out_of_memory(void) {
  static struct lc_node nodes[65];
  struct lc_idtable table = {0};
  test_fail_alloc(1);
  CHECK(lc_idtable_grow(&table) == LC_ENOMEM && table.size == 0);
  test_alloc_failed();
  for (size_t i = 0; i < 65; i++) {
    nodes[i].id = i;
    test_fail_alloc(1);
    bool full = lc_idtable_grow(&table) == LC_ENOMEM;
    test_alloc_failed();
    CHECK(full == (i == 0 || i == 64) && table.n == i);
    CHECK(lc_idtable_grow(&table) == LC_OK);
    lc_idtable_add(&table, &nodes[i]);
  }
  for (size_t i = 0; i < 65; i++)
    CHECK(lc_idtable_find(&table, i) == &nodes[i]);
  lc_idtable_free(&table);
}

int main(void) {
  keeps_ids();
  runs_out_of_memory();
  return test_end();
}
