/* SPDX-License-Identifier: MIT */
/* Where a URL goes: scheme, host and port. */
#ifndef LC_ORIGIN_H
#define LC_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

/* "https://", a host and ":65535": a name has at most 253 characters (RFC 1035), an IPv6 literal
 * two brackets. */
#define LC_ORIGIN_SIZE (sizeof "https://:65535" + 255)

/* The origin of an http or https URL as "https://host:port", in lower case, the port always
 * written. false for any other URL, for one with user information, for one with a control character
 * or space, and for a host that is not letters, digits, '-', '.', '_' or an IPv6 literal. */
bool lc_origin(const char *url, char origin[LC_ORIGIN_SIZE]);

struct lc_proxy {
  const char *address; /* "http://host:port" without user information: safe to be shown */
  const char *user;    /* both NULL where none was given */
  const char *password;
};

#define LC_PROXY_ROOM(url_len) ((url_len) + 4)

/* Takes a proxy's URL apart: a scheme that libcurl knows or none, user information up to the last
 * '@' with its "%40" decoded, a host as in lc_origin, a port or none. The strings are written to
 * `room`, LC_PROXY_ROOM(strlen(url)) bytes. false: it is something else. */
bool lc_proxy_parse(struct lc_proxy *proxy, const char *url, char *room);

#endif
