/* SPDX-License-Identifier: MIT */
/* What may be sent at all. libcurl writes a header or a method as it is given, line breaks and all:
 * nothing that could end a line early, or a credential that is another origin's, gets past here. */
#include "request.h"
#include "origin.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* RFC 9110, 5.6.2 */
static size_t token_length(const char *text) {
  static const char marks[] = "!#$%&'*+-.^_`|~";
  size_t n = 0;
  for (;; n++) {
    char c = text[n];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c == 0 || (!letter && strchr(marks, c) == NULL))
      return n;
  }
}

static bool is_header(const char *line, const char *name) {
  size_t len = strlen(name);
  return strncasecmp(line, name, len) == 0 && line[len] == ':';
}

static const char *fault_of_header(const char *line) {
  size_t name = token_length(line);
  if (name == 0 || line[name] != ':')
    return "not \"Name: value\"";
  if (strpbrk(line, "\r\n") != NULL)
    return "a line break in it";
  /* The framing is libcurl's; and an Expect lets it send the request twice (417). */
  if (is_header(line, "Content-Length") || is_header(line, "Transfer-Encoding") ||
      is_header(line, "Expect"))
    return "not the caller's to set";
  return NULL;
}

enum lc_err lc_request_check(const struct lc_request *request, char *text, size_t text_size) {
  const char *method = request->method;
  char origin[LC_ORIGIN_SIZE];
  if (*method == 0 || method[token_length(method)] != 0) {
    snprintf(text, text_size, "the method is not a token");
    return LC_EINVAL;
  }
  if (strcmp(method, "HEAD") == 0 && request->body != NULL) {
    snprintf(text, text_size, "a HEAD request takes no body");
    return LC_EINVAL;
  }
  if (!lc_origin(request->url, origin)) {
    snprintf(text, text_size, "the URL is not a plain http(s) URL");
    return LC_EINVAL;
  }
  if (request->secret != NULL && !lc_secret_allows(request->secret, request->url)) {
    snprintf(text, text_size, "the credential belongs to another origin");
    return LC_EINVAL;
  }
  for (size_t i = 0; i < request->n_headers; i++) {
    const char *line = request->headers[i];
    const char *fault = fault_of_header(line);
    if (fault == NULL)
      continue;
    snprintf(text, text_size, "header \"%.*s\": %s", (int)token_length(line), line, fault);
    return LC_EINVAL;
  }
  return LC_OK;
}
