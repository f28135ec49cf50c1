/* SPDX-License-Identifier: MIT */
#include "origin.h"
#include "test.h"

#include <string.h>

static const struct {
  const char *url;
  const char *origin; /* NULL: refused */
} origins[] = {
    {"https://api.livechatinc.com", "https://api.livechatinc.com:443"},
    {"https://api.livechatinc.com/", "https://api.livechatinc.com:443"},
    {"https://api.livechatinc.com?page=2", "https://api.livechatinc.com:443"},
    {"https://api.livechatinc.com#top", "https://api.livechatinc.com:443"},
    {"https://api.livechatinc.com:443/v2/agents", "https://api.livechatinc.com:443"},
    {"https://api.livechatinc.com:/agents", "https://api.livechatinc.com:443"},
    {"https://api.livechatinc.com:000443", "https://api.livechatinc.com:443"},
    {"HTTPS://API.LiveChatInc.COM/Agents", "https://api.livechatinc.com:443"},
    {"http://api.livechatinc.com", "http://api.livechatinc.com:80"},
    {"http://api.livechatinc.com:443", "http://api.livechatinc.com:443"},
    {"http://127.0.0.1:8080/x", "http://127.0.0.1:8080"},
    {"http://localhost:65535", "http://localhost:65535"},
    {"http://a_b-c.example", "http://a_b-c.example:80"},
    {"http://[::1]:8080/x", "http://[::1]:8080"},
    {"https://[2001:DB8::A.B]", "https://[2001:db8::a.b]:443"},
    {"https://h/a@b?c=@d", "https://h:443"},
    {"https://h/\xc3\xa4", "https://h:443"},
    {"", NULL},
    {"https", NULL},
    {"https:", NULL},
    {"https:/h", NULL},
    {"https://", NULL},
    {"https:///h", NULL},
    {"https://:443", NULL},
    {"https://?h", NULL},
    {"//h/", NULL},
    {"h/", NULL},
    {"ftp://h/", NULL},
    {"file:///etc/passwd", NULL},
    {"httpss://h/", NULL},
    {" https://h/", NULL},
    {"https://h/ ", NULL},
    {"https://h/a b", NULL},
    {"https://h/a\r\nb", NULL},
    {"https://h/\x01", NULL},
    {"https://h/\x7f", NULL},
    {"https://h\t/", NULL},
    {"https://user@h/", NULL},
    {"https://user:password@h/", NULL},
    {"https://@h/", NULL},
    {"https://h:@evil/", NULL},
    {"https://h:80@evil/", NULL},
    {"https://h\\@evil/", NULL},
    {"https://h\\.evil/", NULL},
    {"https://h%2eevil/", NULL},
    {"https://\xc3\xa4.example/", NULL},
    {"https://h:0/", NULL},
    {"https://h:65536/", NULL},
    {"https://h:99999999999999999999/", NULL},
    {"https://h:-1/", NULL},
    {"https://h:+1/", NULL},
    {"https://h:8o/", NULL},
    {"https://h:80:80/", NULL},
    {"https://[::1", NULL},
    {"https://[]", NULL},
    {"https://[::1]x/", NULL},
    {"https://[fe80::1%25eth0]/", NULL},
    {"https://::1/", NULL},
    {"https://[host]/", NULL},
};

static void test_origins(void) {
  for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
    char origin[LC_ORIGIN_SIZE];
    bool good = lc_origin(origins[i].url, origin);
    if (origins[i].origin == NULL)
      CHECK_WITH(origins[i].url, !good);
    else
      CHECK_WITH(origins[i].url, good && strcmp(origin, origins[i].origin) == 0);
  }
}

/* Hosts around the ceiling, plain and in brackets, with the longest port. */
static void test_long_hosts(void) {
  for (size_t n = 250; n <= 260; n++) {
    for (int literal = 0; literal <= 1; literal++) {
      char url[400] = "https://[";
      char origin[LC_ORIGIN_SIZE];
      size_t at = literal ? 9 : 8;
      memset(url + at, 'a', n);
      memcpy(url + at + n, literal ? "]:65535" : ":65535", literal ? 8 : 7);
      bool good = lc_origin(url, origin);
      CHECK_WITH(url, good == (n <= 253));
      CHECK_WITH(url, !good || strcmp(origin, url) == 0);
    }
  }
}

static const struct {
  const char *given;
  const char *address; /* NULL: refused */
  const char *user, *password;
} proxies[] = {
    {"proxy.test", "proxy.test", NULL, NULL},
    {"Proxy.test:8080", "proxy.test:8080", NULL, NULL},
    {"http://proxy.test:8080/", "http://proxy.test:8080", NULL, NULL},
    {"HTTPS://[::1]:1", "https://[::1]:1", NULL, NULL},
    {"socks5h://127.0.0.1", "socks5h://127.0.0.1", NULL, NULL},
    {"http://alice:s3cr3t@h:1", "http://h:1", "alice", "s3cr3t"},
    {"alice:s3cr3t@h", "h", "alice", "s3cr3t"},
    {"socks4a://alice@h:1", "socks4a://h:1", "alice", ""},
    {"http://:s3cr3t@h", "http://h", "", "s3cr3t"},
    {"http://a@b:c:d@e@h", "http://h", "a@b", "c:d@e"},
    {"http://a%40b:c%2fd%zz%4@h", "http://h", "a@b", "c/d%zz%4"},
    {"http://a:b%00c@h", NULL, NULL, NULL},
    {"http://a:b%0d%0ac@h", NULL, NULL, NULL},
    {"http://a:b/c@h", NULL, NULL, NULL},
    {"http://a:b?c@h", NULL, NULL, NULL},
    {"http://a:b c@h", NULL, NULL, NULL},
    {"odd://a:b@h", NULL, NULL, NULL},
    {"a:b", NULL, NULL, NULL},
    {"a:b@", NULL, NULL, NULL},
    {"a:b@h:99999", NULL, NULL, NULL},
    {"a:b@h:0", NULL, NULL, NULL},
    {"http://h:1/x", NULL, NULL, NULL},
    {"http://", NULL, NULL, NULL},
    {"", NULL, NULL, NULL},
    {"http://h\r\n", NULL, NULL, NULL},
};

static void test_proxies(void) {
  for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
    char text[LC_PROXY_ROOM(64)];
    struct lc_proxy proxy;
    bool good = lc_proxy_parse(&proxy, proxies[i].given, text);
    if (!CHECK_WITH(proxies[i].given, good == (proxies[i].address != NULL)) || !good)
      continue;
    CHECK_WITH(proxies[i].given, strcmp(proxy.address, proxies[i].address) == 0);
    CHECK_WITH(proxies[i].given, (proxy.user == NULL) == (proxies[i].user == NULL));
    CHECK_WITH(proxies[i].given, (proxy.password == NULL) == (proxies[i].password == NULL));
    CHECK_WITH(proxies[i].given, proxy.user == NULL || strcmp(proxy.user, proxies[i].user) == 0);
    CHECK_WITH(proxies[i].given,
               proxy.password == NULL || strcmp(proxy.password, proxies[i].password) == 0);
  }
}

int main(void) {
  test_origins();
  test_long_hosts();
  test_proxies();
  return test_end();
}
