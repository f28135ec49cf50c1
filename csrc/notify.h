/* SPDX-License-Identifier: MIT */
/* Telling a thread, or a loop, that something has happened. */
#ifndef LC_NOTIFY_H
#define LC_NOTIFY_H

#include <stdbool.h>

#include "err.h"

struct lc_flag { /* a descriptor that is readable while the flag is up */
  int fd;        /* -1: closed */
  int raise_fd;  /* the same one, or a pipe's other end */
};

enum lc_err lc_flag_open(struct lc_flag *flag); /* down; LC_ESYS leaves it closed */
void lc_flag_raise(const struct lc_flag *flag);
void lc_flag_lower(const struct lc_flag *flag);
void lc_flag_close(struct lc_flag *flag);

#define LC_DOOR_PATH 108 /* what a Unix socket's address holds */

struct lc_door { /* a Unix socket in a private folder, for one peer out of this very process */
  int listener;  /* -1: nobody is waited for */
  int peer;      /* -1: nobody came */
  char path[LC_DOOR_PATH];
};

void lc_door_init(struct lc_door *door);
enum lc_err lc_door_open(struct lc_door *door);
/* Lets the peer in, if it came; the socket's name goes away then. Others are turned away. */
bool lc_door_accept(struct lc_door *door);
/* One byte to the peer, never waiting. false: nobody is there (any more). */
bool lc_door_knock(struct lc_door *door);
void lc_door_close(struct lc_door *door);

#endif
