/* ws.c: WebSocket clients as numbers and events. */
#include "handles.h"

enum { WS = 1u << TW_KIND_WS, MS = 1000, MAX_TEXT = 0x7fffffff, MAX_HEADERS = 65535, NORMAL = 1000 };

#define FIND(handle)                                                                                                   \
  tw_handles *handles = tw_handles_current();                                                                          \
  tw_handles_slot *slot = tw_handles_owned(handles, (handle), WS);                                                     \
  if (slot == NULL)                                                                                                    \
  return TW_NONE

static int32_t put_options(tw_handles *handles, int32_t conn, const tw_ws_options *options) {
  if (options->header_count > MAX_HEADERS)
    return TW_ERR_ARGUMENT;
  int32_t error = twc_ws_set_headers(handles->core, conn, options->headers, (uint32_t)options->header_count);
  for (size_t i = 0; error == 0 && i < options->protocol_count; i++)
    error = twc_ws_protocol(handles->core, conn, options->protocols[i],
                            tw_handles_length(options->protocols[i], TW_MAX_URL));
  if (error == 0 && options->user != NULL)
    error = twc_ws_basic_auth(handles->core, conn, options->user, tw_handles_length(options->user, TW_MAX_CREDENTIAL),
                              options->password == NULL ? "" : options->password,
                              tw_handles_length(options->password, TW_MAX_CREDENTIAL));
  if (error == 0 && options->deflate != NULL)
    error = handles->codec_ops->offer_deflate(handles, tw_handles_find(handles, conn), options->deflate);
  return error;
}

/* What can be checked of TLS before a socket is opened. */
static int32_t check_tls(const tw_handles *handles, const char *url, uint32_t size, const tw_tls_options *tls) {
  tw_url parsed;
  int32_t error = twc_url_parse(url, size, &parsed);
  if (error != 0)
    return error;
  if ((parsed.flags & TW_URL_SECURE) == 0)
    return tls == NULL ? 0 : TW_ERR_ARGUMENT; /* to connect in the clear what was to be protected would be worse */
  return handles->host.check_tls == NULL ? 0 : handles->host.check_tls(handles->host.host, tls, false);
}

static int32_t connect_by(const tw_handles *handles, const char *url, uint32_t size, const tw_proxy *proxy) {
  char credentials[TW_HANDLES_CREDENTIALS];
  if (handles->policy != NULL)
    return proxy != NULL ? TW_ERR_POLICY
                         : handles->policy_ops->connect_ws_allowed(handles->core, url, size, handles->policy,
                                                                   tw_handles_length(handles->policy, 0x7fffffff));
  if (proxy == NULL)
    return twc_ws_connect(handles->core, url, size);
  int32_t length = tw_handles_credentials(proxy, credentials);
  if (length < 0)
    return length;
  return twc_ws_connect_via(handles->core, url, size, proxy->host, tw_handles_length(proxy->host, TW_MAX_HOST),
                            proxy->port, credentials, (uint32_t)length);
}

int32_t tw_ws_open_with(const char *url, const tw_ws_options *options) {
  static const tw_ws_options none;
  tw_handles *handles = tw_handles_current();
  if (handles == NULL)
    return tw_handles_refuse(TW_ERR_STATE);
  if (options == NULL)
    options = &none;
  uint32_t size = tw_handles_length(url, TW_MAX_URL);
  int32_t error = size > TW_MAX_URL ? TW_ERR_URL : check_tls(handles, url, size, options->tls);
  if (error == 0)
    error = tw_handles_check_deflate(handles, options->deflate);
  if (error != 0)
    return tw_handles_refuse(error);
  tw_handles_touch(handles);
  int32_t conn = connect_by(handles, url, size, options->proxy);
  if (conn < 0)
    return tw_handles_refuse(conn);
  tw_handles_add(handles, conn, TW_KIND_WS, options->tls);
  error = put_options(handles, conn, options);
  if (error == 0)
    return conn;
  tw_ws_close(conn);
  return tw_handles_refuse(error);
}

int32_t tw_ws_open(const char *url) { return tw_ws_open_with(url, NULL); }

int32_t tw_ws_set_headers(int32_t conn, const tw_ws_field *headers, size_t count) {
  FIND(conn);
  if (count > MAX_HEADERS)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  return tw_handles_result(twc_ws_set_headers(handles->core, conn, headers, (uint32_t)count));
}

static int32_t queue(int32_t conn, uint32_t flags, const void *data, size_t size) {
  FIND(conn);
  if (size > MAX_TEXT)
    return tw_handles_refuse(TW_ERR_TOO_LARGE);
  if ((flags & TW_SEND_PART) == 0 && tw_handles_join_of(handles, slot)->codec != NULL)
    return tw_handles_result(handles->codec_ops->send_message(handles, slot, flags, data, (uint32_t)size));
  return tw_handles_result(twc_ws_send(handles->core, conn, flags, data, (uint32_t)size));
}

int32_t tw_ws_send(int32_t conn, const char *message) {
  return queue(conn, TW_SEND_TEXT, message, tw_handles_length(message, MAX_TEXT));
}

int32_t tw_ws_send_text(int32_t conn, const char *text, size_t size) { return queue(conn, TW_SEND_TEXT, text, size); }

int32_t tw_ws_send_binary(int32_t conn, const void *data, size_t size) {
  return queue(conn, TW_SEND_BINARY, data, size);
}

int32_t tw_ws_send_fragment(int32_t conn, bool binary, const void *data, size_t size, bool final) {
  uint32_t kind = binary ? TW_SEND_BINARY : TW_SEND_TEXT;
  return queue(conn, kind | TW_SEND_PART | (final ? 0u : (uint32_t)TW_SEND_MORE), data, size);
}

int32_t tw_ws_close_with(int32_t conn, int32_t code, const char *reason) {
  FIND(conn);
  if (code <= 0)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  tw_handles_touch(handles);
  uint32_t size = tw_handles_length(reason, TW_MAX_REASON);
  int32_t result = twc_ws_close(handles->core, conn, (uint32_t)code, reason == NULL ? "" : reason, size);
  if (result < 0)
    return tw_handles_refuse(result);
  tw_handles_leave(handles, slot);
  return 0;
}

int32_t tw_ws_abort(int32_t conn) { return tw_handles_abort(TW_HANDLES_WS, conn); }

int32_t tw_ws_close(int32_t conn) { return tw_ws_close_with(conn, NORMAL, NULL); }

int32_t tw_ws_ping_with(int32_t conn, const void *data, size_t size) {
  FIND(conn);
  if (size > TW_MAX_CONTROL)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  int32_t result = twc_ws_ping(handles->core, conn, data, (uint32_t)size);
  return result < 0 ? tw_handles_refuse(result) : 0;
}

int32_t tw_ws_set_heartbeat(int32_t conn, uint32_t interval_ms, uint32_t timeout_ms) {
  tw_handles *handles = tw_handles_current();
  if (tw_handles_owned(handles, conn, TW_HANDLES_WS) == NULL)
    return TW_NONE;
  tw_handles_touch(handles);
  return tw_handles_result(twc_ws_set_heartbeat(handles->core, conn, interval_ms, timeout_ms));
}

int32_t tw_ws_ping(int32_t conn) { return tw_ws_ping_with(conn, "", 0); }

int32_t tw_ws_set_auto_reconnect(int32_t conn, bool on) { return tw_handles_set_auto_reconnect(WS, conn, on); }

int32_t tw_ws_set_reconnect_delays(int32_t conn, const uint32_t *seconds, size_t count) {
  return tw_handles_set_delays(WS, conn, seconds, count, MS);
}

int32_t tw_ws_set_reconnect_delays_ms(int32_t conn, const uint32_t *ms, size_t count) {
  return tw_handles_set_delays(WS, conn, ms, count, 1);
}

int32_t tw_ws_state(int32_t conn) { return tw_handles_state(WS, conn); }

int32_t tw_ws_chosen_protocol(int32_t conn, char *text, size_t capacity) {
  if (text == NULL || capacity == 0)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  text[0] = 0;
  FIND(conn);
  uint32_t room = capacity > MAX_TEXT ? MAX_TEXT : (uint32_t)(capacity - 1);
  return tw_handles_text(twc_protocol(handles->core, conn, text, room), text);
}

int32_t tw_ws_compression(int32_t conn) {
  FIND(conn);
  return tw_handles_result(twc_ws_deflate(handles->core, conn));
}

int32_t tw_ws_set_buffer(int32_t conn, void *buffer, size_t size) {
  FIND(conn);
  tw_handles_join *join = tw_handles_join_of(handles, slot);
  if (join->coming)
    return tw_handles_refuse(TW_ERR_STATE);
  join->lent = size > 0 && buffer != NULL; /* nothing is joined, so there is no buffer of the host's */
  join->buffer = join->lent ? buffer : NULL;
  join->room = !join->lent ? 0 : size > MAX_TEXT ? MAX_TEXT : (uint32_t)size;
  return 0;
}

int32_t tw_ws_set_parts(int32_t conn, bool on) {
  FIND(conn);
  tw_handles_join *join = tw_handles_join_of(handles, slot);
  if (join->coming)
    return tw_handles_refuse(TW_ERR_STATE);
  join->parts = on;
  return 0;
}

int32_t tw_ws_buffered_amount(int32_t conn) { return tw_handles_buffered(WS, conn); }
int32_t tw_ws_stats(int32_t conn, tw_stats *stats) { return tw_handles_stats(WS, conn, stats); }
int32_t tw_ws_target(int32_t conn, char *text, size_t capacity) { return tw_handles_target(WS, conn, text, capacity); }
int32_t tw_ws_pause(int32_t conn) { return tw_handles_set_receiving(WS, conn, false); }
int32_t tw_ws_resume(int32_t conn) { return tw_handles_set_receiving(WS, conn, true); }

void tw_ws_set_timeout(int32_t conn, int32_t ms) {
  (void)conn;
  (void)ms;
}
