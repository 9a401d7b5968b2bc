/* net.c: sockets as numbers and events. */
#include "easy.h"

enum { TCP = 1u << TW_KIND_TCP, UDP = 1u << TW_KIND_UDP, LISTENER = 1u << TW_KIND_LISTENER };
enum { MS = 1000, MAX_DELAY_S = 86400, MAX_TEXT = 0x7fffffff };

/* The door, before a call that opens a handle; NULL, with the error noted, if there is none. */
static tw_easy *opening(void) {
  tw_easy *easy = tw_easy_current();
  if (easy == NULL)
    tw_easy_refuse(TW_ERR_STATE);
  else
    tw_easy_touch(easy);
  return easy;
}

static int32_t opened(tw_easy *easy, int32_t handle, uint32_t kind) {
  return handle < 0 ? tw_easy_refuse(handle) : tw_easy_add(easy, handle, kind, NULL);
}

int32_t tw_net_tcp_connect(const char *host, int32_t port) {
  tw_easy *easy = opening();
  if (easy == NULL)
    return TW_NONE;
  return opened(easy, twc_tcp_connect(easy->core, host, tw_easy_length(host, TW_MAX_HOST), port), TW_KIND_TCP);
}

int32_t tw_net_udp_open(int32_t port) {
  tw_easy *easy = opening();
  return easy == NULL ? TW_NONE : opened(easy, twc_udp_open(easy->core, port), TW_KIND_UDP);
}

int32_t tw_net_udp_bind(const char *ip, int32_t port) {
  tw_easy *easy = opening();
  if (easy == NULL)
    return TW_NONE;
  const char *name = ip == NULL ? "" : ip;
  return opened(easy, twc_udp_bind(easy->core, name, tw_easy_length(ip, TW_MAX_ADDRESS), port), TW_KIND_UDP);
}

int32_t tw_net_unix_connect(const char *path) {
  tw_easy *easy = opening();
  if (easy == NULL)
    return TW_NONE;
  return opened(easy, twc_unix_connect(easy->core, path, tw_easy_length(path, TW_MAX_PATH)), TW_KIND_TCP);
}

int32_t tw_net_tcp_listen(const char *host, int32_t port) {
  tw_easy *easy = opening();
  if (easy == NULL)
    return TW_NONE;
  uint32_t size = tw_easy_length(host, TW_MAX_HOST);
  const char *name = host == NULL ? "" : host;
  return opened(easy, twc_listen(easy->core, TW_SOCKET_TCP_LISTENER, name, size, port), TW_KIND_LISTENER);
}

int32_t tw_net_unix_listen(const char *path) {
  tw_easy *easy = opening();
  if (easy == NULL)
    return TW_NONE;
  uint32_t size = tw_easy_length(path, TW_MAX_PATH);
  return opened(easy, twc_listen(easy->core, TW_SOCKET_UNIX_LISTENER, path, size, 0), TW_KIND_LISTENER);
}

/* What all calls on a handle begin with: the door and the slot, or -1. */
#define FIND(handle, kinds)                                                                                            \
  tw_easy *easy = tw_easy_current();                                                                                   \
  tw_easy_slot *slot = tw_easy_owned(easy, (handle), (kinds));                                                         \
  if (slot == NULL)                                                                                                    \
  return TW_NONE

int32_t tw_net_udp_connect(int32_t sock, const char *ip, int32_t port) {
  FIND(sock, UDP);
  return tw_easy_result(twc_udp_connect(easy->core, sock, ip, tw_easy_length(ip, TW_MAX_ADDRESS), port));
}

int32_t tw_easy_close(uint32_t kinds, int32_t handle) {
  FIND(handle, kinds);
  tw_easy_touch(easy);
  int32_t result = twc_close(easy->core, handle);
  if (result < 0)
    return tw_easy_refuse(result);
  tw_easy_leave(easy, slot);
  return 0;
}

int32_t tw_net_close(int32_t sock) { return tw_easy_close(TW_EASY_NET, sock); }

int32_t tw_net_send(int32_t sock, const void *data, size_t size) {
  FIND(sock, TCP);
  if (size > MAX_TEXT)
    return tw_easy_refuse(TW_ERR_TOO_LARGE);
  return tw_easy_result(twc_send(easy->core, sock, data, (uint32_t)size));
}

int32_t tw_net_udp_send_to(int32_t sock, const char *ip, int32_t port, const void *data, size_t size) {
  FIND(sock, UDP);
  uint32_t ip_size = tw_easy_length(ip, TW_MAX_ADDRESS);
  if (size > MAX_TEXT || ip_size == 0)
    return tw_easy_refuse(ip_size == 0 ? TW_ERR_ADDRESS : TW_ERR_TOO_LARGE);
  return tw_easy_result(twc_udp_send_to(easy->core, sock, ip, ip_size, port, data, (uint32_t)size));
}

int32_t tw_net_udp_send(int32_t sock, const void *data, size_t size) {
  FIND(sock, UDP);
  if (size > MAX_TEXT)
    return tw_easy_refuse(TW_ERR_TOO_LARGE);
  return tw_easy_result(twc_udp_send_to(easy->core, sock, "", 0, 0, data, (uint32_t)size));
}

int32_t tw_easy_set_auto_reconnect(uint32_t kinds, int32_t handle, bool on) {
  FIND(handle, kinds);
  if (slot->accepted)
    return tw_easy_refuse(TW_ERR_HANDLE);
  return tw_easy_result(twc_set_auto_reconnect(easy->core, handle, on));
}

int32_t tw_easy_set_delays(uint32_t kinds, int32_t handle, const uint32_t *delays, size_t count, uint32_t unit_ms) {
  FIND(handle, kinds);
  uint32_t ms[TW_MAX_DELAYS];
  if (delays == NULL || count == 0 || count > TW_MAX_DELAYS)
    return tw_easy_refuse(TW_ERR_ARGUMENT);
  for (size_t i = 0; i < count; i++) {
    if (delays[i] > (uint32_t)MAX_DELAY_S * MS / unit_ms)
      return tw_easy_refuse(TW_ERR_ARGUMENT);
    ms[i] = delays[i] * unit_ms;
  }
  return tw_easy_result(twc_set_reconnect_delays(easy->core, handle, ms, (uint32_t)count));
}

int32_t tw_net_set_auto_reconnect(int32_t sock, bool on) { return tw_easy_set_auto_reconnect(TCP, sock, on); }

int32_t tw_net_set_reconnect_delays(int32_t sock, const uint32_t *seconds, size_t count) {
  return tw_easy_set_delays(TCP, sock, seconds, count, MS);
}

int32_t tw_net_set_reconnect_delays_ms(int32_t sock, const uint32_t *ms, size_t count) {
  return tw_easy_set_delays(TCP, sock, ms, count, 1);
}

static int32_t address_of(int32_t sock, uint32_t which, char *text, size_t capacity) {
  if (text == NULL || capacity == 0)
    return tw_easy_refuse(TW_ERR_ARGUMENT);
  text[0] = 0;
  FIND(sock, TW_EASY_NET);
  uint32_t room = capacity > MAX_TEXT ? MAX_TEXT : (uint32_t)(capacity - 1);
  return tw_easy_text(twc_address(easy->core, sock, which, text, room), text);
}

int32_t tw_net_remote_addr(int32_t sock, char *text, size_t capacity) {
  return address_of(sock, TW_ADDRESS_REMOTE, text, capacity);
}

int32_t tw_net_local_addr(int32_t sock, char *text, size_t capacity) {
  return address_of(sock, TW_ADDRESS_LOCAL, text, capacity);
}

int32_t tw_easy_state(uint32_t kinds, int32_t handle) {
  tw_easy *easy = tw_easy_current();
  tw_easy_slot *slot = easy == NULL ? NULL : tw_easy_find(easy, handle);
  if (slot == NULL || slot->released || (kinds & 1u << slot->kind) == 0)
    return TW_STATE_CLOSED;
  switch (twc_state(easy->core, handle)) {
  case TW_STATE_OPEN:
    return TW_STATE_OPEN;
  case TW_STATE_CONNECTING:
  case TW_STATE_WAITING:
    return TW_STATE_CONNECTING;
  default:
    return TW_STATE_CLOSED;
  }
}

const char *tw_state_name(int32_t state) {
  return state == TW_STATE_OPEN ? "open" : state == TW_STATE_CONNECTING ? "connecting" : "closed";
}

int32_t tw_net_state(int32_t sock) { return tw_easy_state(TW_EASY_NET, sock); }

int32_t tw_easy_buffered(uint32_t kinds, int32_t handle) {
  FIND(handle, kinds);
  return tw_easy_result(twc_buffered(easy->core, handle));
}

int32_t tw_net_buffered_amount(int32_t sock) { return tw_easy_buffered(TW_EASY_NET, sock); }

int32_t tw_easy_stats(uint32_t kinds, int32_t handle, tw_stats *stats) {
  FIND(handle, kinds);
  return tw_easy_result(twc_stats(easy->core, handle, stats));
}

int32_t tw_net_stats(int32_t sock, tw_stats *stats) { return tw_easy_stats(TW_EASY_NET, sock, stats); }

int32_t tw_easy_target(uint32_t kinds, int32_t handle, char *text, size_t capacity) {
  tw_easy *easy = tw_easy_current();
  tw_easy_slot *slot = easy == NULL ? NULL : tw_easy_find(easy, handle);
  if (text == NULL || capacity == 0)
    return tw_easy_refuse(TW_ERR_ARGUMENT);
  text[0] = 0;
  if (slot == NULL || (kinds & 1u << slot->kind) == 0)
    return tw_easy_refuse(TW_ERR_HANDLE);
  if (slot->accepted)
    return 0;
  uint32_t room = capacity > MAX_TEXT ? MAX_TEXT : (uint32_t)(capacity - 1);
  return tw_easy_text(twc_target(easy->core, handle, text, room), text);
}

int32_t tw_net_target(int32_t sock, char *text, size_t capacity) {
  return tw_easy_target(TW_EASY_NET, sock, text, capacity);
}

/* A call that says 1 has an end waiting for the next flush, which the loop does anyway. */
static int32_t done(int32_t result) { return result < 0 ? tw_easy_refuse(result) : 0; }

int32_t tw_easy_set_receiving(uint32_t kinds, int32_t handle, bool on) {
  FIND(handle, kinds);
  return done(twc_set_receiving(easy->core, handle, on));
}

int32_t tw_net_pause(int32_t sock) { return tw_easy_set_receiving(TW_EASY_NET, sock, false); }
int32_t tw_net_resume(int32_t sock) { return tw_easy_set_receiving(TW_EASY_NET, sock, true); }

int32_t tw_net_set_window(int32_t sock, uint32_t size) {
  FIND(sock, TCP);
  return done(twc_set_window(easy->core, sock, size));
}

int32_t tw_net_consumed(int32_t sock, uint32_t size) {
  FIND(sock, TCP);
  return done(twc_consumed(easy->core, sock, size));
}

int32_t tw_net_set_half_open(int32_t sock, bool on) {
  FIND(sock, TCP);
  return tw_easy_result(twc_set_half_open(easy->core, sock, on));
}

int32_t tw_net_shutdown(int32_t sock) {
  FIND(sock, TCP);
  return tw_easy_result(twc_shutdown(easy->core, sock));
}

int32_t tw_net_set_deadline(int32_t sock, uint32_t which, uint32_t ms) {
  FIND(sock, TCP);
  tw_easy_touch(easy);
  return tw_easy_result(twc_set_deadline(easy->core, sock, which, ms));
}

int32_t tw_net_set_keep_alive(int32_t sock, uint32_t idle_s, uint32_t interval_s, uint32_t count) {
  FIND(sock, TCP | LISTENER);
  bool on = idle_s > 0;
  if (idle_s > UINT16_MAX || interval_s > UINT16_MAX || count > UINT16_MAX || (on && (interval_s == 0 || count == 0)))
    return tw_easy_refuse(TW_ERR_ARGUMENT);
  slot->keep_alive = (tw_keep_alive){(uint16_t)idle_s, (uint16_t)interval_s, (uint16_t)count};
  if (slot->kind == TW_KIND_TCP && easy->host.set_keep_alive != NULL && twc_state(easy->core, sock) == TW_STATE_OPEN)
    easy->host.set_keep_alive(easy->host.host, sock, &slot->keep_alive);
  return 0;
}

bool tw_net_is_up(void) {
  const tw_easy *easy = tw_easy_current();
  return easy != NULL && (easy->host.is_up == NULL || easy->host.is_up(easy->host.host));
}

static int32_t check_tls(const tw_easy *easy, const tw_tls_options *tls, bool server) {
  return easy->host.check_tls == NULL ? 0 : easy->host.check_tls(easy->host.host, tls, server);
}

int32_t tw_net_set_tls(int32_t sock, const tw_tls_options *tls) {
  FIND(sock, TCP | LISTENER);
  bool server = slot->kind == TW_KIND_LISTENER;
  if (server && (tls == NULL || tls->cert == NULL || tls->key == NULL))
    return tw_easy_refuse(TW_ERR_ARGUMENT);
  int32_t error = check_tls(easy, tls, server);
  if (error == 0)
    error = twc_set_tls(easy->core, sock, 1);
  if (error != 0)
    return tw_easy_refuse(error);
  slot->tls = tls;
  return 0;
}

int32_t tw_net_start_tls(int32_t sock, const char *name, const tw_tls_options *tls) {
  FIND(sock, TCP);
  int32_t error = check_tls(easy, tls, slot->accepted);
  if (error != 0)
    return tw_easy_refuse(error);
  const tw_tls_options *before = slot->tls;
  slot->tls = tls; /* the host asks for it within the call */
  tw_easy_touch(easy);
  error = twc_start_tls(easy->core, sock, name == NULL ? "" : name, tw_easy_length(name, TW_MAX_HOST));
  if (error != 0)
    slot->tls = before;
  return tw_easy_result(error);
}
