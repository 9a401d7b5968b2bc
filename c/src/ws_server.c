/* ws_server.c: WebSockets that servers accept. */
#include <string.h>

#include "server.h"

enum { MAX_SIZE = 0x7fffffff };

/* Whether the client offers a subprotocol; the list is that of Sec-WebSocket-Protocol. */
static bool is_offered(const char *list, const char *name) {
  size_t size = strlen(name);
  for (const char *at = list; *at != 0;) {
    while (*at == ',' || *at == ' ' || *at == '\t')
      at++;
    size_t length = strcspn(at, ", \t");
    if (length == size && memcmp(at, name, size) == 0)
      return true;
    at += length;
  }
  return false;
}

static const char *choose(const HttpRequest *request, const tw_ws_accept_options *options) {
  enum { MAX_LIST = 2048 };
  char list[MAX_LIST];
  if (options->protocol_count == 0 || tw_http_header(request, "Sec-WebSocket-Protocol", list, sizeof list) < 0)
    return "";
  for (size_t i = 0; i < options->protocol_count; i++)
    if (options->protocols[i] != NULL && is_offered(list, options->protocols[i]))
      return options->protocols[i];
  return "";
}

/* The headers as twc_ws_accept takes them: texts that are each ended by NUL. NULL: no memory. */
static char *join_headers(tw_handles *handles, const tw_ws_accept_options *options, uint32_t *size) {
  size_t need = 1;
  for (size_t i = 0; i < options->header_count; i++)
    need += strlen(options->headers[i].name) + strlen(options->headers[i].value) + 2;
  char *texts = need > MAX_SIZE ? NULL : tw_handles_resize(handles, NULL, need);
  if (texts == NULL)
    return NULL;
  char *at = texts;
  for (size_t i = 0; i < options->header_count; i++) {
    size_t length = strlen(options->headers[i].name) + 1;
    memcpy(at, options->headers[i].name, length);
    at += length;
    length = strlen(options->headers[i].value) + 1;
    memcpy(at, options->headers[i].value, length);
    at += length;
  }
  *size = (uint32_t)(at - texts);
  return texts;
}

static bool is_valid(const tw_ws_accept_options *options) {
  if (options->heartbeat_interval_ms > 0 && options->heartbeat_timeout_ms == 0)
    return false;
  for (size_t i = 0; i < options->header_count; i++)
    if (options->headers[i].name == NULL || options->headers[i].value == NULL)
      return false;
  return options->header_count <= UINT16_MAX;
}

static void configure(tw_handles *handles, tw_handles_slot *slot, const tw_ws_accept_options *options) {
  if (options->heartbeat_interval_ms > 0)
    twc_ws_set_heartbeat(handles->core, slot->handle, options->heartbeat_interval_ms, options->heartbeat_timeout_ms);
  if (options->max_message > 0)
    twc_ws_set_options(handles->core, slot->handle, 0, options->max_message, 0);
}

/* What the connection needs if the client offers compression. */
static int32_t make_codec(tw_handles *handles, const tw_ws_accept_options *options, tw_codec **codec) {
  int32_t error = tw_handles_check_deflate(handles, options->deflate);
  if (error != 0 || options->deflate == NULL)
    return error;
  uint32_t most = options->max_message > 0 ? options->max_message : handles->max_message;
  *codec = handles->codec_ops->make_codec(handles, options->deflate, true, most);
  return *codec == NULL ? TW_ERR_MEMORY : 0;
}

static void forget_codec(tw_handles *handles, tw_codec *codec) {
  if (codec != NULL)
    handles->codec_ops->forget_codec(handles, codec);
}

int32_t tw_exchange_accept(tw_handles *handles, tw_handles_slot *slot, const tw_ws_accept_options *options) {
  tw_exchange *exchange = slot->exchange;
  const char *head = exchange->lent ? exchange->head : exchange->kept.at;
  const HttpRequest request = {.head = head, .head_size = exchange->head_size};
  if (!exchange->upgrade)
    return TW_ERR_STATE;
  if (!is_valid(options))
    return TW_ERR_ARGUMENT;
  tw_codec *codec = NULL;
  int32_t error = make_codec(handles, options, &codec);
  if (error != 0)
    return error;
  uint32_t headers_size = 0;
  char *headers = options->header_count == 0 ? NULL : join_headers(handles, options, &headers_size);
  if (options->header_count > 0 && headers == NULL) {
    forget_codec(handles, codec);
    return TW_ERR_MEMORY;
  }
  const char *protocol = choose(&request, options);
  uint32_t deflate = codec == NULL ? 0 : handles->codec_ops->deflate_parameters(options->deflate);
  error = twc_ws_accept(handles->core, slot->handle, head, exchange->head_size, protocol, (uint32_t)strlen(protocol),
                        headers == NULL ? "" : headers, headers_size, (uint32_t)options->header_count, deflate);
  if (headers != NULL)
    tw_handles_resize(handles, headers, 0);
  if (error != 0 || twc_ws_deflate(handles->core, slot->handle) <= 0) {
    forget_codec(handles, codec);
    codec = NULL;
  }
  if (error != 0)
    return error;
  slot->kind = TW_KIND_WS;
  tw_handles_take_join(handles, slot);
  tw_handles_join_of(handles, slot)->codec = codec;
  configure(handles, slot, options);
  exchange->phase = TW_EXCHANGE_UPGRADED;
  tw_exchange_settle_later(handles, exchange);
  return 0;
}

int32_t tw_ws_accept(int32_t sock, const tw_ws_accept_options *options) {
  static const tw_ws_accept_options none;
  tw_handles *handles = tw_handles_current();
  tw_handles_slot *slot;
  if (tw_exchange_waiting(handles, sock, &slot) == NULL)
    return TW_NONE;
  tw_handles_touch(handles);
  int32_t error = tw_exchange_accept(handles, slot, options == NULL ? &none : options);
  return error == 0 ? 0 : tw_handles_refuse(error);
}

int32_t tw_ws_listen(const char *host, int32_t port, const tw_ws_accept_options *options) {
  static const tw_ws_accept_options none;
  const tw_http_server_options server = {.web_sockets = options == NULL ? &none : options};
  return tw_http_listen(host, port, &server);
}

int32_t tw_ws_broadcast(const int32_t *conns, size_t count, bool binary, const void *data, size_t size,
                        int32_t *results) {
  enum { AT_ONCE = 256 };
  int32_t handles_of[AT_ONCE];
  int32_t took = 0;
  tw_handles *handles = tw_handles_current();
  if (handles == NULL)
    return tw_handles_refuse(TW_ERR_STATE);
  if ((conns == NULL && count > 0) || (data == NULL && size > 0) || size > MAX_SIZE)
    return tw_handles_refuse(size > MAX_SIZE ? TW_ERR_TOO_LARGE : TW_ERR_ARGUMENT);
  for (size_t at = 0; at < count; at += AT_ONCE) {
    uint32_t part = count - at < AT_ONCE ? (uint32_t)(count - at) : AT_ONCE;
    memcpy(handles_of, conns + at, part * sizeof *conns);
    int32_t result =
        twc_ws_broadcast(handles->core, handles_of, part, binary ? TW_SEND_BINARY : TW_SEND_TEXT, data, (uint32_t)size);
    if (result < 0)
      return tw_handles_refuse(result);
    took += result;
    if (results != NULL)
      memcpy(results + at, handles_of, part * sizeof *results);
  }
  return took;
}
