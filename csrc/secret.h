/* SPDX-License-Identifier: MIT */
/* A credential. */
#ifndef LC_SECRET_H
#define LC_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct lc_secret {
  char *line;   /* the whole header line, "Authorization: Basic …"; owned, wiped */
  char *origin; /* as lc_origin writes it; owned */
};

/* base64(user ":" password); LC_EINVAL where user holds ':' or either holds CR, LF or NUL.
 * Whatever the outcome, the secret is written: after a failure it is empty, and safe to wipe. */
enum lc_err lc_secret_basic(struct lc_secret *secret, const char *user, size_t user_len,
                            const char *password, size_t password_len, const char *url);
/* LC_EINVAL for an empty token and for one with anything but visible ASCII (RFC 6750, 2.1). */
enum lc_err lc_secret_bearer(struct lc_secret *secret, const char *token, size_t token_len,
                             const char *url);
/* Whether the secret may be sent to url. */
bool lc_secret_allows(const struct lc_secret *secret, const char *url);
/* Overwrites with stars what `text` holds of the secret: the credential as it is sent, and the
 * password by itself where it is long enough to be told from a common word. false: the secret is
 * empty, or there is no memory: the text may still hold it. */
bool lc_secret_hide(const struct lc_secret *secret, char *text, size_t len);
void lc_secret_wipe(struct lc_secret *secret);
/* Equal bytes; the time depends on the lengths only. */
bool lc_equal(const void *a, size_t a_len, const void *b, size_t b_len);

#endif
