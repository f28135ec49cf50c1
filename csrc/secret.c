/* SPDX-License-Identifier: MIT */
/* A credential: the header line it makes, kept in one block that is overwritten before it is given
 * back, and the one origin that may see it. The plain text is never copied elsewhere: base64 is
 * made from the caller's bytes straight into that block. */
#include "secret.h"
#include "base64.h"
#include "buf.h"
#include "origin.h"

#include <stdlib.h>
#include <string.h>

#define SECRET_MAX 65536 /* bytes of a user, a password, a token; a real one has below 4,000 */
#define HIDDEN_MIN 6     /* bytes: a shorter password may well be a word of an innocent text */

/* ---- the header line ---------------------------------------------------------------------- */

#define BASIC "Authorization: Basic "

/* Room for `len` bytes of text after the prefix, and where they go. */
static enum lc_err begin_line(struct lc_secret *secret, const char *url, const char *prefix,
                              size_t len, char **to) {
  *secret = (struct lc_secret){0};
  char origin[LC_ORIGIN_SIZE];
  if (!lc_origin(url, origin))
    return LC_EINVAL;
  size_t prefix_len = strlen(prefix);
  secret->origin = strdup(origin);
  secret->line = secret->origin != NULL ? malloc(prefix_len + len + 1) : NULL;
  if (secret->line == NULL) {
    lc_secret_wipe(secret);
    return LC_ENOMEM;
  }
  memcpy(secret->line, prefix, prefix_len);
  *to = secret->line + prefix_len;
  return LC_OK;
}

static bool has_any(const char *data, size_t len, const char *bytes, size_t n_bytes) {
  for (size_t i = 0; i < len; i++) {
    if (memchr(bytes, data[i], n_bytes) != NULL)
      return true;
  }
  return false;
}

enum lc_err lc_secret_basic(struct lc_secret *secret, const char *user, size_t user_len,
                            const char *password, size_t password_len, const char *url) {
  *secret = (struct lc_secret){0};
  if (user_len > SECRET_MAX || password_len > SECRET_MAX)
    return LC_ETOOLARGE;
  if (has_any(user, user_len, ":\r\n\0", 4) || has_any(password, password_len, "\r\n\0", 3))
    return LC_EINVAL;
  struct lc_base64 enc = {0};
  size_t len = LC_BASE64_LEN(user_len + 1 + password_len);
  enum lc_err err = begin_line(secret, url, BASIC, len, &enc.to);
  if (err != LC_OK)
    return err;
  lc_base64_put(&enc, user, user_len);
  lc_base64_put(&enc, ":", 1);
  lc_base64_put(&enc, password, password_len);
  lc_base64_end(&enc);
  return LC_OK;
}

enum lc_err lc_secret_bearer(struct lc_secret *secret, const char *token, size_t token_len,
                             const char *url) {
  *secret = (struct lc_secret){0};
  if (token_len > SECRET_MAX)
    return LC_ETOOLARGE;
  if (token_len == 0)
    return LC_EINVAL;
  for (size_t i = 0; i < token_len; i++) {
    if (token[i] <= ' ' || token[i] > '~')
      return LC_EINVAL;
  }
  char *to;
  enum lc_err err = begin_line(secret, url, "Authorization: Bearer ", token_len, &to);
  if (err != LC_OK)
    return err;
  memcpy(to, token, token_len);
  to[token_len] = 0;
  return LC_OK;
}

/* Where `what`, found at the beginning of a text, ends there; 0: it is not there. JSON may have a
 * backslash in front of a slash. */
static size_t found(const char *text, size_t len, const char *what, size_t what_len) {
  size_t at = 0;
  for (size_t i = 0; i < what_len; i++, at++) {
    if (what[i] == '/' && at + 1 < len && text[at] == '\\')
      at++;
    if (at >= len || text[at] != what[i])
      return 0;
  }
  return at;
}

static void hide(char *text, size_t len, const char *what, size_t what_len) {
  if (what_len < HIDDEN_MIN)
    return;
  for (size_t i = 0; i + what_len <= len; i++) {
    size_t n = found(text + i, len - i, what, what_len);
    memset(text + i, '*', n);
  }
}

bool lc_secret_hide(const struct lc_secret *secret, char *text, size_t len) {
  if (secret->line == NULL)
    return false;
  const char *sent = strrchr(secret->line, ' ') + 1;
  size_t sent_len = strlen(sent);
  hide(text, len, sent, sent_len);
  if (strncmp(secret->line, BASIC, sizeof BASIC - 1) != 0)
    return true;
  unsigned char *plain = malloc(sent_len + 1);
  if (plain == NULL)
    return false;
  size_t plain_len = lc_base64_read(sent, plain);
  const unsigned char *colon = memchr(plain, ':', plain_len);
  if (colon != NULL)
    hide(text, len, (const char *)colon + 1, (size_t)(plain + plain_len - colon) - 1);
  lc_wipe(plain, sent_len + 1);
  free(plain);
  return true;
}

bool lc_secret_allows(const struct lc_secret *secret, const char *url) {
  char origin[LC_ORIGIN_SIZE];
  return secret->origin != NULL && lc_origin(url, origin) && strcmp(origin, secret->origin) == 0;
}

void lc_secret_wipe(struct lc_secret *secret) {
  if (secret->line != NULL)
    lc_wipe(secret->line, strlen(secret->line));
  free(secret->line);
  free(secret->origin);
  *secret = (struct lc_secret){0};
}

bool lc_equal(const void *a, size_t a_len, const void *b, size_t b_len) {
  if (a_len != b_len)
    return false;
  /* volatile: no compiler may leave the loop at the first difference. */
  const volatile unsigned char *x = a;
  const volatile unsigned char *y = b;
  unsigned char differs = 0;
  for (size_t i = 0; i < a_len; i++)
    differs = (unsigned char)(differs | (x[i] ^ y[i]));
  return differs == 0;
}
