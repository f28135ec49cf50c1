/* SPDX-License-Identifier: MIT */
/* luaopen_livechat_engine: the binding of engine.c and calls.c. A call holds its engine through its
 * table and is known to it by an id; all that libcurl touches belongs to the engine, so no error
 * raised here can reach a callback. */
#include <errno.h>
#include <string.h>

#include "engine.h"
#include "lbind.h"

enum { MAX_HEADERS = 64, MAX_FINISHED = 128 };

static const int64_t MAX_WAIT_MS = 24L * 60 * 60 * 1000;

struct engine {
  struct lc_engine *core; /* NULL: closed */
  bool lent;              /* a thread may end its calls until the collector takes it */
};

struct call {
  struct engine *engine;       /* alive: the call's table holds it */
  uint64_t id;                 /* 0: taken or dropped */
  struct lc_response response; /* between take and the push of its strings */
};

/* ---- engine -------------------------------------------------------------------------------- */

static struct lc_engine *to_engine(lua_State *L) {
  struct engine *engine = luaL_checkudata(L, 1, LB_ENGINE);
  if (!engine->core)
    luaL_error(L, "attempt to use a closed engine");
  return engine->core;
}

static int engine_close(lua_State *L) {
  struct engine *engine = luaL_checkudata(L, 1, LB_ENGINE);
  struct lc_engine *core = engine->core;
  engine->core = NULL;
  lc_engine_free(core);
  return 0;
}

static int engine_close_early(lua_State *L) {
  const struct engine *engine = luaL_checkudata(L, 1, LB_ENGINE);
  return engine->lent ? luaL_error(L, "a disk uses the engine") : engine_close(L);
}

static void end_calls(void *owner, const uint64_t *ids, size_t n) {
  lc_calls_cancel_all(owner, ids, n);
}

static int fail(lua_State *L, enum lc_err err, const char *text) {
  return lb_fail(L, err, err == LC_ESYS ? strerror(errno) : text);
}

/* engine() -> engine | nil, code, text */
static int engine_new(lua_State *L) {
  struct engine *engine = lb_new(L, sizeof *engine, LB_ENGINE);
  lua_createtable(L, 1, 0); /* the table of the engine's calls: it holds the engine */
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, 1);
  lb_settable(L, -2);
  enum lc_err err = lc_engine_new(&engine->core);
  return err ? fail(L, err, NULL) : 1;
}

/* Pushes a call without an id. */
static struct call *new_call(lua_State *L) {
  struct call *call = lb_new(L, sizeof *call, LB_CALL);
  lb_gettable(L, 1);
  lb_settable(L, -2);
  call->engine = lua_touserdata(L, 1);
  return call;
}

/* The lines stay on the stack: nothing else is sure to keep them alive. */
static size_t read_headers(lua_State *L, const char *headers[MAX_HEADERS]) {
  lb_rawfield(L, 2, "headers");
  if (lua_isnil(L, -1))
    return 0;
  if (!lua_istable(L, -1))
    luaL_error(L, "headers: table expected, got %s", luaL_typename(L, -1));
  int table = lua_gettop(L);
  for (size_t n = 0;; n++) {
    lua_rawgeti(L, table, (int)n + 1);
    if (lua_isnil(L, -1))
      return n;
    if (n == MAX_HEADERS)
      luaL_error(L, "too many headers");
    headers[n] = lb_checkline(L, -1, "headers", NULL);
  }
}

static size_t read_max(lua_State *L) {
  return (size_t)lb_units(lb_number(L, 2, "max_response", 64 << 20), 1, INT64_MAX / 2);
}

static long read_ms(lua_State *L, const char *name) {
  return (long)lb_units(lb_number(L, 2, name, 0), 1000, MAX_WAIT_MS);
}

/* engine:submit{ method=, url=, headers={"Name: value", …}, body=, secret=, timeout=,
 * connect_timeout= (seconds), max_response= (bytes), insecure=, ca_file=, proxy=, once=, notify=,
 * sending= (a throttle's), send_by= (on core.clock()) }
 * -> call | nil, code, text */
static int engine_submit(lua_State *L) {
  struct lc_engine *engine = to_engine(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  luaL_checkstack(L, MAX_HEADERS + 20, "submit");
  const char *headers[MAX_HEADERS];
  struct lc_request request = {
      .method = lb_string(L, 2, "method"),
      .url = lb_string(L, 2, "url"),
      .headers = headers,
      .n_headers = read_headers(L, headers),
      .timeout_ms = read_ms(L, "timeout"),
      .connect_timeout_ms = read_ms(L, "connect_timeout"),
      .max_response = read_max(L),
      .insecure = lb_flag(L, 2, "insecure"),
      .ca_file = lb_string(L, 2, "ca_file"),
      .proxy = lb_string(L, 2, "proxy"),
      .once = lb_flag(L, 2, "once"),
      .notify = lb_flag(L, 2, "notify"),
  };
  if (!request.method || !request.url)
    return luaL_error(L, "submit: method and url are required");
  lb_rawfield(L, 2, "body");
  if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING)
    return luaL_error(L, "body: string expected, got %s", luaL_typename(L, -1));
  request.body = lua_tolstring(L, -1, &request.body_len);
  lb_rawfield(L, 2, "secret");
  if (!lua_isnil(L, -1))
    request.secret = lb_tosecret(L, -1);
  lb_rawfield(L, 2, "sending");
  const struct lb_sending *sending = lb_test(L, -1, LB_SENDING);
  request.sending = sending ? sending->core : NULL;
  request.send_by_us = lb_units(lb_number(L, 2, "send_by", 0), 1e6, INT64_MAX / 4);
  struct call *call = new_call(L);
  char text[256] = "";
  enum lc_err err = lc_engine_submit(engine, &request, &call->id, text, sizeof text);
  return err ? fail(L, err, text) : 1;
}

/* engine:park(notify) -> call | nil, code, text: ends when it is cancelled */
static int engine_park(lua_State *L) {
  struct lc_engine *engine = to_engine(L);
  bool notify = lua_toboolean(L, 2) != 0;
  struct call *call = new_call(L);
  enum lc_err err = lc_calls_add(lc_engine_calls(engine), NULL, notify, &call->id);
  return err ? fail(L, err, NULL) : 1;
}

/* engine:ender() -> what ends its parked calls from another thread; keeps the engine */
static int engine_ender(lua_State *L) {
  struct lc_engine *core = to_engine(L);
  struct engine *engine = lua_touserdata(L, 1);
  struct lb_ender *ender = lb_new(L, sizeof *ender, LB_ENDER);
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  lb_settable(L, -2);
  *ender = (struct lb_ender){end_calls, lc_engine_calls(core)};
  engine->lent = true;
  return 1;
}

/* engine:pump(seconds): drives the transfers until one finishes or the time is up */
static int engine_pump(lua_State *L) {
  struct lc_engine *engine = to_engine(L);
  enum lc_err err =
      lc_engine_pump(engine, (int)lb_units(luaL_checknumber(L, 2), 1000, MAX_WAIT_MS));
  if (err)
    return fail(L, err, NULL);
  lua_pushboolean(L, 1);
  return 1;
}

/* engine:start() -> true | nil, code, text: a thread of its own from now on */
static int engine_start(lua_State *L) {
  enum lc_err err = lc_engine_start(to_engine(L));
  if (err)
    return fail(L, err, NULL);
  lua_pushboolean(L, 1);
  return 1;
}

/* engine:listen() -> path of the socket that one dispatcher reads | nil, code, text */
static int engine_listen(lua_State *L) {
  char path[256];
  enum lc_err err = lc_engine_listen(to_engine(L), path, sizeof path);
  if (err)
    return fail(L, err, NULL);
  lua_pushstring(L, path);
  return 1;
}

/* engine:finished() -> list of ids of calls that finished since it was last asked */
static int engine_finished(lua_State *L) {
  struct lc_engine *engine = to_engine(L);
  uint64_t ids[MAX_FINISHED];
  int n = 0;
  lua_newtable(L);
  for (size_t got = MAX_FINISHED; got == MAX_FINISHED;) {
    got = lc_calls_finished(lc_engine_calls(engine), ids, MAX_FINISHED);
    for (size_t i = 0; i < got; i++) {
      lua_pushnumber(L, (lua_Number)ids[i]);
      lua_rawseti(L, -2, ++n);
    }
  }
  return 1;
}

static int engine_pending(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lc_calls_pending(lc_engine_calls(to_engine(L))));
  return 1;
}

static int engine_tostring(lua_State *L) {
  const struct engine *engine = luaL_checkudata(L, 1, LB_ENGINE);
  lua_pushstring(L, engine->core ? LB_ENGINE : LB_ENGINE " (closed)");
  return 1;
}

/* ---- call ---------------------------------------------------------------------------------- */

static struct call *to_call(lua_State *L) {
  return luaL_checkudata(L, 1, LB_CALL);
}

/* The engine where it still knows the call, else NULL. */
static struct lc_engine *engine_of(const struct call *call) {
  return call->engine && call->id ? call->engine->core : NULL;
}

static int call_drop(lua_State *L) {
  struct call *call = to_call(L);
  struct lc_engine *engine = engine_of(call);
  uint64_t id = call->id;
  call->id = 0;
  if (engine)
    lc_engine_drop(engine, id);
  lc_buf_free(&call->response.headers);
  lc_buf_free(&call->response.body);
  return 0;
}

static int call_cancel(lua_State *L) {
  struct call *call = to_call(L);
  struct lc_engine *engine = engine_of(call);
  if (engine)
    lc_engine_cancel(engine, call->id);
  return 0;
}

/* call:done() -> boolean; true also where the engine is closed: take() then says so */
static int call_done(lua_State *L) {
  struct call *call = to_call(L);
  struct lc_engine *engine = engine_of(call);
  lua_pushboolean(L, !engine || lc_calls_done(lc_engine_calls(engine), call->id));
  return 1;
}

/* call:wait(seconds) -> done?; without a thread this is what drives every transfer */
static int call_wait(lua_State *L) {
  struct call *call = to_call(L);
  struct lc_engine *engine = engine_of(call);
  int wait_ms = (int)lb_units(luaL_checknumber(L, 2), 1000, MAX_WAIT_MS);
  lua_pushboolean(L, !engine || lc_engine_wait(engine, call->id, wait_ms) != LC_ETIMEOUT);
  return 1;
}

static void set_text(lua_State *L, const char *name, const char *data, size_t len) {
  lua_pushlstring(L, data ? data : "", len);
  lua_setfield(L, -2, name);
}

/* call:take() -> what became of it, once:
 *   { status=, headers= (raw lines), body=, sent=true, seconds=, sent_at= }
 *   { code=, text=, sent= (false: certainly not), seconds=, sent_at= }
 * sent_at is by when the request had been written to its connection, on core.clock(); nil where it
 * was not, as far as is known. */
static int call_take(lua_State *L) {
  struct call *call = to_call(L);
  struct lc_engine *engine = engine_of(call);
  struct lc_response *r = &call->response;
  lua_createtable(L, 0, 6);
  if (!engine || !lc_calls_take(lc_engine_calls(engine), call->id, r)) {
    bool pending = engine && !lc_calls_done(lc_engine_calls(engine), call->id);
    *r = (struct lc_response){.err = pending ? LC_ETIMEOUT : LC_ECLOSED, .sent = true};
  } else {
    call->id = 0;
  }
  if (r->err) {
    const char *code = lc_err_name(r->err);
    const char *text = r->text[0] ? r->text : code;
    set_text(L, "code", code, strlen(code));
    set_text(L, "text", text, strlen(text));
  } else {
    set_text(L, "headers", r->headers.data, r->headers.len);
    set_text(L, "body", r->body.data, r->body.len);
    lua_pushinteger(L, r->status);
    lua_setfield(L, -2, "status");
  }
  lua_pushboolean(L, r->sent);
  lua_setfield(L, -2, "sent");
  lua_pushnumber(L, r->seconds);
  lua_setfield(L, -2, "seconds");
  if (r->sent_at_us > 0) {
    lua_pushnumber(L, (lua_Number)r->sent_at_us / 1e6);
    lua_setfield(L, -2, "sent_at");
  }
  lc_buf_free(&r->headers);
  lc_buf_free(&r->body);
  return 1;
}

static int call_id(lua_State *L) {
  lua_pushnumber(L, (lua_Number)to_call(L)->id);
  return 1;
}

/* call:fd() -> descriptor that is readable once the call has finished | nil */
static int call_fd(lua_State *L) {
  struct call *call = to_call(L);
  struct lc_engine *engine = engine_of(call);
  int fd = engine ? lc_calls_fd(lc_engine_calls(engine), call->id) : -1;
  if (fd < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, fd);
  return 1;
}

/* call:join(group): the descriptor of the parked call `group` tells of this one too */
static int call_join(lua_State *L) {
  struct call *call = to_call(L);
  const struct call *group = luaL_checkudata(L, 2, LB_CALL);
  struct lc_engine *engine = engine_of(call);
  if (engine && engine == engine_of(group))
    lc_calls_join(lc_engine_calls(engine), call->id, group->id);
  return 0;
}

/* call:clear(): the descriptor of a parked call is not readable until the next call tells */
static int call_clear(lua_State *L) {
  struct call *call = to_call(L);
  struct lc_engine *engine = engine_of(call);
  if (engine)
    lc_calls_clear(lc_engine_calls(engine), call->id);
  return 0;
}

static int call_tostring(lua_State *L) {
  const struct call *call = to_call(L);
  lua_pushstring(L, engine_of(call) ? LB_CALL : LB_CALL " (closed)");
  return 1;
}

/* ---- registration --------------------------------------------------------------------------- */

static const luaL_Reg engine_meta[] = {
    {"__gc", engine_close},
    {"__close", engine_close},
    {"__tostring", engine_tostring},
    {NULL, NULL},
};

static const luaL_Reg engine_methods[] = {
    {"submit", engine_submit},   {"park", engine_park},
    {"pump", engine_pump},       {"start", engine_start},
    {"listen", engine_listen},   {"finished", engine_finished},
    {"pending", engine_pending}, {"close", engine_close_early},
    {"ender", engine_ender},     {NULL, NULL},
};

static const luaL_Reg none[] = {{NULL, NULL}};

static const luaL_Reg call_meta[] = {
    {"__gc", call_drop},
    {"__close", call_drop},
    {"__tostring", call_tostring},
    {NULL, NULL},
};

static const luaL_Reg call_methods[] = {
    {"wait", call_wait}, {"done", call_done}, {"take", call_take},
    {"fd", call_fd},     {"id", call_id},     {"cancel", call_cancel},
    {"drop", call_drop}, {"join", call_join}, {"clear", call_clear},
    {NULL, NULL},
};

LUALIB_API int luaopen_livechat_engine(lua_State *L);

/* The function that makes an engine. */
__attribute__((visibility("default"))) int luaopen_livechat_engine(lua_State *L) {
  lb_type(L, LB_ENGINE, engine_meta, engine_methods);
  lb_type(L, LB_CALL, call_meta, call_methods);
  lb_type(L, LB_ENDER, none, none);
  lua_pushcfunction(L, engine_new);
  return 1;
}
