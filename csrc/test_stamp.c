/* SPDX-License-Identifier: MIT */
#include "stamp.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST "0001-01-01T00:00:00.000Z"
#define LAST "9999-12-31T23:59:59.999Z"

static const struct {
  const char *wire;
  const char *stamp; /* NULL: refused */
} forms[] = {
    /* what the service sends */
    {"1408356305", "2014-08-18T10:05:05.000Z"},
    {"2014-08-18T10:05:05Z", "2014-08-18T10:05:05.000Z"},
    {"2014-08-18T10:05:05.123456Z", "2014-08-18T10:05:05.123Z"},
    {"2021-02-16T15:36:32.123456+01:00", "2021-02-16T14:36:32.123Z"},
    {"1408356305123", "2014-08-18T10:05:05.123Z"},
    {"2014-08-18", "2014-08-18T00:00:00.000Z"},
    /* seconds, milliseconds, and between them */
    {"0", "1970-01-01T00:00:00.000Z"},
    {"-0", "1970-01-01T00:00:00.000Z"},
    {"00000000000000000000000000001", "1970-01-01T00:00:01.000Z"},
    {"99999999999", "5138-11-16T09:46:39.000Z"},
    {"99999999999.999", "5138-11-16T09:46:39.999Z"},
    {"100000000000", "1973-03-03T09:46:40.000Z"},
    {"100000000000.9", "1973-03-03T09:46:40.000Z"},
    {"-99999999999", NULL},
    {"-62135596800", FIRST},
    {"-62135596800.001", NULL},
    {"-62135596800000", FIRST},
    {"-62135596800000.1", NULL},
    {"-62135596800001", NULL},
    {"253402300799999", LAST},
    {"253402300799999.9", LAST},
    {"253402300800000", NULL},
    {"99999999999999999999999999999999", NULL},
    {"1408356305.1", "2014-08-18T10:05:05.100Z"},
    {"1408356305.1239", "2014-08-18T10:05:05.123Z"},
    {"1408356305.00000000000000000000000001", "2014-08-18T10:05:05.000Z"},
    {"-1", "1969-12-31T23:59:59.000Z"},
    {"-0.001", "1969-12-31T23:59:59.999Z"},
    {"-0.0001", "1969-12-31T23:59:59.999Z"},
    {"-0.0010", "1969-12-31T23:59:59.999Z"},
    {"-0.0011", "1969-12-31T23:59:59.998Z"},
    {"-100000000000.5", "1966-10-31T14:13:19.999Z"},
    {"-100000000000.0", "1966-10-31T14:13:20.000Z"},
    /* date-times */
    {"2014-08-18 10:05:05", "2014-08-18T10:05:05.000Z"},
    {"2014-08-18t10:05:05z", "2014-08-18T10:05:05.000Z"},
    {"2014-08-18T10:05", "2014-08-18T10:05:00.000Z"},
    {"2014-08-18T10:05Z", "2014-08-18T10:05:00.000Z"},
    {"2014-08-18T10:05:05,5Z", "2014-08-18T10:05:05.500Z"},
    {"2014-08-18T10:05:05.9999999999999999999999", "2014-08-18T10:05:05.999Z"},
    {"1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"},
    {"2014-08-18T10:05:05+02:00", "2014-08-18T08:05:05.000Z"},
    {"2014-08-18T10:05:05+0230", "2014-08-18T07:35:05.000Z"},
    {"2014-08-18T10:05:05-02", "2014-08-18T12:05:05.000Z"},
    {"2014-08-18 10:05:05.25-11:45", "2014-08-18T21:50:05.250Z"},
    {"2014-08-18T10:05:05-00:00", "2014-08-18T10:05:05.000Z"},
    {"2014-01-01T00:00:00+23:59", "2013-12-31T00:01:00.000Z"},
    {"0001-01-01T00:00:00Z", FIRST},
    {"0001-01-01T00:00:00+00:01", NULL},
    {"0001-01-01T00:00:00-00:01", "0001-01-01T00:01:00.000Z"},
    {"9999-12-31T23:59:59.9999Z", LAST},
    {"9999-12-31T23:59:59-00:01", NULL},
    {"9999-12-31T23:59:59+00:01", "9999-12-31T23:58:59.000Z"},
    /* leap years */
    {"2000-02-29", "2000-02-29T00:00:00.000Z"},
    {"2012-02-29", "2012-02-29T00:00:00.000Z"},
    {"2400-02-29", "2400-02-29T00:00:00.000Z"},
    {"0004-02-29", "0004-02-29T00:00:00.000Z"},
    {"2013-02-29", NULL},
    {"1900-02-29", NULL},
    {"2100-02-29", NULL},
    {"2012-02-30", NULL},
    /* leap seconds */
    {"2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"},
    {"2016-12-31T23:59:60.5Z", "2016-12-31T23:59:59.999Z"},
    {"2017-01-01T00:59:60+01:00", "2016-12-31T23:59:59.999Z"},
    {"2016-12-31T18:59:60-05:00", "2016-12-31T23:59:59.999Z"},
    {"2016-12-31T23:59:60+01:00", NULL},
    {"2016-12-31T12:00:60Z", NULL},
    {"2016-12-31T23:59:61Z", NULL},
    /* dates and times that do not exist */
    {"2014-00-01", NULL},
    {"2014-13-01", NULL},
    {"2014-01-00", NULL},
    {"2014-01-32", NULL},
    {"2014-04-31", NULL},
    {"2014-06-31", NULL},
    {"2014-09-31", NULL},
    {"2014-11-31", NULL},
    {"0000-12-31", NULL},
    {"0000-12-31T23:59:59-00:01", NULL},
    {"2014-08-18T24:00:00Z", NULL},
    {"2014-08-18T10:60:00Z", NULL},
    {"2014-08-18T10:05:05+24:00", NULL},
    {"2014-08-18T10:05:05+01:60", NULL},
    /* other things */
    {"", NULL},
    {" ", NULL},
    {"-", NULL},
    {".", NULL},
    {"1.", NULL},
    {".5", NULL},
    {"+1", NULL},
    {"--1", NULL},
    {"1e9", NULL},
    {"0x10", NULL},
    {"1,5", NULL},
    {" 1408356305", NULL},
    {"1408356305 ", NULL},
    {"never", NULL},
    {"2014", "1970-01-01T00:33:34.000Z"}, /* four digits are seconds like any others */
    {"2014-08", NULL},
    {"2014-8-18", NULL},
    {"-2014-08-18", NULL},
    {"12014-08-18", NULL},
    {"2014/08/18", NULL},
    {"2014-08-18Z", NULL},
    {"2014-08-18T", NULL},
    {"2014-08-18T10", NULL},
    {"2014-08-18T1005", NULL},
    {"2014-08-18T10:5:05", NULL},
    {"2014-08-18T10:05:", NULL},
    {"2014-08-18T10:05:5", NULL},
    {"2014-08-18T10:05:05.", NULL},
    {"2014-08-18T10:05:05.Z", NULL},
    {"2014-08-18T10:05.5Z", NULL},
    {"2014-08-18T10:05:05ZZ", NULL},
    {"2014-08-18T10:05:05 Z", NULL},
    {"2014-08-18T10:05:05+", NULL},
    {"2014-08-18T10:05:05+2", NULL},
    {"2014-08-18T10:05:05+02:", NULL},
    {"2014-08-18T10:05:05+020", NULL},
    {"2014-08-18T10:05:05+02:00Z", NULL},
    {"2014-08-18  10:05:05", NULL},
    {"2014-08-18_10:05:05", NULL},
    {"Wed, 01/23/13 11:40:53 am", NULL},
};

static void test_forms(void) {
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    /* A block of just that size: reading beyond it is seen. */
    size_t len = strlen(forms[i].wire);
    char *wire = malloc(len + 1), text[LC_STAMP_SIZE] = "";
    if (wire == NULL)
      return;
    memcpy(wire, forms[i].wire, len + 1);
    char *exact = realloc(wire, len > 0 ? len : 1);
    int64_t ms = 4711;
    bool ok = lc_stamp_parse(exact, len, &ms);
    CHECK_WITH(forms[i].wire, ok == (forms[i].stamp != NULL));
    CHECK_WITH(forms[i].wire, ok || ms == 4711);
    CHECK_WITH(forms[i].wire,
               !ok || (lc_stamp_format(ms, text) && strcmp(text, forms[i].stamp) == 0));
    free(exact);
  }
  int64_t ms;
  CHECK(!lc_stamp_parse("14083\0", 6, &ms) && !lc_stamp_parse("2014-08-18\0", 11, &ms));
  CHECK(!lc_stamp_parse("2014-08-18\00010:05:05", 19, &ms));
  CHECK(!lc_stamp_parse("2014-08-18T10:05:05\0", 20, &ms));
  CHECK(lc_stamp_parse("2014-08-18T10:05:05", 10, &ms) && ms == 1408320000000);
}

static void test_numbers(void) {
  static const struct {
    double value;
    int64_t ms;
    bool ok;
  } rows[] = {
      {0, 0, true},
      {-0.0, 0, true},
      {1408356305, 1408356305000, true},
      {1408356305.123, 1408356305123, true},
      {1408356305.001, 1408356305001, true},
      {1408356305.9999, 1408356305999, true},
      {1408356305123.0, 1408356305123, true},
      {1408356305123.9, 1408356305123, true},
      {-1, -1000, true},
      {-0.001, -1, true},
      {-0.0001, -1, true},
      {-1408356305.123, -1408356305123, true},
      {99999999999.0, 99999999999000, true},
      {100000000000.0, 100000000000, true},
      {-100000000000.0, -100000000000, true},
      {-62135596800.0, -62135596800000, true},
      {256.229, 256229, true}, /* a double that is a little less */
      {-256.229, -256229, true},
      {2211897959.523, 2211897959523, true},
      {-62135596800.1, 0, false},
      {-62135596800.0001, 0, false},
      {-99999999999.0, 0, false},
      {-62135596800000.0, -62135596800000, true},
      {-62135596800001.0, 0, false},
      {253402300799999.0, 253402300799999, true},
      {253402300799999.95, 253402300799999, true},
      {253402300800000.0, 0, false},
      {1e300, 0, false},
      {-1e300, 0, false},
      {INFINITY, 0, false},
      {-INFINITY, 0, false},
      {NAN, 0, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char label[32];
    snprintf(label, sizeof label, "%.17g", rows[i].value);
    int64_t ms = 4711;
    CHECK_WITH(label, lc_stamp_number(rows[i].value, &ms) == rows[i].ok);
    CHECK_WITH(label, ms == (rows[i].ok ? rows[i].ms : 4711));
  }
  /* Every millisecond of a second survives a double. */
  size_t wrong = 0;
  for (int64_t i = -1000; i < 1000; i++) {
    int64_t ms = 0;
    wrong += !lc_stamp_number((double)(1408356305000 + i) / 1000, &ms) || ms != 1408356305000 + i;
    wrong += !lc_stamp_number((double)i / 1000, &ms) || ms != i;
  }
  CHECK(wrong == 0);
}

/* ---- against the C library ----------------------------------------------------------------- */

static uint64_t random_state = 88172645463325252u;

static int64_t roll(int64_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (int64_t)(random_state % (uint64_t)n);
}

static bool agrees(int64_t ms) {
  char ours[LC_STAMP_SIZE], theirs[64], wire[64];
  int64_t in_second = ((ms % 1000) + 1000) % 1000, back = 0;
  time_t seconds = (time_t)((ms - in_second) / 1000);
  struct tm tm;
  if (!lc_stamp_format(ms, ours) || gmtime_r(&seconds, &tm) == NULL || timegm(&tm) != seconds)
    return false;
  snprintf(theirs, sizeof theirs, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
           tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)in_second);
  if (strcmp(ours, theirs) != 0 || !lc_stamp_parse(ours, strlen(ours), &back) || back != ms)
    return false;
  /* The same instant as told by a clock elsewhere. */
  int64_t offset = roll(2 * 1440 - 1) - 1439;
  seconds += (time_t)offset * 60;
  if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year < -1899 || tm.tm_year > 8099)
    return true;
  snprintf(wire, sizeof wire, "%04d-%02d-%02d %02d:%02d:%02d.%03d%c%02d%s%02d", tm.tm_year + 1900,
           tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)in_second,
           offset < 0 ? '-' : '+', abs((int)offset) / 60, roll(2) ? ":" : "",
           abs((int)offset) % 60);
  return lc_stamp_parse(wire, strlen(wire), &back) && back == ms;
}

static void test_round_trip(void) {
  const int64_t first = -62135596800000, last = 253402300799999, day = 86400000;
  size_t wrong = 0;
  for (int i = 0; i < 100000; i++)
    wrong += !agrees(first + roll(last - first + 1));
  CHECK(wrong == 0);
  /* Every day of 400 years, after which the calendar repeats itself; the days' ends in turn. */
  for (int64_t i = 0; i < 146097; i++)
    wrong += !agrees((i - 25567) * day + (i % 2 ? day - 1 : 0));
  CHECK(wrong == 0);
  CHECK(agrees(first) && agrees(last));
  char text[LC_STAMP_SIZE] = "x";
  CHECK(!lc_stamp_format(first - 1, text) && text[0] == 0);
  CHECK(!lc_stamp_format(last + 1, text) && !lc_stamp_format(INT64_MIN, text));
  CHECK(!lc_stamp_format(INT64_MAX, text));
}

static void test_clocks(void) {
  int64_t before = lc_clock_us(), wall = lc_wall_us();
  time_t now = time(NULL);
  CHECK(before > 0);
  CHECK(wall / 1000000 >= now - 2 && wall / 1000000 <= now + 2);
  size_t back = 0;
  for (int i = 0; i < 10000; i++) {
    int64_t next = lc_clock_us();
    back += next < before;
    before = next;
  }
  CHECK(back == 0);
  struct timespec nap = {0, 20000000};
  nanosleep(&nap, NULL);
  int64_t slept = lc_clock_us() - before;
  CHECK(slept >= 19000 && slept < 5000000);
}

int main(void) {
  test_forms();
  test_numbers();
  test_round_trip();
  test_clocks();
  return test_end();
}
