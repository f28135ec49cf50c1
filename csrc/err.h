/* SPDX-License-Identifier: MIT */
/* What can go wrong in the core, as one word each. */
#ifndef LC_ERR_H
#define LC_ERR_H

enum lc_err {
  LC_OK = 0,
  LC_ENOMEM,
  LC_EINVAL,    /* an argument that the caller should have refused */
  LC_ETOOLARGE, /* more bytes than a ceiling allows */
  LC_ECLOSED,   /* the engine, throttle or call is closed */
  LC_ECANCELLED,
  LC_ETIMEOUT,
  LC_ECONNECT,  /* DNS, connect, TLS, proxy: before a byte of the request left */
  LC_ENETWORK,  /* the connection was lost later than that */
  LC_EPROTOCOL, /* the answer is not HTTP, is truncated, or is wrongly encoded */
  LC_EMISMATCH, /* a shared file is not what was asked for; errno is not set */
  LC_EBUSY,     /* another process is in the way, longer than it should be */
  LC_ESYS       /* errno says */
};

/* "enomem", "timeout", …: one lower-case word an error, never NULL. */
const char *lc_err_name(enum lc_err err);

#endif
