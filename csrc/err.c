/* SPDX-License-Identifier: MIT */
#include "err.h"

const char *lc_err_name(enum lc_err err) {
  switch (err) {
  case LC_OK:
    return "ok";
  case LC_ENOMEM:
    return "enomem";
  case LC_EINVAL:
    return "invalid";
  case LC_ETOOLARGE:
    return "toolarge";
  case LC_ECLOSED:
    return "closed";
  case LC_ECANCELLED:
    return "cancelled";
  case LC_ETIMEOUT:
    return "timeout";
  case LC_ECONNECT:
    return "connect";
  case LC_ENETWORK:
    return "network";
  case LC_EPROTOCOL:
    return "protocol";
  case LC_EMISMATCH:
    return "mismatch";
  case LC_EBUSY:
    return "busy";
  case LC_ESYS:
    return "system";
  }
  return "unknown";
}
