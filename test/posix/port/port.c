/* port.c: the POSIX host as a module of Node, so that the suites of test/adapters check it as they check every other
 * host. In place of the core there are functions that pass each delivery on to JavaScript; the calls of port.h are what
 * JavaScript calls. The host itself is what the library has, file by file. */
#include <node_api.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "posix.h"

enum { SOCKETS = 8192, ARENA = 128 << 20, RX = 65536, TEXT = 1024, MAX_ARGS = 5 };
enum { ALPN = 16 };

/* What a core and its handles know of a socket. */
typedef struct slot {
  int32_t handle; /* 0: free */
  uint16_t generation;
  bool accepted;
  tw_keep_alive keep_alive;
  tw_tls_options *tls;
} slot;

static struct {
  napi_env env;
  napi_ref deliver;
  napi_async_context context;
  slot slots[SOCKETS];
  uint32_t next; /* where the search for a free slot begins */
  uint8_t *rx;
  char from[TW_MAX_ADDRESS + 1];
  int32_t listener; /* that has accepted, and what */
  int32_t accepted;
  uint64_t wake_at; /* 0: never */
  bool later;
  bool later_is_due; /* an iteration is about to poll */
  uint32_t delivered;
  uv_poll_t poll;
  uv_timer_t timer;
  bool inside; /* an iteration is under way: what it changes is looked at behind it */
} stub;

/* ---- Deliveries ---------------------------------------------------------------------------------------------- */

static napi_value number(double value) {
  napi_value result;
  napi_create_double(stub.env, value, &result);
  return result;
}

static napi_value text_of(const char *text, size_t size) {
  napi_value result;
  napi_create_string_utf8(stub.env, text, size, &result);
  return result;
}

/* Calls deliver(what, handle, a, b); returns whether it answered with true. */
static bool deliver(const char *what, int32_t handle, napi_value a, napi_value b) {
  napi_handle_scope scope;
  napi_open_handle_scope(stub.env, &scope);
  napi_value function, result, global;
  napi_get_reference_value(stub.env, stub.deliver, &function);
  napi_get_global(stub.env, &global);
  napi_value arguments[] = {text_of(what, NAPI_AUTO_LENGTH), number(handle), a, b};
  size_t count = a == NULL ? 2 : b == NULL ? 3 : 4;
  bool answer = false;
  stub.delivered++;
  if (napi_make_callback(stub.env, stub.context, global, function, count, arguments, &result) == napi_ok)
    napi_get_value_bool(stub.env, result, &answer);
  napi_close_handle_scope(stub.env, scope);
  return answer;
}

static bool deliver_number(const char *what, int32_t handle, double value) {
  napi_handle_scope scope;
  napi_open_handle_scope(stub.env, &scope);
  bool answer = deliver(what, handle, number(value), NULL);
  napi_close_handle_scope(stub.env, scope);
  return answer;
}

/* ---- In place of the core ------------------------------------------------------------------------------------ */

static slot *slot_of(int32_t handle) { return &stub.slots[(uint32_t)handle & TW_HANDLE_INDEX]; }

static int32_t new_handle(bool accepted) {
  for (uint32_t i = 0; i < SOCKETS; i++) {
    uint32_t index = (stub.next + i) % SOCKETS;
    slot *it = &stub.slots[index];
    if (it->handle != 0)
      continue;
    stub.next = index + 1;
    it->generation = (uint16_t)((it->generation + 1) & 0x7fff);
    if (it->generation == 0)
      it->generation = 1;
    it->handle = (int32_t)((uint32_t)it->generation * (TW_HANDLE_INDEX + 1) + index);
    it->accepted = accepted;
    it->keep_alive = (tw_keep_alive){0};
    return it->handle;
  }
  return TW_ERR_LIMIT;
}

static void free_tls(tw_tls_options *tls) {
  if (tls == NULL)
    return;
  const char *texts[] = {tls->ca, tls->cert, tls->key, tls->passphrase, tls->servername, tls->pin};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    free((void *)texts[i]);
  for (const char *const *it = tls->alpn; it != NULL && *it != NULL; it++)
    free((void *)*it);
  free((void *)tls->alpn);
  free(tls);
}

static void free_handle(int32_t handle) {
  slot *it = slot_of(handle);
  if (it->handle != handle)
    return;
  free_tls(it->tls);
  it->tls = NULL;
  it->handle = 0;
}

uint32_t twc_need(const tw_limits *limits) { return limits->sockets == 0 ? 0 : ARENA; }
tw_core *twc_init(void *arena, uint32_t size, const tw_limits *limits, void *host) {
  (void)size, (void)limits, (void)host;
  return arena;
}
uint8_t *twc_rx_buffer(tw_core *core) { return (void)core, stub.rx; }
char *twc_rx_address(tw_core *core) { return (void)core, stub.from; }

uint32_t twc_connected(tw_core *core, int32_t handle) {
  (void)core;
  if (!slot_of(handle)->accepted)
    deliver("connected", handle, NULL, NULL);
  return 0;
}
uint32_t twc_received(tw_core *core, int32_t handle, uint32_t size) {
  (void)core;
  deliver_number("received", handle, size);
  return 0;
}
uint32_t twc_ended(tw_core *core, int32_t handle) {
  (void)core;
  deliver("ended", handle, NULL, NULL);
  return 0;
}
uint32_t twc_written(tw_core *core, int32_t handle, uint32_t size) {
  (void)core;
  deliver_number("written", handle, size);
  return 0;
}
uint32_t twc_secured(tw_core *core, int32_t handle) {
  (void)core;
  deliver("secured", handle, NULL, NULL);
  return 0;
}
uint32_t twc_closed(tw_core *core, int32_t handle, int32_t error) {
  (void)core;
  deliver_number("closed", handle, error);
  free_handle(handle);
  return 0;
}
uint32_t twc_datagram(tw_core *core, int32_t handle, uint32_t size, uint32_t address_size, uint32_t port) {
  (void)core;
  char from[TW_MAX_ADDRESS + 16];
  int length = snprintf(from, sizeof from, "%.*s %u", (int)address_size, stub.from, (unsigned)port);
  napi_handle_scope scope;
  napi_open_handle_scope(stub.env, &scope);
  deliver("datagram", handle, number(size), text_of(from, (size_t)length));
  napi_close_handle_scope(stub.env, scope);
  return 0;
}
int32_t twc_accepted(tw_core *core, int32_t listener) {
  (void)core;
  int32_t handle = new_handle(true);
  if (handle > 0) {
    slot_of(handle)->keep_alive = slot_of(listener)->keep_alive;
    stub.listener = listener;
    stub.accepted = handle;
  }
  return handle;
}

/* The socket of what was accepted is registered by now. Without room for it, it is closed. */
uint32_t twc_pump(tw_core *core) {
  (void)core;
  int32_t handle = stub.accepted;
  stub.accepted = 0;
  if (handle != 0 && !deliver_number("accepted", stub.listener, handle) && slot_of(handle)->handle == handle) {
    twc_port_close(NULL, handle, TW_CLOSE_ORDERLY);
    free_handle(handle);
  }
  return 0;
}
uint32_t twc_wait(tw_core *core) {
  (void)core;
  uint64_t now = tw_posix_clock();
  return stub.wake_at == 0 ? TW_FOREVER : stub.wake_at > now ? (uint32_t)(stub.wake_at - now) : 0;
}
int32_t twc_check_address(tw_core *core, int32_t handle, const char *address, uint32_t size) {
  (void)core, (void)handle, (void)address, (void)size;
  return 0;
}
int32_t twc_target(tw_core *core, int32_t handle, char *text, uint32_t capacity) {
  (void)core, (void)handle, (void)text, (void)capacity;
  return 0;
}

/* ---- In place of the handles --------------------------------------------------------------------------------- */

size_t tw_handles_need(const tw_limits *limits, const tw_handles_options *options) {
  (void)limits, (void)options;
  return 64;
}
tw_handles *tw_handles_init(void *memory, size_t size, const tw_limits *limits, const tw_handles_options *options,
                            tw_core *core, const tw_handles_host *host) {
  (void)size, (void)limits, (void)options, (void)core, (void)host;
  return memory;
}
void tw_handles_set_deflate(tw_handles *handles, const tw_deflate_library *library) { (void)handles, (void)library; }
void tw_handles_release(tw_handles *handles) { (void)handles; }
void tw_handles_deliver(tw_handles *handles, uint32_t count) { (void)handles, (void)count; }
void tw_handles_tick(tw_handles *handles) {
  (void)handles;
  if (stub.wake_at != 0 && stub.wake_at <= tw_posix_clock()) {
    stub.wake_at = 0;
    deliver("wake", 0, NULL, NULL);
  }
  if (stub.later && stub.later_is_due) {
    stub.later = false;
    deliver("later", 0, NULL, NULL);
  }
}
bool tw_handles_flush(tw_handles *handles) {
  (void)handles;
  if (stub.inside)
    stub.later_is_due = stub.later;
  return stub.later;
}
void tw_handles_failed(tw_handles *handles, int32_t handle, int32_t error, uint32_t step, uint32_t retry_ms) {
  (void)handles, (void)step, (void)retry_ms;
  deliver_number("failed", handle, error);
}
uint32_t tw_handles_delivered(const tw_handles *handles) { return (void)handles, stub.delivered; }
uint32_t tw_handles_open_handles(tw_handles *handles) { return (void)handles, 1; }
bool tw_handles_delivering(const tw_handles *handles) { return (void)handles, false; }
const tw_tls_options *tw_handles_tls(tw_handles *handles, int32_t handle) {
  return (void)handles, slot_of(handle)->tls;
}
const tw_keep_alive *tw_handles_keep_alive(tw_handles *handles, int32_t handle) {
  (void)handles;
  return &slot_of(handle)->keep_alive;
}
bool tw_handles_accepted(tw_handles *handles, int32_t handle) { return (void)handles, slot_of(handle)->accepted; }

/* ---- The event loop: libuv watches the host's descriptor and its time-out, as docs/c.md shows it ---------------- */

static void on_timer(uv_timer_t *timer);

static void arm(void) {
  if (stub.inside)
    return;
  uint32_t ms = tw_posix_timeout();
  if (ms == TW_FOREVER)
    uv_timer_stop(&stub.timer);
  else
    uv_timer_start(&stub.timer, on_timer, ms, 0);
}

static void iterate(void) {
  stub.inside = true;
  tw_poll(0);
  stub.inside = false;
  arm();
}

static void on_timer(uv_timer_t *timer) {
  (void)timer;
  iterate();
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  (void)poll, (void)status, (void)events;
  iterate();
}

/* ---- Calls of JavaScript ------------------------------------------------------------------------------------- */

typedef struct call {
  size_t count;
  napi_value args[MAX_ARGS];
} call;

static call call_of(napi_env env, napi_callback_info info) {
  call it = {.count = MAX_ARGS};
  napi_get_cb_info(env, info, &it.count, it.args, NULL, NULL);
  return it;
}

static int32_t int_of(napi_value value) {
  double result = 0;
  napi_get_value_double(stub.env, value, &result);
  return (int32_t)result;
}

/* Returns the bytes of a text. */
static uint32_t chars_of(napi_value value, char *text) {
  size_t size = 0;
  napi_get_value_string_utf8(stub.env, value, text, TEXT, &size);
  return (uint32_t)size;
}

static uint8_t *bytes_of(napi_value value, size_t *size) {
  void *data = NULL;
  napi_get_typedarray_info(stub.env, value, NULL, size, &data, NULL, NULL);
  return data;
}

static napi_value answer(int32_t result) {
  arm();
  return number(result);
}

/* A copy of a property that is a text; NULL: it has none. */
static char *property(napi_value object, const char *name) {
  napi_value value;
  napi_valuetype type;
  size_t size = 0;
  napi_get_named_property(stub.env, object, name, &value);
  napi_typeof(stub.env, value, &type);
  if (type != napi_string)
    return NULL;
  napi_get_value_string_utf8(stub.env, value, NULL, 0, &size);
  char *text = malloc(size + 1);
  napi_get_value_string_utf8(stub.env, value, text, size + 1, &size);
  return text;
}

static bool flag(napi_value object, const char *name) {
  napi_value value;
  bool result = false;
  napi_get_named_property(stub.env, object, name, &value);
  napi_get_value_bool(stub.env, value, &result);
  return result;
}

static tw_tls_options *tls_of(napi_value object) {
  tw_tls_options *tls = calloc(1, sizeof *tls);
  tls->ca = property(object, "ca");
  tls->cert = property(object, "cert");
  tls->key = property(object, "key");
  tls->passphrase = property(object, "passphrase");
  tls->servername = property(object, "servername");
  tls->pin = property(object, "pin");
  tls->accept_any = flag(object, "acceptAny");
  tls->request_cert = flag(object, "requestCert");
  tls->tls13_only = flag(object, "tls13Only");
  char *alpn = property(object, "alpn"); /* joined by commas */
  if (alpn != NULL) {
    const char **names = calloc(ALPN, sizeof *names);
    size_t count = 0;
    for (char *name = strtok(alpn, ","); name != NULL && count < ALPN - 1; name = strtok(NULL, ","))
      names[count++] = strdup(name);
    tls->alpn = names;
    free(alpn);
  }
  return tls;
}

/* open(kind, name, port, reuse): the handle, or an error */
static napi_value js_open(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  char name[TEXT];
  uint32_t size = chars_of(it.args[1], name);
  int32_t handle = new_handle(false);
  if (handle < 0)
    return answer(handle);
  napi_get_value_bool(env, it.args[3], &tw_host.reuse_port);
  int32_t error =
      twc_port_open(&tw_host, handle, (uint32_t)int_of(it.args[0]), name, size, (uint32_t)int_of(it.args[2]));
  tw_host.reuse_port = false;
  if (error != 0)
    free_handle(handle);
  return answer(error == 0 ? handle : error);
}

/* write(handle, pieces): as twc_port_write; the spans of a core lie in its arena */
static napi_value js_write(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  tw_span spans[TW_MAX_SPANS];
  uint32_t count = 0;
  uint32_t at = RX;
  napi_get_array_length(env, it.args[1], &count);
  for (uint32_t i = 0; i < count && i < TW_MAX_SPANS; i++) {
    napi_value piece;
    size_t size = 0;
    napi_get_element(env, it.args[1], i, &piece);
    const uint8_t *bytes = bytes_of(piece, &size);
    memcpy((char *)tw_host.arena + at, bytes, size);
    spans[i] = (tw_span){.data = at, .size = (uint32_t)size};
    at += (uint32_t)size;
  }
  return answer(twc_port_write(&tw_host, int_of(it.args[0]), spans, count));
}

/* sendTo(handle, address, port, data) */
static napi_value js_send_to(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  char address[TEXT];
  uint32_t address_size = chars_of(it.args[1], address);
  size_t size = 0;
  const uint8_t *bytes = bytes_of(it.args[3], &size);
  return answer(twc_port_send_to(&tw_host, int_of(it.args[0]), address, address_size, (uint32_t)int_of(it.args[2]),
                                 bytes, (uint32_t)size));
}

static napi_value js_shutdown(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  twc_port_shutdown(&tw_host, int_of(it.args[0]));
  return answer(0);
}

/* connect(handle, address, port) */
static napi_value js_connect(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  char address[TEXT];
  uint32_t size = chars_of(it.args[1], address);
  return answer(twc_port_connect(&tw_host, int_of(it.args[0]), address, size, (uint32_t)int_of(it.args[2])));
}

/* startTls(handle, name, options) */
static napi_value js_start_tls(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  int32_t handle = int_of(it.args[0]);
  slot *own = slot_of(handle);
  if (own->handle != handle)
    return answer(TW_ERR_STATE);
  char name[TEXT];
  uint32_t size = chars_of(it.args[1], name);
  tw_tls_options *tls = tls_of(it.args[2]);
  int32_t error = tw_tls_check(tls, own->accepted);
  if (error == 0) {
    tw_tls_options *before = own->tls;
    own->tls = tls;
    tls = before;
    error = twc_port_start_tls(&tw_host, handle, name, size);
  }
  free_tls(tls);
  return answer(error);
}

/* checkTls(options, server) */
static napi_value js_check_tls(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  bool server = false;
  napi_get_value_bool(env, it.args[1], &server);
  tw_tls_options *tls = tls_of(it.args[0]);
  bool lacks = server && (tls->cert == NULL || tls->key == NULL); /* as tw_net_set_tls says */
  int32_t error = lacks ? TW_ERR_ARGUMENT : tw_tls_check(tls, server);
  free_tls(tls);
  return answer(error);
}

/* tlsInfo(handle): "alpn\nprotocol\ncipher\nfingerprint\nauthorized", or an error */
static napi_value js_tls_info(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  tw_posix_tls_info found;
  if (tw_posix_tls(int_of(it.args[0]), &found) < 0)
    return number(TW_ERR_STATE);
  char text[TEXT];
  int size = snprintf(text, sizeof text, "%s\n%s\n%s\n%s\n%d", found.alpn, found.protocol, found.cipher,
                      found.peer_fingerprint, found.authorized);
  return text_of(text, (size_t)size);
}

static napi_value js_tls_reason(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  return text_of(tw_posix_tls_reason(), NAPI_AUTO_LENGTH);
}

/* read(handle, on) */
static napi_value js_read(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  bool on = false;
  napi_get_value_bool(env, it.args[1], &on);
  twc_port_read(&tw_host, int_of(it.args[0]), on);
  return answer(0);
}

/* close(handle, how) */
static napi_value js_close(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  twc_port_close(&tw_host, int_of(it.args[0]), (uint32_t)int_of(it.args[1]));
  free_handle(int_of(it.args[0]));
  return answer(0);
}

/* address(handle, which): a text, or an error */
static napi_value js_address(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  char text[TEXT];
  int32_t size = twc_port_address(&tw_host, int_of(it.args[0]), (uint32_t)int_of(it.args[1]), text, sizeof text);
  return size < 0 ? number(size) : text_of(text, (size_t)size);
}

static napi_value js_random(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  size_t size = 0;
  uint8_t *bytes = bytes_of(it.args[0], &size);
  twc_port_random(&tw_host, bytes, (uint32_t)size);
  return number(0);
}

/* wake(ms): 0xffffffff is never */
static napi_value js_wake(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  double ms = 0;
  napi_get_value_double(env, it.args[0], &ms);
  stub.wake_at = ms >= TW_FOREVER ? 0 : tw_posix_clock() + (uint64_t)ms;
  return answer(0);
}

static napi_value js_later(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  stub.later = true;
  return answer(0);
}

static napi_value js_now(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  return number((double)tw_posix_clock());
}

/* setRoom(bytes): how much a read takes at most */
static napi_value js_set_room(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  uint32_t room = (uint32_t)int_of(it.args[0]);
  tw_host.limits.recvBuffer = room < RX ? room : RX;
  return number(0);
}

/* setKeepAlive(handle, seconds) */
static napi_value js_set_keep_alive(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  int32_t handle = int_of(it.args[0]);
  slot_of(handle)->keep_alive = (tw_keep_alive){.idle_s = (uint16_t)int_of(it.args[1]), .interval_s = 1, .count = 9};
  return number(0);
}

/* setOption(handle, option, value) */
static napi_value js_set_option(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  return answer(tw_posix_set_option(&tw_host, int_of(it.args[0]), (tw_option)int_of(it.args[1]), int_of(it.args[2])));
}

/* setGroup(handle, group, interface, on); "" as interface: the system chooses */
static napi_value js_set_group(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  char group[TEXT];
  char interface[TEXT];
  bool on = false;
  chars_of(it.args[1], group);
  uint32_t size = chars_of(it.args[2], interface);
  napi_get_value_bool(env, it.args[3], &on);
  return answer(tw_posix_set_group(&tw_host, int_of(it.args[0]), group, size == 0 ? NULL : interface, on));
}

/* ---- Loading ------------------------------------------------------------------------------------------------- */

static void stop(void *unused) {
  (void)unused;
  uv_close((uv_handle_t *)&stub.poll, NULL);
  uv_close((uv_handle_t *)&stub.timer, NULL);
  tw_posix_stop();
}

/* start(deliver): the memory into which is received */
static napi_value js_start(napi_env env, napi_callback_info info) {
  call it = call_of(env, info);
  tw_limits limits = TW_LIMITS_HOST;
  limits.sockets = SOCKETS;
  limits.webSockets = 0;
  limits.recvBuffer = RX;
  napi_value memory;
  void *data = NULL;
  uv_loop_t *loop = NULL;
  stub.env = env;
  napi_create_reference(env, it.args[0], 1, &stub.deliver);
  napi_create_arraybuffer(env, RX + 1, &data, &memory);
  napi_ref kept;
  napi_create_reference(env, memory, 1, &kept);
  stub.rx = data;
  napi_async_init(env, NULL, text_of("twinwire", NAPI_AUTO_LENGTH), &stub.context);
  napi_get_uv_event_loop(env, &loop);
  if (tw_posix_start(&(tw_posix_options){.limits = &limits}) < 0) {
    napi_throw_error(env, NULL, tw_error_name(tw_last_error()));
    return NULL;
  }
  uv_poll_init(loop, &stub.poll, tw_posix_fd());
  uv_timer_init(loop, &stub.timer);
  uv_poll_start(&stub.poll, UV_READABLE, on_ready);
  uv_unref((uv_handle_t *)&stub.poll);
  uv_unref((uv_handle_t *)&stub.timer);
  napi_add_env_cleanup_hook(env, stop, NULL);
  return memory;
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback call;
  } calls[] = {
      {"start", js_start},
      {"open", js_open},
      {"write", js_write},
      {"sendTo", js_send_to},
      {"shutdown", js_shutdown},
      {"connect", js_connect},
      {"startTls", js_start_tls},
      {"checkTls", js_check_tls},
      {"tlsInfo", js_tls_info},
      {"tlsReason", js_tls_reason},
      {"read", js_read},
      {"close", js_close},
      {"address", js_address},
      {"random", js_random},
      {"wake", js_wake},
      {"later", js_later},
      {"now", js_now},
      {"setRoom", js_set_room},
      {"setKeepAlive", js_set_keep_alive},
      {"setOption", js_set_option},
      {"setGroup", js_set_group},
  };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    napi_value function;
    napi_create_function(env, calls[i].name, NAPI_AUTO_LENGTH, calls[i].call, NULL, &function);
    napi_set_named_property(env, exports, calls[i].name, function);
  }
  return exports;
}
