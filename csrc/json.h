/* SPDX-License-Identifier: MIT */
/* What is wrong with a JSON text. */
#ifndef LC_JSON_H
#define LC_JSON_H

#include <stddef.h>

#define LC_JSON_MAX_DEPTH 1000

enum lc_json {
  LC_JSON_OK = 0,
  LC_JSON_SYNTAX, /* not RFC 8259 */
  LC_JSON_UTF8,
  LC_JSON_DEPTH,
  LC_JSON_DUPLICATE, /* an object names a member twice, however it is spelled */
  LC_JSON_ENOMEM
};

struct lc_span {
  size_t start, len;
};

/* Checks a whole text; objects and arrays may nest max_depth deep, at most LC_JSON_MAX_DEPTH. Where
 * the outermost value is an object with that member, *value tells where the member's value is
 * written; its len is 0 otherwise. Member and value may be NULL. */
enum lc_json lc_json_check(const char *text, size_t len, unsigned max_depth, const char *member,
                           struct lc_span *value);

#endif
