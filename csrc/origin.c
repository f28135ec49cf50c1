/* SPDX-License-Identifier: MIT */
/* Neither an allocation nor <ctype.h>: "may this be sent there" has no third answer, and what is a
 * letter must not depend on the host program's locale. */
#include "origin.h"

#include <string.h>

#define HOST_MAX 255

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Neither '%' nor '\' nor anything beyond ASCII: what libcurl decodes, repairs or converts in a
 * host would be another host than the one compared here. IPv6 literals bring ':' with them. */
static bool is_host(char c, bool literal) {
  c = lower(c);
  if (literal)
    return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
  return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
}

/* Copies a host in lower case to *to, moving both on. */
static bool read_host(const char **from, char **to) {
  const char *at = *from;
  bool literal = *at == '[';
  if (literal)
    *(*to)++ = *at++;
  const char *begin = at;
  while (is_host(*at, literal) && at - begin < HOST_MAX - 2)
    *(*to)++ = lower(*at++);
  if (at == begin || is_host(*at, literal))
    return false;
  if (literal) {
    if (*at++ != ']')
      return false;
    *(*to)++ = ']';
  }
  *from = at;
  return true;
}

static bool read_port(const char **from, unsigned *port) {
  const char *at = *from;
  if (*at == ':') {
    at++;
    unsigned value = 0;
    bool any = is_digit(*at);
    for (; is_digit(*at); at++) {
      value = value * 10 + (unsigned)(*at - '0');
      if (value > 65535)
        return false;
    }
    if (any && value == 0)
      return false;
    if (any) /* "host:" means the default port, RFC 3986 3.2.3 */
      *port = value;
  }
  *from = at;
  return true;
}

static char *put_port(char *to, unsigned port) {
  char digits[5];
  size_t n = 0;
  for (; port > 0; port /= 10)
    digits[n++] = (char)('0' + port % 10);
  *to++ = ':';
  while (n > 0)
    *to++ = digits[--n];
  return to;
}

static bool has_prefix(const char *url, const char *prefix, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (lower(url[i]) != prefix[i])
      return false;
  }
  return true;
}

bool lc_origin(const char *url, char origin[LC_ORIGIN_SIZE]) {
  for (const char *at = url; *at != 0; at++) {
    if ((unsigned char)*at <= ' ' || *at == 0x7f)
      return false;
  }
  static const struct {
    const char *prefix;
    unsigned port;
  } schemes[] = {{"https://", 443}, {"http://", 80}};
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    size_t len = strlen(schemes[i].prefix);
    if (!has_prefix(url, schemes[i].prefix, len))
      continue;
    unsigned port = schemes[i].port;
    const char *at = url + len;
    char *to = origin + len;
    memcpy(origin, schemes[i].prefix, len);
    if (!read_host(&at, &to) || !read_port(&at, &port))
      return false;
    *put_port(to, port) = 0;
    return *at == 0 || *at == '/' || *at == '?' || *at == '#';
  }
  return false;
}

/* ---- proxies -------------------------------------------------------------------------------- */

/* How long the scheme in front is, "://" included; 0: there is none that libcurl knows. */
static size_t proxy_scheme(const char *url) {
  static const char *const schemes[] = {"http://",    "https://",  "socks4://",
                                        "socks4a://", "socks5://", "socks5h://"};
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    size_t len = strlen(schemes[i]);
    if (has_prefix(url, schemes[i], len))
      return len;
  }
  return 0;
}

static int hex_digit(char c) {
  c = lower(c);
  return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copies to *to, moving it behind a 0, with "%40" read as '@'. NULL: a control character, or what
 * ends the user information of a URL. */
static char *decode(const char *from, const char *end, char **to) {
  char *begin = *to;
  while (from < end) {
    char c = *from++;
    if (strchr("/?#", c) != NULL || (unsigned char)c <= ' ')
      return NULL;
    if (c == '%' && end - from >= 2 && hex_digit(from[0]) >= 0 && hex_digit(from[1]) >= 0) {
      c = (char)(hex_digit(from[0]) << 4 | hex_digit(from[1]));
      from += 2;
    }
    if ((unsigned char)c < ' ' || c == 0x7f)
      return NULL;
    *(*to)++ = c;
  }
  *(*to)++ = 0;
  return begin;
}

static bool read_user(struct lc_proxy *proxy, const char *from, const char *end, char **to) {
  const char *colon = memchr(from, ':', (size_t)(end - from));
  proxy->user = decode(from, colon != NULL ? colon : end, to);
  proxy->password = decode(colon != NULL ? colon + 1 : end, end, to);
  return proxy->user != NULL && proxy->password != NULL;
}

bool lc_proxy_parse(struct lc_proxy *proxy, const char *url, char *room) {
  size_t scheme = proxy_scheme(url);
  const char *host = url + scheme;
  const char *at = strrchr(host, '@');
  unsigned port = 0;
  *proxy = (struct lc_proxy){.address = room};
  for (const char *from = url; from < host; from++)
    *room++ = lower(*from);
  const char *from = at != NULL ? at + 1 : host;
  const char *port_from = from;
  if (!read_host(&port_from, &room))
    return false;
  const char *end = port_from;
  if (!read_port(&end, &port) || (*end != 0 && strcmp(end, "/") != 0))
    return false;
  memcpy(room, port_from, (size_t)(end - port_from));
  room += end - port_from;
  *room++ = 0;
  return at == NULL || read_user(proxy, host, at, &room);
}
