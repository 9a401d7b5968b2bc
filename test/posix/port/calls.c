/* calls.c: the calls of port.h as functions of JavaScript. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"

enum { MAX_ARGS = 5, ALPN = 16 };

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

void add_calls(napi_env env, napi_value exports) {
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
}
