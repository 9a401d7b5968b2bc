/* HTTP messages, and connections through proxies. */
#include <string.h>

#include "ops.h"

static int32_t call_tcp_via(tw_core *core, const open_args *args) {
  return twc_tcp_connect_via(core, args->text, (uint32_t)args->size, args->port, args->proxy,
                             (uint32_t)args->proxy_size, args->proxy_port, args->credentials,
                             (uint32_t)args->credentials_size);
}

static int32_t call_ws_via(tw_core *core, const open_args *args) {
  return twc_ws_connect_via(core, args->text, (uint32_t)args->size, args->proxy, (uint32_t)args->proxy_size,
                            args->proxy_port, args->credentials, (uint32_t)args->credentials_size);
}

/* Arguments from `index` on: the proxy's host and port, and credentials. */
static bool proxy_args(test_session *s, const test_step *step, int index, open_args *args) {
  long long port;
  if (!arg_text(s, step, index, &args->proxy, &args->proxy_size) || !arg_number(s, step, index + 1, &port) ||
      !arg_text(s, step, index + 2, &args->credentials, &args->credentials_size))
    return false;
  args->proxy_port = (int32_t)port;
  return true;
}

static int op_tcp_via(test_session *s, const test_step *step) {
  open_args args = {0};
  long long port;
  if (!arg_text(s, step, 2, &args.text, &args.size) || !arg_number(s, step, 3, &port) || !proxy_args(s, step, 4, &args))
    return 0;
  args.port = (int32_t)port;
  return open_as(s, step, TW_KIND_TCP, call_tcp_via, &args, 7);
}

static int op_ws_via(test_session *s, const test_step *step) {
  open_args args = {0};
  if (!arg_text(s, step, 2, &args.text, &args.size) || !proxy_args(s, step, 3, &args))
    return 0;
  return open_as(s, step, TW_KIND_WS, call_ws_via, &args, 6);
}

/* As for a proxy, with the policy in place of its credentials. */
static int32_t call_tcp_allowed(tw_core *core, const open_args *args) {
  return twc_tcp_connect_allowed(core, args->text, (uint32_t)args->size, args->port, args->credentials,
                                 (uint32_t)args->credentials_size);
}

static int32_t call_ws_allowed(tw_core *core, const open_args *args) {
  return twc_ws_connect_allowed(core, args->text, (uint32_t)args->size, args->credentials,
                                (uint32_t)args->credentials_size);
}

static int op_tcp_allowed(test_session *s, const test_step *step) {
  open_args args = {0};
  if (!text_and_port(s, step, 2, &args) || !arg_text(s, step, 4, &args.credentials, &args.credentials_size))
    return 0;
  return open_as(s, step, TW_KIND_TCP, call_tcp_allowed, &args, 5);
}

static int op_ws_allowed(test_session *s, const test_step *step) {
  open_args args = {0};
  if (!arg_text(s, step, 2, &args.text, &args.size) || !arg_text(s, step, 3, &args.credentials, &args.credentials_size))
    return 0;
  return open_as(s, step, TW_KIND_WS, call_ws_allowed, &args, 4);
}

static int op_check_address(test_session *s, const test_step *step) {
  int32_t handle;
  const char *address;
  size_t size;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &address, &size))
    return 0;
  return expect_result(s, step, 3, twc_check_address(s->core, handle, address, (uint32_t)size), 0);
}

static int op_read(test_session *s, const test_step *step) {
  static const flag_word words[] = {{"request", TW_HTTP_READ_REQUEST},
                                    {"response", TW_HTTP_READ_RESPONSE},
                                    {"no-body", TW_HTTP_READ_NO_BODY},
                                    {"tunnel", TW_HTTP_READ_TUNNEL},
                                    {"unknown", 1u << 7},
                                    {NULL, 0}};
  int32_t handle;
  uint32_t flags;
  long long max;
  if (!arg_handle(s, step, 1, &handle) || !arg_flags(s, step, 2, words, &flags) || !arg_number(s, step, 3, &max))
    return 0;
  return settled_result(s, step, 4, twc_http_read(s->core, handle, flags, (uint32_t)max), 0);
}

static int op_send(test_session *s, const test_step *step) {
  static const flag_word words[] = {{"none", 0},
                                    {"part", TW_HTTP_SEND_PART},
                                    {"head-only", TW_HTTP_SEND_HEAD_ONLY},
                                    {"close", TW_HTTP_SEND_CLOSE},
                                    {"until-close", TW_HTTP_SEND_UNTIL_CLOSE},
                                    {"unknown", 1u << 7},
                                    {NULL, 0}};
  int32_t handle;
  uint32_t flags;
  long long status;
  long long count;
  if (!arg_handle(s, step, 1, &handle) || !arg_flags(s, step, 2, words, &flags) || !arg_number(s, step, 3, &status) ||
      !arg_number(s, step, 5, &count) || !arg_texts(s, step, 4))
    return 0;
  test_buffer head = s->scratch;
  s->scratch = (test_buffer){0};
  int32_t got = TW_ERR_ARGUMENT;
  bool good = arg_bytes(s, step, 6);
  if (good)
    got = twc_http_send(s->core, handle, flags, (uint32_t)status, (const char *)head.data, (uint32_t)head.size,
                        (uint32_t)count, s->scratch.data, (uint32_t)s->scratch.size);
  buffer_free(&head);
  return good ? settled_result(s, step, 7, got, got < 0 ? 0 : got) : 0;
}

static int op_body(test_session *s, const test_step *step) {
  static const flag_word words[] = {{"more", 0}, {"last", TW_HTTP_BODY_LAST}, {"unknown", 1u << 7}, {NULL, 0}};
  int32_t handle;
  uint32_t flags;
  long long count = 0;
  test_buffer trailers = {0};
  if (!arg_handle(s, step, 1, &handle) || !arg_flags(s, step, 2, words, &flags))
    return 0;
  if (step->count > 4) {
    if (!arg_number(s, step, 5, &count) || !arg_texts(s, step, 4))
      return 0;
    trailers = s->scratch;
    s->scratch = (test_buffer){0};
  }
  int32_t got = TW_ERR_ARGUMENT;
  bool good = arg_bytes(s, step, 3);
  uint32_t size = (uint32_t)s->scratch.size;
  if (good)
    got = twc_http_send_body(s->core, handle, flags, s->scratch.data, size, (const char *)trailers.data,
                             (uint32_t)trailers.size, (uint32_t)count);
  buffer_free(&trailers);
  return good ? settled_result(s, step, 6, got, size) : 0;
}

/* Not held while reading is off: the bytes are with the application. */
static int op_unread(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle) || !arg_bytes(s, step, 2))
    return 0;
  buffer_clear(&s->incoming);
  buffer_append(&s->incoming, s->scratch.data, s->scratch.size);
  size_t piece = s->mode.pieces == PIECES_BYTES ? 1 : s->limits.recvBuffer;
  for (size_t at = 0; at < s->incoming.size; at += piece) {
    size_t size = s->incoming.size - at < piece ? s->incoming.size - at : piece;
    memcpy(twc_rx_buffer(s->core), s->incoming.data + at, size);
    session_settle(s, twc_unread(s->core, handle, (uint32_t)size));
  }
  return 1;
}

const test_op http_ops[] = {
    {"tcp-via", 6, 7, op_tcp_via},
    {"ws-via", 5, 6, op_ws_via},
    {"tcp-allowed", 4, 5, op_tcp_allowed},
    {"ws-allowed", 3, 4, op_ws_allowed},
    {"check-address", 2, 3, op_check_address},
    {"http-read", 3, 4, op_read},
    {"http-send", 6, 7, op_send},
    {"http-body", 3, 6, op_body},
    {"unread", 2, 2, op_unread},
    {NULL, 0, 0, NULL},
};
