/* SPDX-License-Identifier: MIT */
/* Time. The calendar is computed here: the C library's would bring the host program's locale and
 * time zone with it. Proleptic Gregorian, UTC; what is finer than a millisecond is cut off, so an
 * instant belongs to the millisecond in which it lies, before 1970 too. */
#include "stamp.h"

#include <string.h>
#include <time.h>

#define MS_MIN (-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define MS_MAX 253402300799999   /* 9999-12-31T23:59:59.999Z */
#define DAY_MS 86400000
#define AS_MS 100000000000 /* as seconds it would lie beyond the year 5000 */

/* macOS's monotonic clock goes on while the machine sleeps; Linux has another one for that. */
#ifdef CLOCK_BOOTTIME
#define CLOCK CLOCK_BOOTTIME
#else
#define CLOCK CLOCK_MONOTONIC
#endif

static int64_t read_clock(clockid_t id) {
  struct timespec now = {0, 0};
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t lc_clock_us(void) {
  return read_clock(CLOCK);
}

int64_t lc_wall_us(void) {
  return read_clock(CLOCK_REALTIME);
}

/* ---- the calendar -------------------------------------------------------------------------- */

struct civil {
  int year, month, day;
};

/* Days are counted from 0000-03-01, so that the leap day is the last of its year: 365 and a quarter
 * a year but for the centuries, and months of 31, 30, 31, 30, 31 days over and over. */
#define DAYS_TO_1970 719468

static int64_t days_of(struct civil date) {
  int64_t year = date.year - (date.month <= 2);
  int64_t month = (date.month + 9) % 12;
  return year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + date.day - 1 -
         DAYS_TO_1970;
}

static struct civil civil_of(int64_t days) {
  days += DAYS_TO_1970; /* 306 at least: year 1 begins there */
  int64_t in_era = days % 146097;
  int64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  int64_t in_year = in_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
  int64_t month = (in_year * 5 + 2) / 153;
  struct civil date = {
      .year = (int)(year_of_era + days / 146097 * 400 + (month >= 10)),
      .month = (int)((month + 2) % 12 + 1),
      .day = (int)(in_year - (month * 153 + 2) / 5 + 1),
  };
  return date;
}

static bool exists(struct civil date) {
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1)
    return false;
  bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
  return date.day <= lengths[date.month - 1] + (leap && date.month == 2);
}

static bool in_range(int64_t epoch_ms) {
  return epoch_ms >= MS_MIN && epoch_ms <= MS_MAX;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct reader {
  const char *at, *end;
};

static bool is_digit(const struct reader *in) {
  return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

static bool one_of(struct reader *in, const char *chars) {
  if (in->at == in->end || memchr(chars, *in->at, strlen(chars)) == NULL)
    return false;
  in->at++;
  return true;
}

static bool digits(struct reader *in, int n, int *value) {
  for (*value = 0; n > 0; n--) {
    if (!is_digit(in))
      return false;
    *value = *value * 10 + (*in->at++ - '0');
  }
  return true;
}

/* The digits after a point, one at least: thousandths, and whether there was more to it. */
static bool thousandths(struct reader *in, int *value, bool *more) {
  *value = 0;
  *more = false;
  if (!is_digit(in))
    return false;
  for (int scale = 100; is_digit(in); in->at++, scale /= 10) {
    *value += (*in->at - '0') * scale;
    *more = *more || (scale == 0 && *in->at != '0');
  }
  return true;
}

static bool read_number(struct reader in, int64_t *epoch_ms) {
  bool negative = one_of(&in, "-");
  int64_t whole = 0;
  int part = 0;
  bool more = false;
  if (!is_digit(&in))
    return false;
  for (; is_digit(&in); in.at++) {
    whole = whole * 10 + (*in.at - '0');
    if (whole > MS_MAX)
      return false;
  }
  if (one_of(&in, ".") && !thousandths(&in, &part, &more))
    return false;
  if (in.at != in.end)
    return false;
  if (whole >= AS_MS)
    more = more || part != 0;
  else
    whole = whole * 1000 + part;
  *epoch_ms = negative ? -whole - more : whole;
  return in_range(*epoch_ms);
}

/* Z, +02:00, +0200, +02, or nothing, then UTC. */
static bool read_offset(struct reader *in, int64_t *offset_ms) {
  int hours = 0, minutes = 0;
  *offset_ms = 0;
  if (in->at == in->end || one_of(in, "Zz"))
    return true;
  bool west = in->at < in->end && *in->at == '-';
  if (!one_of(in, "+-") || !digits(in, 2, &hours))
    return false;
  bool colon = one_of(in, ":");
  if ((colon || is_digit(in)) && !digits(in, 2, &minutes))
    return false;
  if (hours > 23 || minutes > 59)
    return false;
  *offset_ms = (int64_t)(hours * 60 + minutes) * 60000 * (west ? -1 : 1);
  return true;
}

static bool read_time(struct reader *in, int64_t *ms, bool *leap) {
  int hour, minute, second = 0, part = 0;
  bool more;
  if (!digits(in, 2, &hour) || !one_of(in, ":") || !digits(in, 2, &minute))
    return false;
  if (one_of(in, ":")) {
    if (!digits(in, 2, &second))
      return false;
    if (one_of(in, ".,") && !thousandths(in, &part, &more))
      return false;
  }
  if (hour > 23 || minute > 59 || second > 60)
    return false;
  *leap = second == 60;
  *ms = (int64_t)(hour * 60 + minute) * 60000 + (*leap ? 59999 : second * 1000 + part);
  return true;
}

static bool read_date_time(struct reader in, int64_t *epoch_ms) {
  struct civil date;
  int64_t time_ms = 0, offset_ms = 0;
  bool leap = false;
  if (!digits(&in, 4, &date.year) || !one_of(&in, "-") || !digits(&in, 2, &date.month) ||
      !one_of(&in, "-") || !digits(&in, 2, &date.day) || !exists(date))
    return false;
  if (in.at < in.end && (!one_of(&in, "Tt ") || !read_time(&in, &time_ms, &leap) ||
                         !read_offset(&in, &offset_ms) || in.at != in.end))
    return false;
  *epoch_ms = days_of(date) * DAY_MS + time_ms - offset_ms;
  /* A leap second is the last of a UTC day, and it becomes that day's last millisecond: the next
   * day's first second would be another date. */
  if (leap && (*epoch_ms - MS_MIN + 1) % DAY_MS != 0)
    return false;
  return in_range(*epoch_ms);
}

bool lc_stamp_parse(const char *text, size_t len, int64_t *epoch_ms) {
  struct reader in = {text, text + len};
  int64_t value;
  if (!read_number(in, &value) && !read_date_time(in, &value))
    return false;
  *epoch_ms = value;
  return true;
}

bool lc_stamp_number(double value, int64_t *epoch_ms) {
  /* A double of today's seconds is off by up to a tenth of a microsecond: to be mended before the
   * rest is cut off, or 0.123 becomes 0.122. */
  double us = value * (value >= AS_MS || value <= -AS_MS ? 1000 : 1000000);
  if (!(us >= MS_MIN * 1000.0 && us < (MS_MAX + 1) * 1000.0)) /* a NaN is neither */
    return false;
  int64_t since_us = (int64_t)(us + (us < 0 ? -0.5 : 0.5)) - MS_MIN * 1000;
  *epoch_ms = since_us / 1000 + MS_MIN;
  return true;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void put(char *to, int n, int64_t value) {
  for (; n > 0; value /= 10)
    to[--n] = (char)('0' + value % 10);
}

bool lc_stamp_format(int64_t epoch_ms, char text[LC_STAMP_SIZE]) {
  text[0] = 0;
  if (!in_range(epoch_ms))
    return false;
  int64_t since = epoch_ms - MS_MIN;
  int64_t in_day = since % DAY_MS;
  struct civil date = civil_of(since / DAY_MS + MS_MIN / DAY_MS);
  memcpy(text, "0000-00-00T00:00:00.000Z", LC_STAMP_SIZE);
  put(text, 4, date.year);
  put(text + 5, 2, date.month);
  put(text + 8, 2, date.day);
  put(text + 11, 2, in_day / 3600000);
  put(text + 14, 2, in_day / 60000 % 60);
  put(text + 17, 2, in_day / 1000 % 60);
  put(text + 20, 3, in_day % 1000);
  return true;
}
