/* SPDX-License-Identifier: MIT */
/* The core: mechanism without Lua. Sizes are bytes, times say their unit in the name, and a clock
 * is always an argument except where a comment says that it is read inside. */
#ifndef LC_CORE_H
#define LC_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lc_err {
  LC_OK = 0,
  LC_ENOMEM,
  LC_EINVAL,    /* an argument that the caller should have refused */
  LC_ETOOLARGE, /* more bytes than a ceiling allows */
  LC_ECLOSED,   /* the engine, throttle or call is closed */
  LC_ECANCELLED,
  LC_ETIMEOUT,
  LC_ECONNECT,  /* DNS, connect, TLS, proxy: before a byte of the request left */
  LC_ENETWORK,  /* the connection was lost later than that */
  LC_EPROTOCOL, /* the answer is not HTTP, is truncated, or is wrongly encoded */
  LC_EMISMATCH, /* a shared file is not what was asked for; errno is not set */
  LC_ESYS       /* errno says */
};

/* "enomem", "timeout", …: one lower-case word an error, never NULL. */
const char *lc_err_name(enum lc_err err);

/* ---- buf.c: bytes with a ceiling ---------------------------------------------------------- */

struct lc_buf {
  char *data; /* NULL until something was added; otherwise data[len] is 0 */
  size_t len;
  size_t cap;
  size_t max; /* len never passes it */
};

void lc_buf_init(struct lc_buf *buf, size_t max);
/* All or nothing: LC_ETOOLARGE and LC_ENOMEM leave the buffer as it was. */
enum lc_err lc_buf_add(struct lc_buf *buf, const void *data, size_t len);
void lc_buf_reset(struct lc_buf *buf); /* empty, keeps the memory */
void lc_buf_free(struct lc_buf *buf);
/* Overwrites the memory, then frees it. A block that the buffer outgrew earlier is not reached:
 * what must leave no trace is put in by one lc_buf_add. */
void lc_buf_wipe(struct lc_buf *buf);

/* Overwrites memory in a way that the compiler keeps. */
void lc_wipe(void *data, size_t len);

/* ---- secret.c: a credential --------------------------------------------------------------- */

struct lc_secret {
  char *line;   /* the whole header line, "Authorization: Basic …"; owned, wiped */
  char *origin; /* "https://host:port", lower case, the port always written; owned */
};

/* The origin of an http or https URL in that form. LC_EINVAL for any other URL, for one with
 * user information, for one with a control character or space, and for a host that is not letters,
 * digits, '-', '.', '_' or an IPv6 literal. The caller frees *origin. */
enum lc_err lc_origin(const char *url, char **origin);

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
 * empty, or there is no memory, and nobody knows what the text holds. */
bool lc_secret_hide(const struct lc_secret *secret, char *text, size_t len);
void lc_secret_wipe(struct lc_secret *secret);
/* Equal bytes; the time depends on the lengths only. */
bool lc_equal(const void *a, size_t a_len, const void *b, size_t b_len);

/* ---- throttle.c: an exact sliding window in memory that the caller owns --------------------
 *
 * The ring remembers when the last `calls` calls were granted. The next call may go when the
 * oldest of them is a period (and the guard) old: that is the earliest time at which no window of
 * a period holds more than `calls`, so nobody waits that need not. A grant is a promise for a
 * moment that may lie ahead; the caller sleeps until then. A grant that is given back before its
 * moment is granted to whoever asks next.
 *
 * Every change is one aligned 64-bit store, made last: whoever dies in the middle of a change
 * leaves the ring as it was, or with one more grant than was used, never one less. Pure: no clock,
 * lock, allocation or I/O. Moments are any clock's, within +-2^61 us of its zero. */

struct lc_throttle {
  uint32_t calls; /* slots of the ring are calls + 1: the spare one is written before it counts */
  _Atomic uint32_t given_back; /* 0: surely no grant of the ring was given back */
  int64_t period_us;
  int64_t guard_us;                /* added to the period: what leaves apart may arrive closer */
  _Atomic int64_t paused_until_us; /* a 429 or Retry-After */
  _Atomic uint64_t head;           /* index of the oldest grant; later ones follow in order */
  _Atomic int64_t slot[];          /* moment of a grant in us, times two; bit 0: given back */
};

/* Bytes of a ring for so many calls; 0 where calls is 0 or above 1,000,000. */
size_t lc_throttle_size(uint32_t calls);
/* LC_EINVAL where the size would be 0, for a period below 1 and a guard below 0, and where one of
 * them is above 2^60. */
enum lc_err lc_throttle_init(struct lc_throttle *throttle, uint32_t calls, int64_t period_us,
                             int64_t guard_us);
/* *at_us = the earliest moment at which the caller may send, >= now_us. LC_ETIMEOUT where that lies
 * after latest_us: nothing is granted, *at_us still tells the moment. LC_EINVAL for a now_us out of
 * range. */
enum lc_err lc_throttle_reserve(struct lc_throttle *throttle, int64_t now_us, int64_t latest_us,
                                int64_t *at_us);
/* Gives a grant back that was not used, also when its moment has passed. Of no effect where `calls`
 * later moments have been granted meanwhile. */
void lc_throttle_release(struct lc_throttle *throttle, int64_t at_us);
/* The call of a grant had surely arrived late_us after its moment. What that is beyond the guard
 * is added to the moment, so that arrivals keep the law too, however long a connection took to
 * make. Where `calls` later moments have been granted meanwhile, nobody is granted one before that
 * call has left the window; who sleeps towards one asks for the pause when he wakes. */
void lc_throttle_settle(struct lc_throttle *throttle, int64_t at_us, int64_t late_us);
/* Nobody is granted a moment before until_us. A pause never shortens another. */
void lc_throttle_pause(struct lc_throttle *throttle, int64_t until_us);

struct lc_throttle_state {
  uint32_t used;     /* grants of the last period, those that lie ahead included */
  int64_t wait_us;   /* what the next caller would wait */
  int64_t paused_us; /* what is left of a pause */
};
void lc_throttle_state(const struct lc_throttle *throttle, int64_t now_us,
                       struct lc_throttle_state *state);

/* ---- shm.c: that ring in a file that processes share --------------------------------------- */

struct lc_shm; /* a mapping: an lc_throttle behind a header and a robust process-shared mutex */

struct lc_shm_options {
  const char *path;
  unsigned mode; /* 0600, or 0660: then the file may be that of another user of our group */
  uint32_t calls;
  int64_t period_us;
  int64_t guard_us;
};

/* Opens or creates the file; one of an earlier boot begins anew. LC_EMISMATCH where it has other
 * limits, another layout, wider permissions than `mode` or a strange owner, or is none of ours.
 * `text` gets one line without a newline for every failure: it names the path and, for limits,
 * both values. Whoever may write to the file is trusted. While it is in use it must not be
 * removed: those who come later would share another one.
 *
 * The verbs are those of throttle.c, with the clock (lc_clock_us) read inside the lock. Threads may
 * share a mapping, and a child that a fork made may go on with its parent's. */
enum lc_err lc_shm_open(struct lc_shm **shm, const struct lc_shm_options *options, char *text,
                        size_t text_size);
enum lc_err lc_shm_reserve(struct lc_shm *shm, int64_t max_wait_us, int64_t *at_us,
                           int64_t *now_us);
enum lc_err lc_shm_release(struct lc_shm *shm, int64_t at_us);
enum lc_err lc_shm_settle(struct lc_shm *shm, int64_t at_us, int64_t late_us);
enum lc_err lc_shm_pause(struct lc_shm *shm, int64_t wait_us);
enum lc_err lc_shm_state(struct lc_shm *shm, struct lc_throttle_state *state);
void lc_shm_close(struct lc_shm *shm); /* NULL is fine */

/* ---- stamp.c: time ------------------------------------------------------------------------- */

/* The clock of throttles and deadlines: microseconds since boot, sleep included, never set back. */
int64_t lc_clock_us(void);
/* The wall clock: microseconds since 1970-01-01 UTC. */
int64_t lc_wall_us(void);

#define LC_STAMP_SIZE 25 /* "yyyy-MM-ddTHH:mm:ss.fffZ" and its 0 */

/* Every form of the wire: epoch seconds or milliseconds as digits (with or without a fraction),
 * ISO 8601 / RFC 3339 date-times with 'T' or a space, with or without a fraction (any number of
 * digits), with 'Z', an offset (+02:00, +0200, +02) or none (then UTC); also a bare date. What is
 * finer than a millisecond is cut off. A leap second, 23:59:60 UTC, is that day's last millisecond.
 * false for anything else, for a date that does not exist, and for years outside 0001-9999. */
bool lc_stamp_parse(const char *text, size_t len, int64_t *epoch_ms);
/* Epoch seconds, or milliseconds where the magnitude can only mean them (>= 1e11), as above. */
bool lc_stamp_number(double value, int64_t *epoch_ms);
/* false, and an empty text, outside those years. */
bool lc_stamp_format(int64_t epoch_ms, char text[LC_STAMP_SIZE]);

/* ---- json.c: what is wrong with a JSON text -------------------------------------------------- */

#define LC_JSON_MAX_DEPTH 1000

enum lc_json {
  LC_JSON_OK = 0,
  LC_JSON_SYNTAX, /* not RFC 8259 */
  LC_JSON_UTF8,
  LC_JSON_DEPTH,
  LC_JSON_DUPLICATE, /* an object names a member twice, however it is spelled */
  LC_JSON_ENOMEM
};

struct lc_span {
  size_t start, len;
};

/* Checks a whole text; objects and arrays may nest max_depth deep, at most LC_JSON_MAX_DEPTH. Where
 * the outermost value is an object with that member, *value tells where the member's value is
 * written; its len is 0 otherwise. Member and value may be NULL. */
enum lc_json lc_json_check(const char *text, size_t len, unsigned max_depth, const char *member,
                           struct lc_span *value);

/* Whether a text is UTF-8 and nothing else: no overlong forms, no surrogates, nothing above
 * U+10FFFF. Any byte below 0x80 may be in it, 0 among them. */
bool lc_utf8(const char *text, size_t len);

/* ---- digest.c: a name for a text ------------------------------------------------------------- */

#define LC_DIGEST_SIZE 33 /* 32 hex digits and their 0 */

/* SipHash-2-4 with an output of 128 bits and a key that everybody knows: the same on every machine.
 * Texts that differ by chance differ in it; it is no proof against whoever wants two to agree. */
void lc_digest(const void *data, size_t len, char hex[LC_DIGEST_SIZE]);

/* ---- spool.c: files that come into being whole, and belong to one process at a time ---------- */

/* Writes a file below the folder `drafts`, syncs it, and gives it the name folder/name unless that
 * is taken (LC_ESYS, EEXIST); in both cases what has the name is on disk when this returns. The
 * file's time is that of the call, to the microsecond. Nothing is left of what failed. */
enum lc_err lc_file_store(const char *drafts, const char *folder, const char *name,
                          const void *data, size_t len, unsigned mode);
/* Opens and locks; the caller closes *fd. EWOULDBLOCK: someone has it; ENOENT: it is gone. */
enum lc_err lc_file_lock(const char *path, int *fd);
enum lc_err lc_file_read(int fd, struct lc_buf *buf); /* all of it, from its beginning */
enum lc_err lc_file_append(int fd, const void *data, size_t len); /* all or nothing, not synced */
enum lc_err lc_file_touch(int fd, int64_t epoch_us);
enum lc_err lc_file_empty(int fd);
bool lc_file_exists(const char *path);

/* The folder itself, not those above it; fine where it is there. The umask does not matter. */
enum lc_err lc_folder_make(const char *path, unsigned mode);

struct lc_entry {   /* a regular file whose name does not begin with a dot */
  const char *name; /* until the next call; NULL: there are no more */
  uint64_t size;
  int64_t epoch_us; /* its time */
};

enum lc_err lc_folder_open(const char *path, void **folder);
enum lc_err lc_folder_next(void *folder, struct lc_entry *entry);
void lc_folder_close(void *folder); /* NULL is fine */

/* ---- child.c: a program that this one starts and watches ------------------------------------- */

struct lc_child;

/* argv[0] is a path. While it runs, SIGINT, SIGTERM, SIGHUP and SIGQUIT to this process are held
 * back; lc_child_wait passes them on. A program that cannot be executed ends with status 127. */
enum lc_err lc_child_start(struct lc_child **child, char *const argv[]);
/* LC_ETIMEOUT: it still runs after wait_ms. *signal is the last one that was passed on, as it was
 * before where none came; *status is an exit status, or 128 and the signal that ended it. */
enum lc_err lc_child_wait(struct lc_child *child, int64_t wait_ms, int *status, int *signal);
/* Ends it first where it still runs, after five seconds by force. NULL is fine. */
void lc_child_free(struct lc_child *child);

/* ---- notify.c: telling a thread, or a loop, that something has happened --------------------- */

struct lc_flag { /* a descriptor that is readable while the flag is up */
  int fd;        /* -1: closed */
  int raise_fd;  /* the same one, or a pipe's other end */
};

enum lc_err lc_flag_open(struct lc_flag *flag); /* down; LC_ESYS leaves it closed */
void lc_flag_raise(const struct lc_flag *flag);
void lc_flag_lower(const struct lc_flag *flag);
void lc_flag_close(struct lc_flag *flag);

#define LC_DOOR_PATH 108 /* what a Unix socket's address holds */

struct lc_door { /* a Unix socket in a private folder, for one peer out of this very process */
  int listener;  /* -1: nobody is waited for */
  int peer;      /* -1: nobody came */
  char path[LC_DOOR_PATH];
};

void lc_door_init(struct lc_door *door);
enum lc_err lc_door_open(struct lc_door *door);
/* Lets the peer in, if it came; the socket's name goes away then. Others are turned away. */
bool lc_door_accept(struct lc_door *door);
/* One byte to the peer, never waiting. false: nobody is there (any more). */
bool lc_door_knock(struct lc_door *door);
void lc_door_close(struct lc_door *door);

/* ---- request.c: what may be sent ------------------------------------------------------------ */

struct lc_request { /* everything is copied by lc_engine_submit */
  const char *method;
  const char *url;
  const char *const *headers; /* "Name: value" */
  size_t n_headers;
  const void *body; /* NULL: none */
  size_t body_len;
  const struct lc_secret *secret; /* NULL: none. Only ever sent to its own origin. */
  long timeout_ms;                /* of the whole transfer, connecting included; 0: none */
  long connect_timeout_ms;
  size_t max_response; /* ceiling of the decoded body */
  bool insecure;       /* do not verify the peer */
  const char *ca_file; /* NULL: the system's */
  const char *proxy;   /* NULL: what the environment says, as curl reads it */
  bool once;           /* may have acted where it fails: takes a new connection, because a kept one
                          may turn out to be dead. (No request is ever sent twice by itself; libcurl
                          before 7.80 does so with one that is not `once`.) */
  bool notify;         /* lc_engine_call_fd() will be asked for */
};

/* LC_EINVAL for a method that is no token, a URL without an origin (lc_origin), a header that is
 * not one "Name: value" line or frames the message, and a secret of another origin; `text` says
 * which. */
enum lc_err lc_request_check(const struct lc_request *request, char *text, size_t text_size);

/* ---- transfer.c: one HTTP exchange over one libcurl easy handle ----------------------------- */

struct lc_response {
  enum lc_err err;       /* LC_OK: status, headers and body are whole */
  char text[256];        /* for an error: one line, no secrets */
  bool sent;             /* false: certainly no byte of the request left */
  int status;            /* for an error: that of the answer's beginning; 0 where there was none */
  struct lc_buf headers; /* the final response's "Name: value" lines, each ended by CR LF */
  struct lc_buf body;
  double seconds;
  int64_t left_us; /* when the request began to leave, on lc_clock_us; 0: it did not, or a libcurl
                      before 7.80 did not say */
};

struct lc_transfer { /* the head of it, which is the engine's; the rest is transfer.c's own */
  uint64_t id;
  void *easy; /* the CURL handle while it runs: its CURLOPT_PRIVATE is the transfer */
  struct lc_transfer *next;
};

/* Checks the request and copies it. */
enum lc_err lc_transfer_new(struct lc_transfer **transfer, const struct lc_request *request,
                            char *text, size_t text_size);
/* A CURL handle for any number of transfers, one after the other; NULL: no memory. */
void *lc_transfer_easy(void);
/* Makes the handle, NULL for want of memory, ready for curl_multi_add_handle. Gives a CURLcode. */
int lc_transfer_begin(struct lc_transfer *transfer, void *easy);
/* From any thread: a request that has not begun to leave never will, and true tells so. */
bool lc_transfer_give_up(struct lc_transfer *transfer);
/* The result, for a CURLcode; its `seconds` are left to the engine. The caller frees headers and
 * body. */
void lc_transfer_end(struct lc_transfer *transfer, int code, struct lc_response *response);
/* Takes all pointers out of the handle, which is free for the next, and wipes the copies. */
void lc_transfer_free(struct lc_transfer *transfer);

/* ---- calls.c: the register of calls; from any thread ----------------------------------------- */

struct lc_calls;

enum lc_err lc_calls_new(struct lc_calls **calls);
/* Wakes whoever waits, and drops every call. */
void lc_calls_close(struct lc_calls *calls);
void lc_calls_free(struct lc_calls *calls);

/* Owns the transfer where it succeeds; NULL: a call that is only parked. */
enum lc_err lc_calls_add(struct lc_calls *calls, struct lc_transfer *transfer, bool notify,
                         uint64_t *id);
/* These are the verbs of the engine. */
enum lc_err lc_calls_wait(struct lc_calls *calls, uint64_t id, int wait_ms);
bool lc_calls_done(struct lc_calls *calls, uint64_t id);
bool lc_calls_take(struct lc_calls *calls, uint64_t id, struct lc_response *response);
void lc_calls_cancel(struct lc_calls *calls, uint64_t id);
void lc_calls_drop(struct lc_calls *calls, uint64_t id);
int lc_calls_fd(struct lc_calls *calls, uint64_t id);
void lc_calls_join(struct lc_calls *calls, uint64_t id, uint64_t group);
void lc_calls_clear(struct lc_calls *calls, uint64_t id);
enum lc_err lc_calls_listen(struct lc_calls *calls, char *path, size_t path_size);
size_t lc_calls_finished(struct lc_calls *calls, uint64_t *ids, size_t n);
size_t lc_calls_pending(struct lc_calls *calls);

/* And these the pump's. The next to begin, or NULL. It stays the register's until lc_calls_finish
 * takes its result and gives it back; false: it is, or was, among the abandoned. */
struct lc_transfer *lc_calls_next(struct lc_calls *calls);
bool lc_calls_finish(struct lc_calls *calls, const struct lc_transfer *transfer,
                     const struct lc_response *response);
/* The transfers whose calls ended early, by their `next`: the pump's to free from here on. */
struct lc_transfer *lc_calls_abandoned(struct lc_calls *calls);
/* The descriptors (1 or 2) to watch while the pump sleeps; 0: there is work to do. */
size_t lc_calls_fall_asleep(struct lc_calls *calls, int fds[2]);
bool lc_calls_wake_up(struct lc_calls *calls); /* false: closed */

/* ---- engine.c: HTTP transfers over libcurl's multi interface -------------------------------- */

struct lc_engine;

/* Calls are named by ids, never 0, never used again. An engine is pumped by its one owner, until
 * lc_engine_start gives it a thread of its own; from then on every function may be called while
 * that thread runs. */
enum lc_err lc_engine_new(struct lc_engine **engine);
enum lc_err lc_engine_submit(struct lc_engine *engine, const struct lc_request *request,
                             uint64_t *id, char *text, size_t text_size);
/* A call without a transfer, which ends only when it is cancelled: something to sleep on. */
enum lc_err lc_engine_park(struct lc_engine *engine, bool notify, uint64_t *id);
/* Drives the transfers, without a thread; returns when a call has finished or wait_ms have
 * passed. */
enum lc_err lc_engine_pump(struct lc_engine *engine, int wait_ms);
/* Waits until this call has finished: pumps, or sleeps where the engine has a thread.
 * LC_ETIMEOUT after wait_ms; LC_ECLOSED for an id that is unknown or already taken. */
enum lc_err lc_engine_wait(struct lc_engine *engine, uint64_t id, int wait_ms);
/* Whether there is nothing to wait for: true also for an id that is unknown or already taken. */
bool lc_engine_done(struct lc_engine *engine, uint64_t id);
/* Moves the result of a finished call out; the caller frees headers and body. false: not done. */
bool lc_engine_take(struct lc_engine *engine, uint64_t id, struct lc_response *response);
/* Ends a call now: its result is LC_ECANCELLED and waiters wake. A finished call stays as it is. */
void lc_engine_cancel(struct lc_engine *engine, uint64_t id);
/* Cancels and forgets: nobody will take the result. */
void lc_engine_drop(struct lc_engine *engine, uint64_t id);

/* The thread. Started once, in the process that will use it (never before a fork). */
enum lc_err lc_engine_start(struct lc_engine *engine);
/* A descriptor of this call alone that becomes readable, and stays so, when it has finished.
 * Valid until the call is taken or dropped. -1 where the call was not made with `notify`. */
int lc_engine_call_fd(struct lc_engine *engine, uint64_t id);
/* Many calls, one descriptor: when call id has finished (or has already), that of the parked call
 * `group` becomes readable too, until lc_engine_clear(group). */
void lc_engine_join(struct lc_engine *engine, uint64_t id, uint64_t group);
void lc_engine_clear(struct lc_engine *engine, uint64_t id);
/* For one dispatcher: a Unix socket, in a private folder, which the dispatcher connects to (its
 * name goes away as soon as a peer with this process's pid has connected). A byte arrives when a
 * call finishes, then none until lc_engine_finished has given its last id: so read a byte, ask for
 * ids until there are none, and read again. What finished before somebody came counts too. Called
 * anew, it lets the next dispatcher take over, with what the last one had not asked for. */
enum lc_err lc_engine_listen(struct lc_engine *engine, char *path, size_t path_size);
/* Takes up to n ids of calls that have finished since the first look, or since listen, and were not
 * yet reported here. */
size_t lc_engine_finished(struct lc_engine *engine, uint64_t *ids, size_t n);
/* Calls in flight or not yet taken. */
size_t lc_engine_pending(struct lc_engine *engine);
/* Ends every call, joins the thread, frees everything. NULL is fine. In a process that forked
 * after the engine was made it frees nothing that the parent may still use. */
void lc_engine_free(struct lc_engine *engine);

#endif
