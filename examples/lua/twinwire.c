/* twinwire.c: twinwire for Lua 5.4, in one file. README.md explains how it is made.
 *
 *   net, ws, runtime                          events: functions are called by runtime.keepAlive()
 *   TcpConnection, TlsConnection, TcpServer,
 *   resolve                                   calls that wait; failures are Lua errors
 *   TcpStream, TcpListener, UdpSocket, http   calls that wait; failures are nil and a message
 *   dial, listen, accept, read, write ...     the same, as functions
 *   channel                                   for handlers of accept, which run on threads
 *
 * Lua runs one thread at a time: who runs it holds `lua_lock`, and a call that waits lets go of it meanwhile. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <twinwire/http.h>
#include <twinwire/tw_posix.h>

enum { MOST_READ = 1 << 24, DATAGRAM = 65536 };

static pthread_mutex_t lua_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t channel_changed = PTHREAD_COND_INITIALIZER;
static lua_State *service; /* a stack for what begins outside of Lua */

/* Lets other threads run Lua while a call waits. */
#define WAIT(result, call) (pthread_mutex_unlock(&lua_lock), (result) = (call), lock_again(result))

static int32_t lock_again(int32_t result) {
  pthread_mutex_lock(&lua_lock);
  return result;
}

/* ---- Events ---------------------------------------------------------------------------------------------------- */

static lua_State *looping; /* that called keepAlive */

static int last_failure(lua_State *L) {
  return luaL_error(L, "%s: %s; %s", tw_error_name(tw_last_error()), tw_error_text(tw_last_error()),
                    tw_error_advice(tw_last_error()));
}

static void start_loop(lua_State *L) {
  if (tw_posix_current() == NULL && tw_posix_start(NULL) < 0)
    last_failure(L);
}

/* The listener and a table for its event on the stack. */
static lua_State *begin_event(void *listener, const char *field, int32_t handle) {
  pthread_mutex_lock(&lua_lock);
  lua_rawgeti(looping, LUA_REGISTRYINDEX, (lua_Integer)(intptr_t)listener);
  lua_createtable(looping, 0, 4);
  lua_pushinteger(looping, handle);
  lua_setfield(looping, -2, field);
  return looping;
}

static void end_event(lua_State *L) {
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1)); /* the others go on */
    lua_pop(L, 1);
  }
  pthread_mutex_unlock(&lua_lock);
}

static void set_text(lua_State *L, const char *field, const char *text, size_t size) {
  lua_pushlstring(L, text, size);
  lua_setfield(L, -2, field);
}

static void set_number(lua_State *L, const char *field, int32_t number) {
  lua_pushinteger(L, number);
  lua_setfield(L, -2, field);
}

#define EVENT(type, handle, fields)                                                                                    \
  static void on_##type(const type *e, void *listener) {                                                               \
    lua_State *L = begin_event(listener, #handle, e->handle);                                                          \
    fields;                                                                                                            \
    end_event(L);                                                                                                      \
  }
EVENT(NetConnected, sock, (void)0)
EVENT(NetDisconnected, sock, set_number(L, "code", e->code))
EVENT(NetData, sock, set_text(L, "data", e->data, e->size))
EVENT(NetDrain, sock, (void)0)
EVENT(NetError, sock, set_text(L, "code", tw_error_name(e->code), strlen(tw_error_name(e->code))))
EVENT(NetDatagram, sock,
      (set_text(L, "data", e->data, e->size), set_text(L, "addr", e->addr, strlen(e->addr)),
       set_number(L, "port", e->port)))
EVENT(WsConnected, conn, (void)0)
EVENT(WsDisconnected, conn, set_number(L, "code", e->code))
EVENT(WsMessage, conn, set_text(L, "message", e->message, e->size))
EVENT(WsDrain, conn, (void)0)
EVENT(WsError, conn, set_text(L, "code", tw_error_name(e->code), strlen(tw_error_name(e->code))))

/* Binds the function at the third place to an event: 0, or -1 as in the specification. */
#define BIND(api, type, event)                                                                                         \
  if (strcmp(name, event) == 0)                                                                                        \
  result = tw_##api##_on(handle, on_##type, listener)

static int bind(lua_State *L, bool ws) {
  int32_t handle = (int32_t)luaL_checkinteger(L, 1), result = TW_NONE;
  const char *name = luaL_checkstring(L, 2);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  lua_settop(L, 3);
  int ref = luaL_ref(L, LUA_REGISTRYINDEX);
  void *listener = (void *)(intptr_t)ref;
  if (ws) {
    BIND(ws, WsConnected, "connected");
    BIND(ws, WsDisconnected, "disconnected");
    BIND(ws, WsMessage, "message");
    BIND(ws, WsDrain, "drain");
    BIND(ws, WsError, "error");
  } else {
    BIND(net, NetConnected, "connected");
    BIND(net, NetDisconnected, "disconnected");
    BIND(net, NetData, "data");
    BIND(net, NetDatagram, "datagram");
    BIND(net, NetDrain, "drain");
    BIND(net, NetError, "error");
  }
  if (result < 0)
    luaL_unref(L, LUA_REGISTRYINDEX, ref);
  lua_pushinteger(L, result);
  return 1;
}

static int net_on(lua_State *L) { return bind(L, false); }
static int ws_on(lua_State *L) { return bind(L, true); }

static int integer(lua_State *L, int32_t number) {
  lua_pushinteger(L, number);
  return 1;
}

static int32_t handle_at(lua_State *L) { return (int32_t)luaL_checkinteger(L, 1); }

static int net_tcp_connect(lua_State *L) {
  start_loop(L);
  return integer(L, tw_net_tcp_connect(luaL_checkstring(L, 1), (int32_t)luaL_checkinteger(L, 2)));
}

static int net_udp_open(lua_State *L) {
  start_loop(L);
  return integer(L, tw_net_udp_open((int32_t)luaL_checkinteger(L, 1)));
}

static int net_close(lua_State *L) { return tw_net_close(handle_at(L)), 0; }

static int net_send(lua_State *L) {
  size_t size;
  const char *data = luaL_checklstring(L, 2, &size);
  return integer(L, tw_net_send(handle_at(L), data, size));
}

static int net_udp_send_to(lua_State *L) {
  size_t size;
  const char *data = luaL_checklstring(L, 4, &size);
  return integer(
      L, tw_net_udp_send_to(handle_at(L), luaL_checkstring(L, 2), (int32_t)luaL_checkinteger(L, 3), data, size));
}

/* Numbers of seconds, in a list. */
static size_t delays_at(lua_State *L, int place, uint32_t *delays) {
  luaL_checktype(L, place, LUA_TTABLE);
  size_t count = lua_rawlen(L, place);
  luaL_argcheck(L, count <= TW_MAX_DELAYS, place, "at most 8 delays");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, place, (lua_Integer)i + 1);
    delays[i] = (uint32_t)luaL_checkinteger(L, -1);
    lua_pop(L, 1);
  }
  return count;
}

static int net_set_auto_reconnect(lua_State *L) {
  return tw_net_set_auto_reconnect(handle_at(L), lua_toboolean(L, 2)), 0;
}

static int net_set_reconnect_delays(lua_State *L) {
  uint32_t delays[TW_MAX_DELAYS];
  size_t count = delays_at(L, 2, delays);
  return tw_net_set_reconnect_delays(handle_at(L), delays, count), 0;
}

static int net_remote_addr(lua_State *L) {
  char text[TW_MAX_PATH + 1] = "";
  tw_net_remote_addr(handle_at(L), text, sizeof text);
  return lua_pushstring(L, text), 1;
}

static int net_local_addr(lua_State *L) {
  char text[TW_MAX_PATH + 1] = "";
  tw_net_local_addr(handle_at(L), text, sizeof text);
  return lua_pushstring(L, text), 1;
}

static int ws_open(lua_State *L) {
  start_loop(L);
  return integer(L, tw_ws_open(luaL_checkstring(L, 1)));
}

static int ws_close(lua_State *L) { return tw_ws_close(handle_at(L)), 0; }

static int ws_send(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  return integer(L, tw_ws_send_text(handle_at(L), text, size));
}

static int ws_set_auto_reconnect(lua_State *L) {
  return tw_ws_set_auto_reconnect(handle_at(L), lua_toboolean(L, 2)), 0;
}

static int ws_set_reconnect_delays(lua_State *L) {
  uint32_t delays[TW_MAX_DELAYS];
  size_t count = delays_at(L, 2, delays);
  return tw_ws_set_reconnect_delays(handle_at(L), delays, count), 0;
}

static int ws_state(lua_State *L) { return lua_pushstring(L, tw_state_name(tw_ws_state(handle_at(L)))), 1; }
static int ws_ping(lua_State *L) { return tw_ws_ping(handle_at(L)), 0; }
static int ws_set_timeout(lua_State *L) { return (void)L, 0; } /* as the specification says */

static int runtime_keep_alive(lua_State *L) {
  int32_t code;
  start_loop(L);
  luaL_checkstack(L, 8, "no room for events");
  looping = L;
  if (WAIT(code, tw_runtime_keep_alive()) < 0)
    return last_failure(L);
  return integer(L, code);
}

static int runtime_exit(lua_State *L) { return tw_runtime_exit((int32_t)luaL_optinteger(L, 1, 0)), 0; }

/* ---- Calls that wait ------------------------------------------------------------------------------------------- */

/* A connection, a UDP socket or a listener. */
typedef struct object {
  int32_t number; /* 0: closed */
  bool listener;
  bool throws; /* failures are errors of Lua, else nil and a message */
} object;

static const char object_type[] = "twinwire";

static object *object_at(lua_State *L) { return luaL_checkudata(L, 1, object_type); }

static int failed(lua_State *L, bool throws) {
  if (throws)
    return luaL_error(L, "%s", tw_last_error_message());
  lua_pushnil(L);
  lua_pushstring(L, tw_last_error_message());
  return 2;
}

static int push_object(lua_State *L, int32_t number, bool listener, bool throws) {
  if (number < 0)
    return failed(L, throws);
  object *it = lua_newuserdatauv(L, sizeof *it, 0);
  *it = (object){number, listener, throws};
  luaL_setmetatable(L, object_type);
  return 1;
}

/* true, or the failure. */
static int done(lua_State *L, const object *it, int32_t result) {
  if (result < 0)
    return failed(L, it->throws);
  lua_pushboolean(L, true);
  return 1;
}

static int open_host(lua_State *L, const char *network, bool listener) {
  int32_t number;
  const char *address =
      lua_pushfstring(L, "%s:%d", luaL_checkstring(L, 1), (int)luaL_checkinteger(L, 2)); /* stays on the stack */
  static tw_tls_options trust; /* TWINWIRE_CA: for tests and networks with an authority of their own */
  trust.ca = getenv("TWINWIRE_CA");
  tw_dial_options options = {.tls = strcmp(network, "tls") == 0 && trust.ca != NULL ? &trust : NULL};
  if (listener)
    WAIT(number, tw_listen(network, address, NULL));
  else
    WAIT(number, tw_dial(network, address, &options));
  return push_object(L, number, listener, true);
}

static int tcp_connection(lua_State *L) { return open_host(L, "tcp", false); }
static int tls_connection(lua_State *L) { return open_host(L, "tls", false); }
static int tcp_server(lua_State *L) { return open_host(L, "tcp", true); }

static int open_address(lua_State *L, const char *network, int place, bool listener) {
  int32_t number;
  const char *address = luaL_checkstring(L, place);
  if (listener)
    WAIT(number, tw_listen(network, address, NULL));
  else
    WAIT(number, tw_dial(network, address, NULL));
  return push_object(L, number, listener, false);
}

static int stream_connect(lua_State *L) { return open_address(L, "tcp", 1, false); }
static int listener_bind(lua_State *L) { return open_address(L, "tcp", 1, true); }
static int dial(lua_State *L) { return open_address(L, luaL_checkstring(L, 1), 2, false); }
static int listen(lua_State *L) { return open_address(L, luaL_checkstring(L, 1), 2, true); }

static int udp_bind(lua_State *L) {
  int32_t number;
  const char *address = luaL_checkstring(L, 1);
  return WAIT(number, tw_udp_bind(address)), push_object(L, number, false, false);
}

static int resolve(lua_State *L) {
  char ip[TW_MAX_ADDRESS + 1];
  int32_t size;
  const char *host = luaL_checkstring(L, 1);
  if (WAIT(size, tw_resolve(host, 0, ip, sizeof ip)) < 0)
    return failed(L, true);
  return lua_pushstring(L, ip), 1;
}

static int read_bytes(lua_State *L, bool exact) {
  object *it = object_at(L);
  lua_Integer most = luaL_checkinteger(L, 2);
  luaL_argcheck(L, most > 0 && most <= MOST_READ, 2, "1 to 16777216 bytes");
  char *data = malloc((size_t)most);
  int32_t size, number = it->number;
  if (data == NULL)
    return luaL_error(L, "no memory");
  WAIT(size, exact ? tw_read_exact(number, data, (size_t)most) : tw_read(number, data, (size_t)most));
  if (size >= 0)
    lua_pushlstring(L, data, (size_t)size);
  free(data);
  return size < 0 ? failed(L, it->throws) : 1;
}

static int object_read(lua_State *L) { return read_bytes(L, false); }
static int object_read_exact(lua_State *L) { return read_bytes(L, true); }

/* Returns the number of bytes. */
static int object_write(lua_State *L) {
  object *it = object_at(L);
  size_t size;
  int32_t result, number = it->number;
  const char *data = luaL_checklstring(L, 2, &size);
  if (WAIT(result, tw_write_all(number, data, size)) < 0)
    return failed(L, it->throws);
  return integer(L, (int32_t)size);
}

static int object_close(lua_State *L) {
  object *it = object_at(L);
  int32_t result, number = it->number;
  bool listener = it->listener;
  it->number = 0;
  if (number > 0)
    WAIT(result, listener ? tw_listener_close(number) : tw_conn_close(number));
  return 0;
}

static int object_accept(lua_State *L) {
  object *it = object_at(L);
  int32_t conn, number = it->number;
  bool throws = it->throws;
  return WAIT(conn, tw_accept(number)), push_object(L, conn, false, throws);
}

static int object_address(lua_State *L, bool remote) {
  object *it = object_at(L);
  char text[TW_MAX_PATH + 1];
  int32_t size, number = it->number;
  WAIT(size, remote         ? tw_remote_addr(number, text, sizeof text)
             : it->listener ? tw_listener_addr(number, text, sizeof text)
                            : tw_local_addr(number, text, sizeof text));
  if (size < 0)
    return failed(L, it->throws);
  return lua_pushstring(L, text), 1;
}

static int object_remote(lua_State *L) { return object_address(L, true); }
static int object_local(lua_State *L) { return object_address(L, false); }

static int object_is_tls(lua_State *L) {
  object *it = object_at(L);
  int32_t is;
  if (WAIT(is, tw_is_tls(it->number)) < 0)
    return failed(L, it->throws);
  return lua_pushboolean(L, is), 1;
}

static int object_upgrade(lua_State *L) {
  static tw_tls_options trust;
  object *it = object_at(L);
  int32_t result;
  const char *name = luaL_optstring(L, 2, NULL);
  trust.ca = getenv("TWINWIRE_CA");
  return WAIT(result, tw_upgrade_tls(it->number, name, trust.ca == NULL ? NULL : &trust)), done(L, it, result);
}

static int set_time(lua_State *L, int32_t (*set)(int32_t, uint32_t)) {
  object *it = object_at(L);
  int32_t result;
  uint32_t ms = (uint32_t)luaL_checkinteger(L, 2);
  return WAIT(result, set(it->number, ms)), done(L, it, result);
}

static int object_deadline(lua_State *L) { return set_time(L, tw_set_deadline); }
static int object_read_deadline(lua_State *L) { return set_time(L, tw_set_read_deadline); }
static int object_write_deadline(lua_State *L) { return set_time(L, tw_set_write_deadline); }
static int object_read_timeout(lua_State *L) { return set_time(L, tw_set_read_timeout); }
static int object_write_timeout(lua_State *L) { return set_time(L, tw_set_write_timeout); }

static int object_nonblocking(lua_State *L) {
  object *it = object_at(L);
  int32_t result;
  bool on = lua_toboolean(L, 2);
  return WAIT(result, tw_set_nonblocking(it->number, on)), done(L, it, result);
}

static int object_send_to(lua_State *L) {
  object *it = object_at(L);
  size_t size;
  int32_t result;
  const char *data = luaL_checklstring(L, 2, &size), *to = luaL_checkstring(L, 3);
  if (WAIT(result, tw_udp_send_to(it->number, data, size, to)) < 0)
    return failed(L, it->throws);
  return integer(L, result);
}

static int object_recv_from(lua_State *L) {
  object *it = object_at(L);
  char data[DATAGRAM], from[TW_MAX_ADDRESS + 1];
  lua_Integer most = luaL_checkinteger(L, 2);
  size_t capacity = most < 1 || most > DATAGRAM ? DATAGRAM : (size_t)most;
  int32_t size;
  if (WAIT(size, tw_udp_recv_from(it->number, data, capacity, from, sizeof from)) < 0)
    return failed(L, it->throws);
  lua_pushlstring(L, data, (size_t)size);
  lua_pushstring(L, from);
  return 2;
}

/* ---- Handlers on threads, and channels -------------------------------------------------------------------------- */

static void run_handler(int32_t conn, void *handler) {
  pthread_mutex_lock(&lua_lock);
  lua_State *L = lua_newthread(service); /* a stack of its own, since the thread waits in between */
  int ref = luaL_ref(service, LUA_REGISTRYINDEX);
  lua_rawgeti(L, LUA_REGISTRYINDEX, (lua_Integer)(intptr_t)handler);
  push_object(L, conn, false, false);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK)
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
  luaL_unref(service, LUA_REGISTRYINDEX, ref);
  pthread_mutex_unlock(&lua_lock);
}

/* accept(listener, handler) */
static int accept_each(lua_State *L) {
  object *it = object_at(L);
  int32_t result;
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  void *handler = (void *)(intptr_t)luaL_ref(L, LUA_REGISTRYINDEX);
  return WAIT(result, tw_accept_each(it->number, run_handler, handler)), done(L, it, result);
}

/* A channel is a list; who waits for it waits for the lock of Lua at the same time. */
static int channel_make(lua_State *L) { return lua_newtable(L), 1; }

static int channel_send(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  lua_rawseti(L, 1, (lua_Integer)lua_rawlen(L, 1) + 1);
  pthread_cond_broadcast(&channel_changed);
  return 0;
}

/* channel.recv(ch, timeout_ms): the value, or nil and a message */
static int channel_recv(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Integer ms = luaL_checkinteger(L, 2);
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += (time_t)(ms / 1000);
  end.tv_nsec += (long)(ms % 1000) * 1000000;
  end.tv_sec += end.tv_nsec / 1000000000;
  end.tv_nsec %= 1000000000;
  while (lua_rawlen(L, 1) == 0)
    if (pthread_cond_timedwait(&channel_changed, &lua_lock, &end) == ETIMEDOUT) {
      lua_pushnil(L);
      lua_pushstring(L, "nothing came in time");
      return 2;
    }
  lua_Integer size = (lua_Integer)lua_rawlen(L, 1);
  lua_rawgeti(L, 1, 1);
  for (lua_Integer i = 1; i <= size; i++) {
    lua_rawgeti(L, 1, i + 1);
    lua_rawseti(L, 1, i);
  }
  return 1;
}

/* ---- HTTP: JSON in, JSON out ------------------------------------------------------------------------------------- */

/* Replaces the value on top by json[name](value); false: that failed, and the message is on top. */
static bool json(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushstring(L, "json");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, name);
  lua_rotate(L, -3, 1); /* function, value, json */
  lua_rotate(L, -2, 1);
  lua_remove(L, -2);
  return lua_pcall(L, 1, 1, 0) == LUA_OK;
}

/* The fields of a table at `place`, which keep their texts on the stack. Returns how many. */
static size_t fields_at(lua_State *L, int place, tw_http_pair *fields, size_t capacity) {
  size_t count = 0;
  lua_getfield(L, place, "headers");
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_istable(L, table) && lua_next(L, table) != 0; lua_pop(L, 1)) {
    if (count < capacity && lua_type(L, -2) == LUA_TSTRING)
      fields[count++] = (tw_http_pair){lua_tostring(L, -2), luaL_checkstring(L, -1)};
  }
  if (!lua_istable(L, table))
    lua_pop(L, 1); /* the nil that the loop began with */
  return count;
}

enum { FIELDS = 64 };

/* A body of JSON, on top of the stack; an absent one is `absent`, or none. */
static const char *body_at(lua_State *L, int place, const char *absent, size_t *size) {
  lua_getfield(L, place, "body");
  if (lua_isnil(L, -1))
    return *size = absent == NULL ? 0 : strlen(absent), absent;
  if (!json(L, "encode"))
    lua_error(L);
  return lua_tolstring(L, -1, size);
}

static bool has_content_type(const tw_http_pair *fields, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(fields[i].name, "Content-Type") == 0 || strcmp(fields[i].name, "content-type") == 0)
      return true;
  return false;
}

/* The headers, by lower-case names, and the body of a message, as fields of the table on top. */
static void push_message(lua_State *L, const tw_http_message *message) {
  lua_newtable(L);
  for (size_t i = 0; i < message->field_count; i++) {
    char name[128];
    size_t at = 0;
    for (const char *it = message->fields[i].name; *it != 0 && at + 1 < sizeof name; it++)
      name[at++] = *it >= 'A' && *it <= 'Z' ? (char)(*it | 32) : *it;
    name[at] = 0;
    set_text(L, name, message->fields[i].value, strlen(message->fields[i].value));
  }
  lua_setfield(L, -2, "headers");
  if (message->body_size == 0)
    return;
  lua_pushlstring(L, message->body, message->body_size);
  lua_pushvalue(L, -1);
  if (json(L, "decode"))
    lua_remove(L, -2);
  else
    lua_pop(L, 1); /* the text as it is */
  lua_setfield(L, -2, "body");
}

static int http_request(lua_State *L) {
  tw_http_pair fields[FIELDS + 1];
  tw_http_message response;
  int32_t status;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "method");
  lua_getfield(L, 1, "url");
  tw_http_order order = {.method = luaL_checkstring(L, 2), .url = luaL_checkstring(L, 3), .fields = fields};
  order.field_count = fields_at(L, 1, fields, FIELDS);
  order.body = body_at(L, 1, NULL, &order.body_size);
  if (order.body != NULL && !has_content_type(fields, order.field_count))
    fields[order.field_count++] = (tw_http_pair){"Content-Type", "application/json"};
  if (WAIT(status, tw_http_request(&order, &response)) < 0) {
    tw_http_free(&response);
    return failed(L, false);
  }
  lua_newtable(L);
  set_number(L, "status", status);
  push_message(L, &response);
  tw_http_free(&response);
  return 1;
}

/* The requests whose answers are due, by the number of their connection: the answer depends on them. */
static const char requests_key[] = "twinwire.requests";

static int http_read_request(lua_State *L) {
  object *it = object_at(L);
  tw_http_message request;
  int32_t result, number = it->number;
  if (WAIT(result, tw_http_read_request(number, 0, &request)) < 0) {
    tw_http_free(&request);
    return failed(L, false);
  }
  luaL_getsubtable(L, LUA_REGISTRYINDEX, requests_key);
  lua_pushfstring(L, "%s %s %s", request.method, request.version, request.keep_alive ? "keep" : "close");
  lua_rawseti(L, -2, number);
  lua_newtable(L);
  set_text(L, "method", request.method, strlen(request.method));
  set_text(L, "path", request.path, strlen(request.path));
  set_text(L, "query", request.query, strlen(request.query));
  set_text(L, "version", request.version, strlen(request.version));
  push_message(L, &request);
  tw_http_free(&request);
  return 1;
}

static int http_write_response(lua_State *L) {
  object *it = object_at(L);
  tw_http_pair fields[FIELDS + 1];
  tw_http_message request = {.keep_alive = true};
  int32_t result, number = it->number;
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, requests_key);
  if (lua_rawgeti(L, -1, number) == LUA_TSTRING) {
    const char *facts = lua_tostring(L, -1);
    request.method = strncmp(facts, "HEAD ", 5) == 0 ? "HEAD" : "GET";
    request.version = strstr(facts, " HTTP/1.0 ") != NULL ? "HTTP/1.0" : "HTTP/1.1";
    request.keep_alive = strstr(facts, " keep") != NULL;
  }
  lua_getfield(L, 2, "status");
  tw_http_answer answer = {.status = (int32_t)luaL_checkinteger(L, -1), .request = &request, .fields = fields};
  answer.field_count = fields_at(L, 2, fields, FIELDS);
  answer.body = body_at(L, 2, "null", &answer.body_size);
  if (!has_content_type(fields, answer.field_count))
    fields[answer.field_count++] = (tw_http_pair){"Content-Type", "application/json"};
  return WAIT(result, tw_http_write_response(number, &answer)), done(L, it, result);
}

/* ---- The module ---------------------------------------------------------------------------------------------------
 */

static void add(lua_State *L, const char *name, const luaL_Reg *functions) {
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  lua_setfield(L, -2, name);
}

int luaopen_twinwire(lua_State *L);

int luaopen_twinwire(lua_State *L) {
  static const luaL_Reg net[] = {{"tcpConnect", net_tcp_connect},
                                 {"udpOpen", net_udp_open},
                                 {"close", net_close},
                                 {"send", net_send},
                                 {"udpSendTo", net_udp_send_to},
                                 {"on", net_on},
                                 {"setAutoReconnect", net_set_auto_reconnect},
                                 {"setReconnectDelays", net_set_reconnect_delays},
                                 {"remoteAddr", net_remote_addr},
                                 {"localAddr", net_local_addr},
                                 {NULL, NULL}};
  static const luaL_Reg ws[] = {{"open", ws_open},
                                {"close", ws_close},
                                {"send", ws_send},
                                {"on", ws_on},
                                {"setAutoReconnect", ws_set_auto_reconnect},
                                {"setReconnectDelays", ws_set_reconnect_delays},
                                {"state", ws_state},
                                {"ping", ws_ping},
                                {"setTimeout", ws_set_timeout},
                                {NULL, NULL}};
  static const luaL_Reg runtime[] = {{"keepAlive", runtime_keep_alive}, {"exit", runtime_exit}, {NULL, NULL}};
  static const luaL_Reg stream[] = {{"connect", stream_connect}, {NULL, NULL}};
  static const luaL_Reg listener[] = {{"bind", listener_bind}, {NULL, NULL}};
  static const luaL_Reg udp[] = {{"bind", udp_bind}, {NULL, NULL}};
  static const luaL_Reg http[] = {{"request", http_request},
                                  {"read_request", http_read_request},
                                  {"write_response", http_write_response},
                                  {NULL, NULL}};
  static const luaL_Reg channel[] = {
      {"make", channel_make}, {"send", channel_send}, {"recv", channel_recv}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"TcpConnection", tcp_connection},
                                       {"TlsConnection", tls_connection},
                                       {"TcpServer", tcp_server},
                                       {"resolve", resolve},
                                       {"dial", dial},
                                       {"listen", listen},
                                       {"accept", accept_each},
                                       {"read", object_read},
                                       {"write", object_write},
                                       {"close", object_close},
                                       {"set_read_timeout", object_read_timeout},
                                       {"set_write_timeout", object_write_timeout},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {{"read", object_read},
                                     {"readExact", object_read_exact},
                                     {"write", object_write},
                                     {"writeAll", object_write},
                                     {"close", object_close},
                                     {"accept", object_accept},
                                     {"addr", object_local},
                                     {"remoteAddr", object_remote},
                                     {"localAddr", object_local},
                                     {"peer_addr", object_remote},
                                     {"local_addr", object_local},
                                     {"isTLS", object_is_tls},
                                     {"upgradeToTLS", object_upgrade},
                                     {"setDeadline", object_deadline},
                                     {"setReadDeadline", object_read_deadline},
                                     {"setWriteDeadline", object_write_deadline},
                                     {"set_nonblocking", object_nonblocking},
                                     {"send_to", object_send_to},
                                     {"recv_from", object_recv_from},
                                     {NULL, NULL}};
  pthread_mutex_lock(&lua_lock); /* this thread runs Lua */
  service = lua_newthread(L);
  luaL_ref(L, LUA_REGISTRYINDEX);
  luaL_newmetatable(L, object_type);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, object_close);
  lua_setfield(L, -2, "__close");
  lua_pushcfunction(L, object_close);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, functions);
  add(L, "net", net);
  add(L, "ws", ws);
  add(L, "runtime", runtime);
  add(L, "TcpStream", stream);
  add(L, "TcpListener", listener);
  add(L, "UdpSocket", udp);
  add(L, "http", http);
  add(L, "channel", channel);
  return 1;
}
