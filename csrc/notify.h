/* SPDX-License-Identifier: MIT */
/* Telling a thread, or an event loop, that something has happened. */
#ifndef LC_NOTIFY_H
#define LC_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct lc_event { /* a descriptor that any loop can poll: readable while the event is set */
  int fd;         /* -1: closed */
  int set_fd;     /* the same one, or a pipe's other end */
};

enum lc_err lc_event_open(struct lc_event *event); /* not set; LC_ESYS leaves it closed */
void lc_event_set(const struct lc_event *event);
void lc_event_clear(const struct lc_event *event);
void lc_event_close(struct lc_event *event);

#define LC_WAKEUP_PATH 108 /* what a Unix socket's address holds */
#define LC_WAKEUP_RETRY_MS 100

/* A Unix socket on which a reader in this process receives a byte when calls have finished: nginx's
 * cosockets cannot read an event's descriptor, nor any socket that they did not connect. */
struct lc_wakeup {
  int listener;        /* -1: closed, or the reader is connected */
  int reader;          /* -1: not connected */
  int64_t retry_at_us; /* no accept before: there was no descriptor for it */
  char path[LC_WAKEUP_PATH];
};

void lc_wakeup_init(struct lc_wakeup *wakeup);
/* Listens on a new name, in a folder that only this user can enter. */
enum lc_err lc_wakeup_listen(struct lc_wakeup *wakeup);
/* The descriptor that is readable when a reader connects; -1: none now. */
int lc_wakeup_fd(const struct lc_wakeup *wakeup, int64_t now_us);
/* true: the reader has connected; the socket's name is gone. Other processes are turned away. */
bool lc_wakeup_accept(struct lc_wakeup *wakeup, int64_t now_us);
/* One byte to the reader, never waiting. false: there is no reader. */
bool lc_wakeup_signal(struct lc_wakeup *wakeup);
void lc_wakeup_close(struct lc_wakeup *wakeup);

#endif
