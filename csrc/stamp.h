/* SPDX-License-Identifier: MIT */
/* Time. */
#ifndef LC_STAMP_H
#define LC_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The clock of throttles and deadlines: microseconds since boot, sleep included, never set back. */
int64_t lc_clock_us(void);
/* The wall clock: microseconds since 1970-01-01 UTC. */
int64_t lc_wall_us(void);

#define LC_STAMP_SIZE 25 /* "yyyy-MM-ddTHH:mm:ss.fffZ" and its 0 */

/* Every form of the wire: epoch seconds or milliseconds as digits (with or without a fraction),
 * ISO 8601 / RFC 3339 date-times with 'T' or a space, with or without a fraction (any number of
 * digits), with 'Z', an offset (+02:00, +0200, +02) or none (then UTC); also a bare date. What is
 * finer than a millisecond is cut off. A leap second, 23:59:60 UTC, is that day's last millisecond.
 * false for anything else, for a date that does not exist, and for years outside 0001-9999. */
bool lc_stamp_parse(const char *text, size_t len, int64_t *epoch_ms);
/* Epoch seconds, or milliseconds where the magnitude can only mean them (>= 1e11), as above. */
bool lc_stamp_number(double value, int64_t *epoch_ms);
/* false, and an empty text, outside those years. */
bool lc_stamp_format(int64_t epoch_ms, char text[LC_STAMP_SIZE]);

#endif
