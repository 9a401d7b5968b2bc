/* WebSockets: what the application says before and after their handshake, as client and as server. */
#include <string.h>

#include "ops.h"

static int32_t call_ws(tw_core *core, const open_args *args) {
  return twc_ws_connect(core, args->text, (uint32_t)args->size);
}

static int op_ws(test_session *s, const test_step *step) {
  open_args args = {0};
  if (!arg_text(s, step, 2, &args.text, &args.size))
    return 0;
  return open_as(s, step, TW_KIND_WS, call_ws, &args, 3);
}

static int op_header(test_session *s, const test_step *step) {
  int32_t handle;
  const char *name;
  size_t name_size;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &name, &name_size) || !arg_bytes(s, step, 3))
    return 0;
  int32_t got = twc_ws_header(s->core, handle, name, (uint32_t)name_size, (const char *)s->scratch.data,
                              (uint32_t)s->scratch.size);
  return settled_result(s, step, 4, got, 0);
}

static int op_basic_auth(test_session *s, const test_step *step) {
  int32_t handle;
  const char *user;
  size_t user_size;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &user, &user_size) || !arg_bytes(s, step, 3))
    return 0;
  int32_t got = twc_ws_basic_auth(s->core, handle, user, (uint32_t)user_size, (const char *)s->scratch.data,
                                  (uint32_t)s->scratch.size);
  return settled_result(s, step, 4, got, 0);
}

static int op_clear_headers(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  return settled_result(s, step, 2, twc_ws_clear_headers(s->core, handle), 0);
}

static int op_protocol(test_session *s, const test_step *step) {
  int32_t handle;
  const char *name;
  size_t size;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &name, &size))
    return 0;
  return settled_result(s, step, 3, twc_ws_protocol(s->core, handle, name, (uint32_t)size), 0);
}

static const flag_word send_words[] = {{"binary", TW_SEND_BINARY},
                                       {"text", TW_SEND_TEXT},
                                       {"more", TW_SEND_PART | TW_SEND_MORE},
                                       {"last", TW_SEND_PART},
                                       {"compressed", TW_SEND_COMPRESSED},
                                       {"unknown", 1u << 7},
                                       {NULL, 0}};

static int op_ws_send(test_session *s, const test_step *step) {
  int32_t handle;
  uint32_t flags;
  if (!arg_handle(s, step, 1, &handle) || !arg_flags(s, step, 2, send_words, &flags) || !arg_bytes(s, step, 3))
    return 0;
  uint32_t size = (uint32_t)s->scratch.size;
  return settled_result(s, step, 4, twc_ws_send(s->core, handle, flags, s->scratch.data, size), size);
}

static int control(test_session *s, const test_step *step,
                   int32_t (*call)(tw_core *, int32_t, const void *, uint32_t)) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle) || !arg_bytes(s, step, 2))
    return 0;
  uint32_t size = (uint32_t)s->scratch.size;
  return settled_result(s, step, 3, call(s->core, handle, s->scratch.data, size), size);
}

static int op_ping(test_session *s, const test_step *step) { return control(s, step, twc_ws_ping); }
static int op_pong(test_session *s, const test_step *step) { return control(s, step, twc_ws_pong); }

static int op_ws_close(test_session *s, const test_step *step) {
  int32_t handle;
  long long code;
  if (!arg_handle(s, step, 1, &handle) || !arg_number(s, step, 2, &code) || !arg_bytes(s, step, 3))
    return 0;
  int32_t got = twc_ws_close(s->core, handle, (uint32_t)code, (const char *)s->scratch.data, (uint32_t)s->scratch.size);
  return settled_result(s, step, 4, got, 0);
}

/* ---- Serving ---- */

static int op_ws_judge(test_session *s, const test_step *step) {
  if (!arg_bytes(s, step, 1))
    return 0;
  return expect_result(s, step, 2, twc_ws_judge((const char *)s->scratch.data, (uint32_t)s->scratch.size), 0);
}

static int op_ws_accept(test_session *s, const test_step *step) {
  int32_t handle;
  const char *protocol;
  size_t protocol_size;
  long long count;
  long long deflate;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 3, &protocol, &protocol_size) ||
      !arg_number(s, step, 5, &count) || !arg_number(s, step, 6, &deflate) || !arg_texts(s, step, 4))
    return 0;
  test_buffer fields = s->scratch;
  s->scratch = (test_buffer){0};
  int32_t got = TW_ERR_ARGUMENT;
  bool good = arg_bytes(s, step, 2);
  if (good)
    got = twc_ws_accept(s->core, handle, (const char *)s->scratch.data, (uint32_t)s->scratch.size, protocol,
                        (uint32_t)protocol_size, (const char *)fields.data, (uint32_t)fields.size, (uint32_t)count,
                        (uint32_t)deflate);
  buffer_free(&fields);
  test_sock *sock = session_sock(s, handle);
  if (good && got == 0 && sock != NULL)
    script_host_serve(sock);
  return good ? settled_result(s, step, 7, got, 0) : 0;
}

static int op_ws_attach(test_session *s, const test_step *step) {
  int32_t handle;
  long long deflate;
  if (!arg_handle(s, step, 1, &handle) || !arg_number(s, step, 2, &deflate))
    return 0;
  return settled_result(s, step, 3, twc_ws_attach(s->core, handle, 0, (uint32_t)deflate), 0);
}

static int op_ws_fault(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  return expect_result(s, step, 2, twc_ws_fault(s->core, handle), 0);
}

/* Handles and what becomes of each, from argument 4 on. */
static int op_ws_broadcast(test_session *s, const test_step *step) {
  enum { MOST = 16 };
  int32_t handles[MOST];
  uint32_t flags;
  uint32_t count = 0;
  if (!arg_flags(s, step, 1, send_words, &flags) || !arg_bytes(s, step, 2))
    return 0;
  for (int i = 4; i + 1 < step->count && count < MOST; i += 2)
    if (!arg_handle(s, step, i, &handles[count++]))
      return 0;
  int32_t got = twc_ws_broadcast(s->core, handles, count, flags, s->scratch.data, (uint32_t)s->scratch.size);
  if (expect_result(s, step, 3, got, 0) == 0)
    return 0;
  for (uint32_t i = 0; got >= 0 && i < count; i++)
    if (expect_result(s, step, 5 + 2 * (int)i, handles[i], 0) == 0)
      return fail_with(s, " (of handle %u)", (unsigned)i);
  session_settle(s, 0);
  return 1;
}

static int op_ws_options(test_session *s, const test_step *step) {
  static const flag_word words[] = {{"none", 0},
                                    {"no-auto-pong", TW_WS_OPTION_NO_AUTO_PONG},
                                    {"report-head", TW_WS_OPTION_REPORT_HEAD},
                                    {"receive-while-closing", TW_WS_OPTION_RECEIVE_WHILE_CLOSING},
                                    {"unknown", 1u << 7},
                                    {NULL, 0}};
  int32_t handle;
  uint32_t options;
  long long message;
  long long fragments;
  if (!arg_handle(s, step, 1, &handle) || !arg_flags(s, step, 2, words, &options) ||
      !arg_number(s, step, 3, &message) || !arg_number(s, step, 4, &fragments))
    return 0;
  int32_t got = twc_ws_set_options(s->core, handle, options, (uint32_t)message, (uint32_t)fragments);
  return settled_result(s, step, 5, got, 0);
}

static int op_ws_set_deflate(test_session *s, const test_step *step) {
  int32_t handle;
  long long deflate;
  if (!arg_handle(s, step, 1, &handle) || !arg_number(s, step, 2, &deflate))
    return 0;
  return settled_result(s, step, 3, twc_ws_set_deflate(s->core, handle, (uint32_t)deflate), 0);
}

static int op_ws_deflate(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  return expect_result(s, step, 2, twc_ws_deflate(s->core, handle), 0);
}

static int op_heartbeat(test_session *s, const test_step *step) {
  int32_t handle;
  long long interval;
  long long timeout;
  if (!arg_handle(s, step, 1, &handle) || !arg_number(s, step, 2, &interval) || !arg_number(s, step, 3, &timeout))
    return 0;
  int32_t got = twc_ws_set_heartbeat(s->core, handle, (uint32_t)interval, (uint32_t)timeout);
  return settled_result(s, step, 4, got, 0);
}

const test_op ws_ops[] = {
    {"ws", 2, 3, op_ws},
    {"header", 3, 4, op_header},
    {"basic-auth", 3, 4, op_basic_auth},
    {"clear-headers", 1, 2, op_clear_headers},
    {"protocol", 2, 3, op_protocol},
    {"ws-send", 3, 4, op_ws_send},
    {"ping", 2, 3, op_ping},
    {"pong", 2, 3, op_pong},
    {"ws-close", 3, 4, op_ws_close},
    {"ws-judge", 2, 2, op_ws_judge},
    {"ws-accept", 6, 7, op_ws_accept},
    {"ws-attach", 2, 3, op_ws_attach},
    {"ws-fault", 2, 2, op_ws_fault},
    {"ws-broadcast", 3, -1, op_ws_broadcast},
    {"ws-options", 4, 5, op_ws_options},
    {"ws-set-deflate", 2, 3, op_ws_set_deflate},
    {"ws-deflate", 2, 2, op_ws_deflate},
    {"heartbeat", 3, 4, op_heartbeat},
    {NULL, 0, 0, NULL},
};
