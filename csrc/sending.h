/* SPDX-License-Identifier: MIT */
/* The sending of one request, as the one who counts it wants to be told of it. The engine tells,
 * the throttle listens, and neither knows the other. */
#ifndef LC_SENDING_H
#define LC_SENDING_H

#include <stdint.h>

struct lc_sending {
  /* One more will tell of it. */
  void (*hold)(struct lc_sending *sending);
  /* By then, on lc_clock_us, the request had been written to its connection. From any thread; what
   * is told later is of no effect. */
  void (*sent)(struct lc_sending *sending, int64_t by_us);
  /* The last that one who holds it tells: where all have said so, and none that it was sent, the
   * request never will be. From any thread. */
  void (*end)(struct lc_sending *sending);
};

#endif
