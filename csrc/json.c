/* SPDX-License-Identifier: MIT */
/* What a JSON decoder lets through and a stranger's text must not hold: a member named twice (which
 * decoders settle as they like, so that two readers see two messages), wrong UTF-8, numbers and
 * escapes outside RFC 8259, depth without end.
 *
 * Names are compared by a 64-bit hash of their decoded bytes. Where two names of one object hash
 * alike and differ, the text is called wrong: by chance that never happens, and who brings it about
 * on purpose has only made a text of his own that is refused. */
#include "json.h"
#include "utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)

enum { FEW = 16 }; /* so many names are compared pair by pair */

struct parser {
  const unsigned char *text, *at, *end;
  unsigned depth;         /* objects and arrays that may still be opened */
  unsigned top;           /* the depth inside the outermost one */
  struct lc_span *wanted; /* takes the place of the outermost object's member of that name */
  uint64_t name;
  uint64_t *names; /* hashes of the members of every open object, the outermost first */
  size_t n_names, cap_names;
  uint64_t fixed[64]; /* the memory of `names` until it is not enough */
};

static enum lc_json parse_value(struct parser *parser);

static void skip_blanks(struct parser *parser) {
  while (parser->at < parser->end &&
         (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\r' || *parser->at == '\t'))
    parser->at++;
}

static bool take(struct parser *parser, unsigned char c) {
  if (parser->at == parser->end || *parser->at != c)
    return false;
  parser->at++;
  return true;
}

static bool next_is(const struct parser *parser, unsigned char first, unsigned char last) {
  return parser->at < parser->end && *parser->at >= first && *parser->at <= last;
}

/* ---- strings ------------------------------------------------------------------------------- */

static void hash(uint64_t *sum, uint32_t byte) {
  *sum = (*sum ^ byte) * UINT64_C(0x100000001b3); /* FNV-1a */
}

/* As UTF-8; a surrogate without its other half like any code point of three bytes. */
static void hash_code(uint64_t *sum, uint32_t code) {
  if (code < 0x80) {
    hash(sum, code);
    return;
  }
  if (code < 0x800) {
    hash(sum, 0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      hash(sum, 0xe0 | code >> 12);
    } else {
      hash(sum, 0xf0 | code >> 18);
      hash(sum, 0x80 | (code >> 12 & 0x3f));
    }
    hash(sum, 0x80 | (code >> 6 & 0x3f));
  }
  hash(sum, 0x80 | (code & 0x3f));
}

/* The four digits behind \u; false: they are not. */
static bool hex4(struct parser *parser, uint32_t *code) {
  *code = 0;
  for (int i = 0; i < 4; i++, parser->at++) {
    if (next_is(parser, '0', '9'))
      *code = *code << 4 | (uint32_t)(*parser->at - '0');
    else if (next_is(parser, 'a', 'f') || next_is(parser, 'A', 'F'))
      *code = *code << 4 | (uint32_t)((*parser->at | 0x20) - 'a' + 10);
    else
      return false;
  }
  return true;
}

/* Behind the backslash. */
static bool parse_escape(struct parser *parser, uint64_t *sum) {
  static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  if (parser->at == parser->end)
    return false;
  unsigned char c = *parser->at++;
  const char *letter = c ? strchr(letters, c) : NULL;
  uint32_t code, low;
  if (letter) {
    code = (unsigned char)meant[letter - letters];
  } else if (c != 'u' || !hex4(parser, &code)) {
    return false;
  }
  const unsigned char *behind = parser->at;
  if (code >= 0xd800 && code < 0xdc00 && take(parser, '\\') && take(parser, 'u') &&
      hex4(parser, &low) && low >= 0xdc00 && low < 0xe000)
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  else
    parser->at = behind; /* what follows is an escape of its own, or none */
  if (sum)
    hash_code(sum, code);
  return true;
}

static bool is_plain(unsigned char c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* `sum` may be NULL: the text does not matter. */
static enum lc_json parse_string(struct parser *parser, uint64_t *sum) {
  if (!take(parser, '"'))
    return LC_JSON_SYNTAX;
  while (parser->at < parser->end) {
    const unsigned char *from = parser->at;
    while (parser->at < parser->end && is_plain(*parser->at))
      parser->at++;
    if (parser->at < parser->end && *parser->at >= 0x80) {
      size_t length = lc_utf8_length(parser->at, (size_t)(parser->end - parser->at));
      if (length == 0)
        return LC_JSON_UTF8;
      parser->at += length;
    }
    for (; sum && from < parser->at; from++)
      hash(sum, *from);
    if (take(parser, '"'))
      return LC_JSON_OK;
    if (take(parser, '\\')) {
      if (!parse_escape(parser, sum))
        return LC_JSON_SYNTAX;
    } else if (next_is(parser, 0, 0x1f)) {
      return LC_JSON_SYNTAX;
    }
  }
  return LC_JSON_SYNTAX;
}

/* ---- the other values ---------------------------------------------------------------------- */

static enum lc_json parse_word(struct parser *parser, const char *word) {
  for (; *word; word++) {
    if (!take(parser, (unsigned char)*word))
      return LC_JSON_SYNTAX;
  }
  return LC_JSON_OK;
}

static bool digits(struct parser *parser) {
  const unsigned char *from = parser->at;
  while (next_is(parser, '0', '9'))
    parser->at++;
  return parser->at > from;
}

static enum lc_json parse_number(struct parser *parser) {
  take(parser, '-');
  if (!take(parser, '0') && !digits(parser))
    return LC_JSON_SYNTAX;
  if (take(parser, '.') && !digits(parser))
    return LC_JSON_SYNTAX;
  if (take(parser, 'e') || take(parser, 'E')) {
    if (!take(parser, '+'))
      take(parser, '-');
    if (!digits(parser))
      return LC_JSON_SYNTAX;
  }
  return LC_JSON_OK;
}

static enum lc_json parse_array(struct parser *parser) {
  skip_blanks(parser);
  if (take(parser, ']'))
    return LC_JSON_OK;
  do {
    skip_blanks(parser);
    enum lc_json err = parse_value(parser);
    if (err != LC_JSON_OK)
      return err;
    skip_blanks(parser);
  } while (take(parser, ','));
  return take(parser, ']') ? LC_JSON_OK : LC_JSON_SYNTAX;
}

/* ---- objects ------------------------------------------------------------------------------- */

static enum lc_json add_name(struct parser *parser, uint64_t name) {
  if (parser->n_names == parser->cap_names) {
    size_t cap = parser->cap_names * 2;
    bool own = parser->names != parser->fixed;
    uint64_t *names = realloc(own ? parser->names : NULL, cap * sizeof *names);
    if (names == NULL)
      return LC_JSON_ENOMEM;
    if (!own)
      memcpy(names, parser->fixed, sizeof parser->fixed);
    parser->names = names;
    parser->cap_names = cap;
  }
  parser->names[parser->n_names++] = name;
  return LC_JSON_OK;
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static bool any_twice(uint64_t *names, size_t n) {
  if (n <= FEW) {
    for (size_t i = 1; i < n; i++) {
      for (size_t j = 0; j < i; j++) {
        if (names[i] == names[j])
          return true;
      }
    }
    return false;
  }
  qsort(names, n, sizeof *names, compare);
  for (size_t i = 1; i < n; i++) {
    if (names[i] == names[i - 1])
      return true;
  }
  return false;
}

static enum lc_json parse_member(struct parser *parser) {
  uint64_t name = FNV_BASIS;
  skip_blanks(parser);
  enum lc_json err = parse_string(parser, &name);
  if (err == LC_JSON_OK)
    err = add_name(parser, name);
  if (err != LC_JSON_OK)
    return err;
  skip_blanks(parser);
  if (!take(parser, ':'))
    return LC_JSON_SYNTAX;
  skip_blanks(parser);
  const unsigned char *from = parser->at;
  err = parse_value(parser);
  if (err == LC_JSON_OK && parser->wanted && parser->depth == parser->top && name == parser->name)
    *parser->wanted = (struct lc_span){
        .start = (size_t)(from - parser->text),
        .len = (size_t)(parser->at - from),
    };
  return err;
}

static enum lc_json parse_object(struct parser *parser) {
  size_t first = parser->n_names;
  skip_blanks(parser);
  if (take(parser, '}'))
    return LC_JSON_OK;
  do {
    enum lc_json err = parse_member(parser);
    if (err != LC_JSON_OK)
      return err;
    skip_blanks(parser);
  } while (take(parser, ','));
  if (!take(parser, '}'))
    return LC_JSON_SYNTAX;
  if (any_twice(parser->names + first, parser->n_names - first))
    return LC_JSON_DUPLICATE;
  parser->n_names = first;
  return LC_JSON_OK;
}

static enum lc_json parse_value(struct parser *parser) {
  unsigned char c = parser->at < parser->end ? *parser->at : 0;
  if (c == '{' || c == '[') {
    if (parser->depth == 0)
      return LC_JSON_DEPTH;
    parser->at++;
    parser->depth--;
    enum lc_json err = c == '{' ? parse_object(parser) : parse_array(parser);
    parser->depth++;
    return err;
  }
  switch (c) {
  case '"':
    return parse_string(parser, NULL);
  case 't':
    return parse_word(parser, "true");
  case 'f':
    return parse_word(parser, "false");
  case 'n':
    return parse_word(parser, "null");
  default:
    return parse_number(parser);
  }
}

enum lc_json lc_json_check(const char *text, size_t len, unsigned max_depth, const char *member,
                           struct lc_span *value) {
  struct parser parser = {
      .text = (const unsigned char *)text,
      .depth = max_depth < LC_JSON_MAX_DEPTH ? max_depth : LC_JSON_MAX_DEPTH,
      .wanted = member ? value : NULL,
      .name = FNV_BASIS,
  };
  parser.at = parser.text;
  parser.end = parser.text + len;
  parser.top = parser.depth - 1;
  parser.names = parser.fixed;
  parser.cap_names = sizeof parser.fixed / sizeof parser.fixed[0];
  if (value)
    *value = (struct lc_span){0};
  for (; member && *member; member++)
    hash(&parser.name, (unsigned char)*member);
  skip_blanks(&parser);
  enum lc_json err = parse_value(&parser);
  skip_blanks(&parser);
  if (err == LC_JSON_OK && parser.at != parser.end)
    err = LC_JSON_SYNTAX;
  if (err != LC_JSON_OK && value)
    *value = (struct lc_span){0};
  if (parser.names != parser.fixed)
    free(parser.names);
  return err;
}
