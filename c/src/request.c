/* request.c: requests of an HTTP server, from their first byte up to the event, and what is answered if no listener
 * does.
 *
 * A request that arrived whole in one delivery is emitted where it lies, in the receive buffer. One that comes in
 * pieces, or whose answer comes later, is copied. An idle connection has neither. */
#include <string.h>

#include "server.h"

enum { BAD_REQUEST = 400, NOT_FOUND = 404, UPGRADE_REQUIRED = 426, UNAVAILABLE = 503 };

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

void tw_exchange_read(tw_handles *handles, tw_handles_slot *slot) {
  tw_exchange *exchange = slot->exchange;
  const tw_http_server_options *options = &slot->server->options;
  if (slot->server->closed || exchange->ended ||
      twc_http_read(handles->core, slot->handle, TW_HTTP_READ_REQUEST, options->max_body) != 0) {
    tw_exchange_close(handles, slot);
    return;
  }
  twc_set_deadline(handles->core, slot->handle, TW_DEADLINE_READ, options->timeout_ms);
}

void tw_request_head(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, const char *data) {
  tw_exchange *exchange = slot->exchange;
  bool first = (record->flags & TW_FLAG_FIRST) != 0;
  bool final = (record->flags & TW_FLAG_FINAL) != 0;
  if (first && final) {
    exchange->lent = true;
    exchange->head = data;
    exchange->head_size = record->size;
    exchange->body = NULL;
    exchange->body_size = 0;
    handles->lender = exchange;
  } else if (tw_bytes_append(handles, &exchange->kept, data, record->size)) {
    exchange->head_size += record->size;
  } else {
    tw_exchange_fail(handles, slot, TW_ERR_OVERLOAD, UNAVAILABLE);
    return;
  }
  if (!final)
    return;
  exchange->keep_alive = (record->detail & TW_HTTP_KEEP_ALIVE) != 0;
  exchange->is_http10 = (record->detail & TW_HTTP_HTTP_1_0) != 0;
  exchange->upgrade = (record->detail & TW_HTTP_UPGRADE) != 0;
  static const char go_on[] = "Continue";
  if ((record->detail & TW_HTTP_CONTINUE) != 0)
    twc_http_send(handles->core, slot->handle, 0, 100, go_on, sizeof go_on, 0, NULL, 0);
}

void tw_request_body(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, char *data) {
  const uint16_t whole = TW_FLAG_FIRST | TW_FLAG_FINAL;
  tw_exchange *exchange = slot->exchange;
  if (exchange->lent && (record->flags & whole) == whole) {
    exchange->body = data;
    exchange->body_size = record->size;
  } else if (!tw_exchange_keep(handles, exchange) || !tw_bytes_append(handles, &exchange->kept, data, record->size)) {
    tw_exchange_fail(handles, slot, TW_ERR_OVERLOAD, UNAVAILABLE);
  }
}

/* ---- The event --------------------------------------------------------------------------------------------------- */

/* The method and the target, terminated, in one buffer; the core has checked the start line. */
typedef struct start_line {
  char *text;
  uint32_t target_at;
} start_line;

static bool read_start_line(tw_handles *handles, const tw_exchange *exchange, char *room, uint32_t size,
                            start_line *line) {
  const char *head = tw_exchange_head(exchange);
  const char *end = memchr(head, '\r', exchange->head_size);
  const char *space = memchr(head, ' ', exchange->head_size);
  if (end == NULL)
    end = memchr(head, '\n', exchange->head_size);
  if (end == NULL || space == NULL || space > end)
    return false;
  uint32_t length = (uint32_t)(end - head);
  line->text = length < size ? room : tw_handles_resize(handles, NULL, length + 1);
  if (line->text == NULL)
    return false;
  memcpy(line->text, head, length);
  line->target_at = (uint32_t)(space - head) + 1;
  line->text[line->target_at - 1] = 0;
  char *behind = memchr(line->text + line->target_at, ' ', length - line->target_at);
  line->text[behind == NULL ? length : (uint32_t)(behind - line->text)] = 0;
  return true;
}

static bool is_web_socket_request(const tw_exchange *exchange) {
  return exchange->upgrade && twc_ws_judge(tw_exchange_head(exchange), exchange->head_size) == 101;
}

/* No listener has answered, and none will. */
static void answer_by_default(tw_handles *handles, tw_handles_slot *slot, bool received) {
  tw_exchange *exchange = slot->exchange;
  const tw_ws_accept_options *accept = slot->server->options.web_sockets;
  if (exchange->upgrade && accept != NULL) {
    int32_t error = tw_exchange_accept(handles, slot, accept);
    if (error != 0)
      tw_exchange_fail(handles, slot, error,
                       error == TW_ERR_LIMIT || error == TW_ERR_MEMORY ? UNAVAILABLE : BAD_REQUEST);
  } else if (!received) {
    tw_exchange_refuse(handles, slot, accept != NULL ? UPGRADE_REQUIRED : NOT_FOUND);
  } else if (!tw_exchange_keep(handles, exchange)) { /* the answer comes later, and tw_ws_accept needs the head */
    tw_exchange_fail(handles, slot, TW_ERR_OVERLOAD, UNAVAILABLE);
  }
}

/* While listeners are called the request is lent wherever it lies: who answers it may still read it. */
static bool emit_request(tw_handles *handles, tw_handles_slot *slot, const start_line *line) {
  tw_exchange *exchange = slot->exchange;
  int32_t handle = slot->handle;
  tw_bytes kept = exchange->kept;
  if (!exchange->lent) {
    exchange->kept = (tw_bytes){0};
    exchange->lent = true;
    exchange->head = kept.at;
    exchange->body = kept.at + exchange->head_size;
    exchange->body_size = kept.size - exchange->head_size;
  }
  char *body = exchange->body;
  uint32_t size = exchange->body_size;
  HttpRequest event = {.sock = slot->handle,
                       .server = slot->server->handle,
                       .method = line->text,
                       .target = line->text + line->target_at,
                       .body = size == 0 ? "" : body,
                       .size = size,
                       .head = exchange->head,
                       .head_size = exchange->head_size,
                       .upgrade = exchange->upgrade};
  char behind = size == 0 ? 0 : body[size];
  if (size > 0)
    body[size] = 0;
  uint32_t called = tw_handles_call(handles, slot, TW_HANDLES_HttpRequest, &event);
  if (size > 0)
    body[size] = behind;
  bool waits = slot->handle == handle && slot->exchange == exchange && exchange->phase == TW_EXCHANGE_WAITING;
  if (kept.at != NULL && waits) {
    exchange->kept = kept;
    exchange->lent = false;
  } else {
    tw_bytes_drop(handles, &kept);
  }
  return called > 0;
}

static void request_is_whole(tw_handles *handles, tw_handles_slot *slot) {
  enum { LINE = 1024 };
  char room[LINE];
  start_line line;
  int32_t handle = slot->handle;
  tw_exchange *exchange = slot->exchange;
  if (!read_start_line(handles, exchange, room, sizeof room, &line)) {
    tw_exchange_fail(handles, slot, TW_ERR_MEMORY, UNAVAILABLE);
    return;
  }
  exchange->phase = TW_EXCHANGE_WAITING;
  exchange->is_head = strcmp(line.text, "HEAD") == 0;
  exchange->upgrade = is_web_socket_request(exchange);
  twc_set_deadline(handles->core, handle, TW_DEADLINE_READ, 0);
  bool received = emit_request(handles, slot, &line);
  if (line.text != room)
    tw_handles_resize(handles, line.text, 0);
  if (slot->handle != handle || slot->released || slot->exchange != exchange)
    return;
  if (exchange->phase == TW_EXCHANGE_WAITING)
    answer_by_default(handles, slot, received);
  if (exchange->phase == TW_EXCHANGE_UPGRADED)
    tw_exchange_connected(handles, slot);
}

void tw_request_end(tw_handles *handles, tw_handles_slot *slot, const tw_event *record) {
  const tw_exchange *exchange = slot->exchange;
  if (record->code == 0)
    request_is_whole(handles, slot);
  else if (exchange->head_size == 0 && record->code == TW_ERR_ENDED)
    tw_exchange_close(handles, slot); /* between two requests */
  else
    tw_exchange_fail(handles, slot, record->code, record->detail == 0 ? BAD_REQUEST : record->detail);
}

/* ---- After the response ------------------------------------------------------------------------------------------ */

void tw_exchange_answered(tw_handles *handles, tw_handles_slot *slot) {
  tw_exchange *exchange = slot->exchange;
  exchange->lent = false;
  if (handles->lender == exchange)
    handles->lender = NULL;
  tw_bytes_drop(handles, &exchange->kept);
  exchange->head_size = 0;
  if (!exchange->keep_alive || exchange->ended || slot->server->closed) {
    tw_exchange_close(handles, slot);
    return;
  }
  exchange->phase = TW_EXCHANGE_READING;
  tw_exchange_read(handles, slot);
  if (exchange->behind.size > 0)
    tw_exchange_settle_later(handles, exchange);
}
