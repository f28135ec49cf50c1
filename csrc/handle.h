/* SPDX-License-Identifier: MIT */
/* The libcurl that runs, and its easy handles. Codes are CURLcodes. */
#ifndef LC_HANDLE_H
#define LC_HANDLE_H

#include <stdbool.h>

/* What the libcurl that runs (not the one whose headers were compiled) can be trusted with. */
struct lc_libcurl {
  const char *ca_bundle;  /* NULL: as libcurl finds certificates by itself */
  bool keeps_handles;     /* 7.83.0 to 8.0.1 free a header twice where the first header line of an
                             answer is folded and the handle has had an answer before: there each
                             transfer has a handle of its own */
  bool keeps_connections; /* 7.75.0 to 7.76.1 write to the handle that made a TLS connection, when
                             a later one is told a new session (CVE-2021-22901) */
  bool http2;             /* 7.67.0 uses a stream after it was freed */
  bool compression;       /* before 7.88.0 an answer names as many encodings as it likes, each a
                             buffer (CVE-2022-32206, CVE-2023-23916) */
  bool raises_sigpipe;    /* before 7.87.0 OpenSSL writes to connections that the peer has closed */
};

/* version 0: that of the libcurl which runs. */
void lc_libcurl_look(struct lc_libcurl *lib, unsigned version);
/* A CURL handle for any number of transfers, one after the other; NULL: no memory. */
void *lc_handle_new(const struct lc_libcurl *lib);

/* For results of curl_easy_setopt: keeps the first failure. */
void lc_must(unsigned *code, unsigned now);
/* The same for an option that this libcurl may not know, or may have been built without: only want
 * of memory counts. */
void lc_may(unsigned *code, unsigned now);

#endif
