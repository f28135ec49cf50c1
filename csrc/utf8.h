/* SPDX-License-Identifier: MIT */
/* RFC 3629. */
#ifndef LC_UTF8_H
#define LC_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a text is UTF-8 and nothing else: no overlong forms, no surrogates, nothing above
 * U+10FFFF. Any byte below 0x80 may be in it, 0 among them. */
bool lc_utf8(const char *text, size_t len);

#endif
