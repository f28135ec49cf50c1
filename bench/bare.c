/* SPDX-License-Identifier: MIT */
/* What libcurl costs by itself: the loops that the benches hold the client against.
 *
 *   bare [-n calls] [-b batches] [-c concurrency] [-k ca_file] [-H "Name: value"]... URL
 *
 * Without -c one easy handle on one kept connection; with it a multi handle that keeps so many
 * transfers in flight. Each batch of `calls` is timed, after one that is not; prints one number:
 * microseconds a call, of the median batch. Anything but a 2xx answer ends it. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct load {
  const char *url;
  const char *ca_file;
  struct curl_slist *headers;
  long calls;
  long batches;
  long concurrency; /* 0: no multi handle */
};

struct body {
  char *data;
  size_t len;
  size_t cap;
};

static double clock_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static size_t on_data(char *data, size_t size, size_t n, void *user) {
  struct body *body = user;
  n *= size;
  if (body->len + n > body->cap) {
    size_t cap = 2 * (body->len + n);
    char *grown = realloc(body->data, cap);
    if (grown == NULL)
      return 0;
    body->data = grown;
    body->cap = cap;
  }
  memcpy(body->data + body->len, data, n);
  body->len += n;
  return n;
}

static CURL *easy_new(const struct load *load, struct body *body) {
  CURL *easy = curl_easy_init();
  if (easy == NULL)
    return NULL;
  curl_easy_setopt(easy, CURLOPT_URL, load->url);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, load->headers);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, body);
  if (load->ca_file != NULL)
    curl_easy_setopt(easy, CURLOPT_CAINFO, load->ca_file);
  return easy;
}

static CURLcode easy_batch(const struct load *load, CURL *easy, struct body *body) {
  for (long i = 0; i < load->calls; i++) {
    body->len = 0;
    CURLcode code = curl_easy_perform(easy);
    if (code != CURLE_OK)
      return code;
  }
  return CURLE_OK;
}

/* Starts a transfer again as soon as it has ended, until `calls` were made. */
static CURLcode multi_batch(const struct load *load, CURLM *multi, CURL **easies) {
  long started = 0, ended = 0;
  for (; started < load->concurrency && started < load->calls; started++)
    curl_multi_add_handle(multi, easies[started]);
  while (ended < load->calls) {
    int running, left;
    curl_multi_perform(multi, &running);
    for (CURLMsg *msg; (msg = curl_multi_info_read(multi, &left)) != NULL;) {
      CURL *easy = msg->easy_handle;
      CURLcode code = msg->data.result;
      struct body *body = NULL;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&body);
      curl_multi_remove_handle(multi, easy);
      if (code != CURLE_OK)
        return code;
      body->len = 0;
      ended++;
      if (started < load->calls) {
        curl_multi_add_handle(multi, easy);
        started++;
      }
    }
    if (ended < load->calls)
      curl_multi_poll(multi, NULL, 0, 1000, NULL);
  }
  return CURLE_OK;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static CURLcode measure(const struct load *load, CURLM *multi, CURL **easies, struct body *bodies,
                        double *times) {
  for (long batch = -1; batch < load->batches; batch++) {
    double start = clock_us();
    CURLcode code = load->concurrency > 0 ? multi_batch(load, multi, easies)
                                          : easy_batch(load, easies[0], bodies);
    if (code != CURLE_OK)
      return code;
    if (batch >= 0)
      times[batch] = (clock_us() - start) / (double)load->calls;
  }
  qsort(times, (size_t)load->batches, sizeof *times, by_value);
  return CURLE_OK;
}

static CURLcode run(const struct load *load, double *median) {
  size_t n = load->concurrency > 0 ? (size_t)load->concurrency : 1;
  CURLcode code = CURLE_OUT_OF_MEMORY;
  CURLM *multi = curl_multi_init();
  CURL **easies = calloc(n, sizeof *easies);
  struct body *bodies = calloc(n, sizeof *bodies);
  double *times = calloc((size_t)load->batches, sizeof *times);
  if (multi == NULL || easies == NULL || bodies == NULL || times == NULL)
    goto out;
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)n);
  for (size_t i = 0; i < n; i++) {
    easies[i] = easy_new(load, &bodies[i]);
    if (easies[i] == NULL)
      goto out;
  }
  code = measure(load, multi, easies, bodies, times);
  *median = times[load->batches / 2];

out:
  for (size_t i = 0; i < n; i++) {
    if (easies != NULL)
      curl_easy_cleanup(easies[i]);
    if (bodies != NULL)
      free(bodies[i].data);
  }
  curl_multi_cleanup(multi);
  free(easies);
  free(bodies);
  free(times);
  return code;
}

int main(int argc, char **argv) {
  struct load load = {.calls = 1000, .batches = 1};
  double median = 0;
  int option;
  while ((option = getopt(argc, argv, "n:b:c:k:H:")) != -1) {
    switch (option) {
    case 'n':
      load.calls = strtol(optarg, NULL, 10);
      break;
    case 'b':
      load.batches = strtol(optarg, NULL, 10);
      break;
    case 'c':
      load.concurrency = strtol(optarg, NULL, 10);
      break;
    case 'k':
      load.ca_file = optarg;
      break;
    case 'H':
      load.headers = curl_slist_append(load.headers, optarg);
      break;
    default:
      return 2;
    }
  }
  if (optind + 1 != argc || load.calls < 1 || load.batches < 1 || load.concurrency < 0) {
    fprintf(stderr,
            "usage: bare [-n calls] [-b batches] [-c concurrency] [-k ca] [-H header] URL\n");
    return 2;
  }
  load.url = argv[optind];
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLcode code = run(&load, &median);
  if (code == CURLE_OK)
    printf("%.3f\n", median);
  else
    fprintf(stderr, "bare: %s: %s\n", load.url, curl_easy_strerror(code));
  curl_slist_free_all(load.headers);
  curl_global_cleanup();
  return code == CURLE_OK ? 0 : 1;
}
