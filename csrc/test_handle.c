/* SPDX-License-Identifier: MIT */
#include "handle.h"
#include "test.h"

#include <curl/curl.h>

static void trusts_libcurl(void) {
  static const struct {
    unsigned version;
    struct lc_libcurl lib;
  } rows[] = {
      {0x073d00, {NULL, true, true, true, false, true}},
      {0x074300, {NULL, true, true, false, false, true}},
      {0x074aff, {NULL, true, true, true, false, true}},
      {0x074b00, {NULL, true, false, true, false, true}},
      {0x074c01, {NULL, true, false, true, false, true}},
      {0x074d00, {NULL, true, true, true, false, true}},
      {0x0752ff, {NULL, true, true, true, false, true}},
      {0x075300, {NULL, false, true, true, false, true}},
      {0x075700, {NULL, false, true, true, false, false}},
      {0x075801, {NULL, false, true, true, true, false}},
      {0x080001, {NULL, false, true, true, true, false}},
      {0x080100, {NULL, true, true, true, true, false}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lc_libcurl lib;
    lc_libcurl_look(&lib, rows[i].version);
    CHECK(lib.keeps_handles == rows[i].lib.keeps_handles);
    CHECK(lib.keeps_connections == rows[i].lib.keeps_connections);
    CHECK(lib.http2 == rows[i].lib.http2 && lib.compression == rows[i].lib.compression);
    CHECK(lib.raises_sigpipe == rows[i].lib.raises_sigpipe);
  }
}

static void keeps_the_first_failure(void) {
  unsigned code = CURLE_OK;
  lc_may(&code, CURLE_UNKNOWN_OPTION);
  lc_may(&code, CURLE_NOT_BUILT_IN);
  CHECK(code == CURLE_OK);
  lc_must(&code, CURLE_BAD_FUNCTION_ARGUMENT);
  lc_must(&code, CURLE_UNKNOWN_OPTION);
  lc_may(&code, CURLE_OUT_OF_MEMORY);
  CHECK(code == CURLE_BAD_FUNCTION_ARGUMENT);
  code = CURLE_OK;
  lc_may(&code, CURLE_OUT_OF_MEMORY);
  CHECK(code == CURLE_OUT_OF_MEMORY);
}

/* Nothing but http and https, and the versions that libcurl may be trusted with one by one. */
static void makes_a_handle(void) {
  for (int i = 0; i < 32; i++) {
    struct lc_libcurl lib;
    lc_libcurl_look(&lib, 0);
    if (i > 0)
      lib.keeps_handles = i & 1, lib.keeps_connections = i & 2, lib.http2 = i & 4,
      lib.compression = i & 8, lib.ca_bundle = i & 16 ? "/nowhere" : NULL;
    CURL *easy = lc_handle_new(&lib);
    CHECK(easy != NULL);
    CHECK(curl_easy_setopt(easy, CURLOPT_URL, "file:///etc/passwd") == CURLE_OK);
    CHECK(curl_easy_perform(easy) == CURLE_UNSUPPORTED_PROTOCOL);
    curl_easy_cleanup(easy);
  }
}

int main(void) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  trusts_libcurl();
  keeps_the_first_failure();
  makes_a_handle();
  curl_global_cleanup();
  return test_end();
}
