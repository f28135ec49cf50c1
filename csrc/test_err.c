/* SPDX-License-Identifier: MIT */
#include "err.h"
#include "test.h"

#include <string.h>

static void test_names(void) {
  CHECK(strcmp(lc_err_name(LC_OK), "ok") == 0);
  CHECK(strcmp(lc_err_name(LC_ETIMEOUT), "timeout") == 0);
  for (int i = LC_OK; i <= LC_ESYS; i++) {
    const char *name = lc_err_name((enum lc_err)i);
    CHECK(strspn(name, "abcdefghijklmnopqrstuvwxyz") == strlen(name) && name[0] != 0);
    CHECK_WITH(name, strcmp(name, "unknown") != 0);
    for (int j = LC_OK; j < i; j++)
      CHECK_WITH(name, strcmp(name, lc_err_name((enum lc_err)j)) != 0);
  }
  CHECK(strcmp(lc_err_name((enum lc_err)(LC_ESYS + 1)), "unknown") == 0);
}

int main(void) {
  test_names();
  return test_end();
}
