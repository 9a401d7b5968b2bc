/* What the application does. */
#include <stdio.h>
#include <string.h>

#include "ops.h"

static int op_limit(test_session *s, const test_step *step) {
  const char *name;
  long long value;
  if (!arg_text(s, step, 1, &name, NULL) || !arg_number(s, step, 2, &value))
    return 0;
  if (s->core != NULL)
    return fail_with(s, "limits come before anything else");
  s->own_recv_buffer = s->own_recv_buffer || strcmp(name, "recvBuffer") == 0;
  s->own_text_pool = s->own_text_pool || strcmp(name, "textPool") == 0;
#define LIMIT_ROW(field, host, esp32, min, max)                                                                        \
  if (strcmp(name, #field) == 0) {                                                                                     \
    s->limits.field = (uint32_t)value;                                                                                 \
    return 1;                                                                                                          \
  }
  TW_LIMITS_LIST(LIMIT_ROW)
#undef LIMIT_ROW
  return fail_with(s, "no such limit");
}

static int op_limits_refused(test_session *s, const test_step *step) {
  (void)step;
  static _Alignas(64) uint8_t memory[4096];
  if (s->core != NULL)
    return fail_with(s, "limits come before anything else");
  if (twc_need(&s->limits) != 0)
    return fail_with(s, "twc_need accepts these limits");
  return twc_init(memory, sizeof memory, &s->limits, &s->host) == NULL ? 1
                                                                       : fail_with(s, "twc_init accepts these limits");
}

static int32_t call_tcp(tw_core *core, const open_args *args) {
  return twc_tcp_connect(core, args->text, (uint32_t)args->size, args->port);
}
static int32_t call_unix(tw_core *core, const open_args *args) {
  return twc_unix_connect(core, args->text, (uint32_t)args->size);
}
static int32_t call_udp(tw_core *core, const open_args *args) { return twc_udp_open(core, args->port); }
static int32_t call_udp_bind(tw_core *core, const open_args *args) {
  return twc_udp_bind(core, args->text, (uint32_t)args->size, args->port);
}
static int32_t call_listen_tcp(tw_core *core, const open_args *args) {
  return twc_listen(core, TW_SOCKET_TCP_LISTENER, args->text, (uint32_t)args->size, args->port);
}
static int32_t call_listen_unix(tw_core *core, const open_args *args) {
  return twc_listen(core, TW_SOCKET_UNIX_LISTENER, args->text, (uint32_t)args->size, args->port);
}
static int32_t call_listen_udp(tw_core *core, const open_args *args) {
  return twc_listen(core, TW_SOCKET_UDP, args->text, (uint32_t)args->size, args->port);
}

int open_as(test_session *s, const test_step *step, tw_kind kind, open_call *call, const open_args *args,
            int error_index) {
  test_sock *sock = script_host_add(&s->host, step->text[1] == NULL ? "" : step->text[1], kind);
  if (sock == NULL)
    return fail_with(s, "the handle's name is taken or too long");
  s->host.opening = sock;
  int32_t handle = call(s->core, args);
  s->host.opening = NULL;
  const uint32_t opened = (uint32_t)handle;
  tap_add(&s->host.tap, "opened", &opened, 1, "", 0);
  if (handle >= 0)
    sock->handle = handle;
  else
    s->host.count--;
  if (error_index < step->count) {
    if (expect_result(s, step, error_index, handle, 0) == 0)
      return 0;
  } else if (handle < 0) {
    return fail_with(s, "expected a handle, got %s", error_name(handle));
  }
  session_settle(s, 0);
  return 1;
}

bool text_and_port(test_session *s, const test_step *step, int index, open_args *args) {
  long long port;
  if (!arg_text(s, step, index, &args->text, &args->size) || !arg_number(s, step, index + 1, &port))
    return false;
  args->port = (int32_t)port;
  return true;
}

static int op_tcp(test_session *s, const test_step *step) {
  open_args args;
  return text_and_port(s, step, 2, &args) ? open_as(s, step, TW_KIND_TCP, call_tcp, &args, 4) : 0;
}

static int op_unix(test_session *s, const test_step *step) {
  open_args args = {0};
  if (!arg_text(s, step, 2, &args.text, &args.size))
    return 0;
  return open_as(s, step, TW_KIND_TCP, call_unix, &args, 3);
}

static int op_listen(test_session *s, const test_step *step) {
  const char *kind;
  open_args args;
  if (!arg_text(s, step, 2, &kind, NULL) || !text_and_port(s, step, 3, &args))
    return 0;
  open_call *call = strcmp(kind, "tcp") == 0    ? call_listen_tcp
                    : strcmp(kind, "unix") == 0 ? call_listen_unix
                                                : call_listen_udp;
  return open_as(s, step, TW_KIND_LISTENER, call, &args, 5);
}

static int op_address_limits(test_session *s, const test_step *step) {
  int32_t handle;
  long long connections;
  long long handshakes;
  long long messages;
  if (!arg_handle(s, step, 1, &handle) || !arg_number(s, step, 2, &connections) ||
      !arg_number(s, step, 3, &handshakes) || !arg_number(s, step, 4, &messages))
    return 0;
  int32_t got =
      twc_set_address_limits(s->core, handle, (uint32_t)connections, (uint32_t)handshakes, (uint32_t)messages);
  return expect_result(s, step, 5, got, 0);
}

static int op_udp(test_session *s, const test_step *step) {
  long long port;
  if (!arg_number(s, step, 2, &port))
    return 0;
  return open_as(s, step, TW_KIND_UDP, call_udp, &(open_args){.port = (int32_t)port}, 3);
}

static int op_udp_bind(test_session *s, const test_step *step) {
  open_args args;
  return text_and_port(s, step, 2, &args) ? open_as(s, step, TW_KIND_UDP, call_udp_bind, &args, 4) : 0;
}

bool arg_flags(test_session *s, const test_step *step, int index, const flag_word *words, uint32_t *flags) {
  const char *text;
  size_t size;
  if (!arg_text(s, step, index, &text, &size))
    return false;
  *flags = 0;
  for (const char *end = text + size; text <= end;) {
    const char *stop = memchr(text, '+', (size_t)(end - text));
    size_t length = (size_t)((stop == NULL ? end : stop) - text);
    const flag_word *word = words;
    while (word->word != NULL && (strlen(word->word) != length || memcmp(word->word, text, length) != 0))
      word++;
    if (word->word == NULL)
      return fail_with(s, "argument %d has an unknown word", index) != 0;
    *flags |= word->flags;
    text += length + 1;
  }
  return true;
}

int settled_result(test_session *s, const test_step *step, int index, int32_t got, long long otherwise) {
  if (expect_result(s, step, index, got, otherwise) == 0)
    return 0;
  session_settle(s, 0);
  return 1;
}

static int op_send(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle) || !arg_bytes(s, step, 2))
    return 0;
  uint32_t size = (uint32_t)s->scratch.size;
  return settled_result(s, step, 3, twc_send(s->core, handle, s->scratch.data, size), size);
}

static int op_udp_send(test_session *s, const test_step *step) {
  int32_t handle;
  const char *address;
  size_t address_size;
  long long port;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &address, &address_size) ||
      !arg_number(s, step, 3, &port) || !arg_bytes(s, step, 4))
    return 0;
  uint32_t size = (uint32_t)s->scratch.size;
  int32_t got = twc_udp_send_to(s->core, handle, address, (uint32_t)address_size, (int32_t)port, s->scratch.data, size);
  return settled_result(s, step, 5, got, size);
}

static int op_close(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  return settled_result(s, step, 2, twc_close(s->core, handle), 0);
}

static int op_abort(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  return settled_result(s, step, 2, twc_abort(s->core, handle), 0);
}

static int op_reconnect(test_session *s, const test_step *step) {
  int32_t handle;
  long long on;
  if (!arg_handle(s, step, 1, &handle) || !arg_number(s, step, 2, &on))
    return 0;
  return settled_result(s, step, 3, twc_set_auto_reconnect(s->core, handle, (uint32_t)on), 0);
}

static int op_delays(test_session *s, const test_step *step) {
  uint32_t delays[32];
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  int last = step->count;
  if (step->text[last - 1] != NULL && last > 2)
    last--;
  for (int i = 2; i < last; i++) {
    long long ms;
    if (!arg_number(s, step, i, &ms))
      return 0;
    delays[i - 2] = (uint32_t)ms;
  }
  return settled_result(s, step, last, twc_set_reconnect_delays(s->core, handle, delays, (uint32_t)(last - 2)), 0);
}

static int op_receiving(test_session *s, const test_step *step) {
  int32_t handle;
  long long on;
  if (!arg_handle(s, step, 1, &handle) || !arg_number(s, step, 2, &on))
    return 0;
  return settled_result(s, step, 3, twc_set_receiving(s->core, handle, (uint32_t)on), 0);
}

static int op_udp_connect(test_session *s, const test_step *step) {
  int32_t handle;
  open_args args;
  if (!arg_handle(s, step, 1, &handle) || !text_and_port(s, step, 2, &args))
    return 0;
  int32_t got = twc_udp_connect(s->core, handle, args.text, (uint32_t)args.size, args.port);
  return settled_result(s, step, 4, got, 0);
}

static int op_shutdown(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  return settled_result(s, step, 2, twc_shutdown(s->core, handle), 0);
}

/* The calls that take a handle and a number. */
static int with_number(test_session *s, const test_step *step, int32_t (*call)(tw_core *, int32_t, uint32_t)) {
  int32_t handle;
  long long number;
  if (!arg_handle(s, step, 1, &handle) || !arg_number(s, step, 2, &number))
    return 0;
  return settled_result(s, step, 3, call(s->core, handle, (uint32_t)number), 0);
}

static int op_half_open(test_session *s, const test_step *step) { return with_number(s, step, twc_set_half_open); }
static int op_window(test_session *s, const test_step *step) { return with_number(s, step, twc_set_window); }
static int op_consumed(test_session *s, const test_step *step) { return with_number(s, step, twc_consumed); }
static int op_tls(test_session *s, const test_step *step) { return with_number(s, step, twc_set_tls); }

static int op_deadline(test_session *s, const test_step *step) {
  static const char *const names[] = {"none", "read", "write", "both", "unknown"};
  int32_t handle;
  const char *name;
  long long ms;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &name, NULL) || !arg_number(s, step, 3, &ms))
    return 0;
  for (uint32_t which = 0; which < sizeof names / sizeof names[0]; which++)
    if (strcmp(names[which], name) == 0)
      return settled_result(s, step, 4, twc_set_deadline(s->core, handle, which, (uint32_t)ms), 0);
  return fail_with(s, "no such deadline");
}

static int op_start_tls(test_session *s, const test_step *step) {
  int32_t handle;
  const char *name;
  size_t size;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &name, &size))
    return 0;
  return settled_result(s, step, 3, twc_start_tls(s->core, handle, name, (uint32_t)size), 0);
}

static int op_bind(test_session *s, const test_step *step) {
  int32_t handle;
  const char *event;
  const char *declaration;
  size_t event_size;
  size_t size;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &event, &event_size) ||
      !arg_text(s, step, 3, &declaration, &size))
    return 0;
  uint32_t signature = twc_signature(declaration, (uint32_t)size);
  return settled_result(s, step, 4, twc_bind_event(s->core, handle, event, (uint32_t)event_size, signature), 0);
}

static int op_during(test_session *s, const test_step *step) {
  if (step->text[1] == NULL)
    return fail_with(s, "no operation is named");
  return session_during(s, step);
}

/* Opens and closes `n` TCP connections, one after the other, without a line: numbers of handles move on. */
static int op_renew(test_session *s, const test_step *step) {
  long long count;
  if (!arg_number(s, step, 1, &count))
    return 0;
  test_sock *sock = script_host_add(&s->host, "~", TW_KIND_TCP);
  if (sock == NULL)
    return fail_with(s, "too many handles");
  log_end(&s->host.wire);
  size_t lines = s->host.wire.lines.size;
  int32_t before = TW_NONE;
  bool right = true;
  for (long long i = 0; i < count && right; i++) {
    sock->handle = TW_NONE;
    s->host.opening = sock;
    int32_t handle = twc_tcp_connect(s->core, "h", 1, 80);
    s->host.opening = NULL;
    right = handle > 0 && handle != before;
    before = sock->handle = handle;
    right = right && twc_close(s->core, handle) == 0;
  }
  s->host.wire.lines.size = lines;
  s->host.count--;
  return right ? 1 : fail_with(s, "a number is wrong, or comes twice in succession");
}

static int op_hold(test_session *s, const test_step *step) {
  (void)step;
  s->hold = true;
  return 1;
}

static int op_flush(test_session *s, const test_step *step) {
  (void)step;
  s->hold = false;
  session_settle(s, 0);
  return 1;
}

const test_op application_ops[] = {
    {"limit", 2, 2, op_limit},
    {"limits-refused", 0, 0, op_limits_refused},
    {"tcp", 3, 4, op_tcp},
    {"unix", 2, 3, op_unix},
    {"listen", 4, 5, op_listen},
    {"address-limits", 4, 5, op_address_limits},
    {"udp", 2, 3, op_udp},
    {"udp-bind", 3, 4, op_udp_bind},
    {"udp-connect", 3, 4, op_udp_connect},
    {"send", 2, 3, op_send},
    {"udp-send", 4, 5, op_udp_send},
    {"close", 1, 2, op_close},
    {"abort", 1, 2, op_abort},
    {"reconnect", 2, 3, op_reconnect},
    {"delays", 1, 20, op_delays},
    {"receiving", 2, 3, op_receiving},
    {"shutdown", 1, 2, op_shutdown},
    {"half-open", 2, 3, op_half_open},
    {"window", 2, 3, op_window},
    {"consumed", 2, 3, op_consumed},
    {"deadline", 3, 4, op_deadline},
    {"tls", 2, 3, op_tls},
    {"start-tls", 2, 3, op_start_tls},
    {"bind", 3, 4, op_bind},
    {"during", 1, -1, op_during},
    {"renew", 1, 1, op_renew},
    {"hold", 0, 0, op_hold},
    {"flush", 0, 0, op_flush},
    {NULL, 0, 0, NULL},
};
