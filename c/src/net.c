/* net.c: sockets as numbers and events. */
#include "handles.h"

#include <string.h>

enum { TCP = 1u << TW_KIND_TCP, UDP = 1u << TW_KIND_UDP, LISTENER = 1u << TW_KIND_LISTENER };
enum { MS = 1000, MAX_DELAY_S = 86400, MAX_TEXT = 0x7fffffff };

/* The tw_handles in use, before a call that opens a handle; NULL, with the error noted, if there is none. */
static tw_handles *opening(void) {
  tw_handles *handles = tw_handles_current();
  if (handles == NULL)
    tw_handles_refuse(TW_ERR_STATE);
  else
    tw_handles_touch(handles);
  return handles;
}

static int32_t opened(tw_handles *handles, int32_t handle, uint32_t kind) {
  return handle < 0 ? tw_handles_refuse(handle) : tw_handles_add(handles, handle, kind, NULL);
}

int32_t tw_net_tcp_connect(const char *host, int32_t port) {
  tw_handles *handles = opening();
  if (handles == NULL)
    return TW_NONE;
  uint32_t size = tw_handles_length(host, TW_MAX_HOST);
  int32_t result = handles->policy == NULL
                       ? twc_tcp_connect(handles->core, host, size, port)
                       : handles->policy_ops->connect_tcp_allowed(handles->core, host, size, port, handles->policy,
                                                                  tw_handles_length(handles->policy, MAX_TEXT));
  return opened(handles, result, TW_KIND_TCP);
}

int32_t tw_handles_credentials(const tw_proxy *proxy, char *text) {
  if (proxy->user == NULL)
    return 0;
  uint32_t user = tw_handles_length(proxy->user, TW_MAX_CREDENTIAL);
  uint32_t password = tw_handles_length(proxy->password, TW_MAX_CREDENTIAL);
  if (user > TW_MAX_CREDENTIAL || password > TW_MAX_CREDENTIAL || memchr(proxy->user, ':', user) != NULL)
    return TW_ERR_ARGUMENT;
  memcpy(text, proxy->user, user);
  text[user] = ':';
  if (password > 0)
    memcpy(text + user + 1, proxy->password, password);
  return (int32_t)(user + 1 + password);
}

int32_t tw_net_tcp_connect_via(const char *host, int32_t port, const tw_proxy *proxy) {
  char credentials[TW_HANDLES_CREDENTIALS];
  if (proxy == NULL)
    return tw_net_tcp_connect(host, port);
  tw_handles *handles = opening();
  if (handles == NULL)
    return TW_NONE;
  int32_t size = handles->policy == NULL ? tw_handles_credentials(proxy, credentials) : TW_ERR_POLICY;
  if (size < 0)
    return tw_handles_refuse(size);
  return opened(handles,
                twc_tcp_connect_via(handles->core, host, tw_handles_length(host, TW_MAX_HOST), port, proxy->host,
                                    tw_handles_length(proxy->host, TW_MAX_HOST), proxy->port, credentials,
                                    (uint32_t)size),
                TW_KIND_TCP);
}

int32_t tw_net_udp_open(int32_t port) {
  tw_handles *handles = opening();
  return handles == NULL ? TW_NONE : opened(handles, twc_udp_open(handles->core, port), TW_KIND_UDP);
}

int32_t tw_net_udp_bind(const char *ip, int32_t port) {
  tw_handles *handles = opening();
  if (handles == NULL)
    return TW_NONE;
  const char *name = ip == NULL ? "" : ip;
  return opened(handles, twc_udp_bind(handles->core, name, tw_handles_length(ip, TW_MAX_ADDRESS), port), TW_KIND_UDP);
}

int32_t tw_net_unix_connect(const char *path) {
  tw_handles *handles = opening();
  if (handles == NULL)
    return TW_NONE;
  if (handles->policy != NULL)
    return tw_handles_refuse(TW_ERR_POLICY);
  return opened(handles, twc_unix_connect(handles->core, path, tw_handles_length(path, TW_MAX_PATH)), TW_KIND_TCP);
}

int32_t tw_net_tcp_listen(const char *host, int32_t port) {
  tw_handles *handles = opening();
  if (handles == NULL)
    return TW_NONE;
  uint32_t size = tw_handles_length(host, TW_MAX_HOST);
  const char *name = host == NULL ? "" : host;
  return opened(handles, twc_listen(handles->core, TW_SOCKET_TCP_LISTENER, name, size, port), TW_KIND_LISTENER);
}

int32_t tw_net_unix_listen(const char *path) {
  tw_handles *handles = opening();
  if (handles == NULL)
    return TW_NONE;
  uint32_t size = tw_handles_length(path, TW_MAX_PATH);
  return opened(handles, twc_listen(handles->core, TW_SOCKET_UNIX_LISTENER, path, size, 0), TW_KIND_LISTENER);
}

/* What all calls on a handle begin with: find the slot, or return -1. */
#define FIND(handle, kinds)                                                                                            \
  tw_handles *handles = tw_handles_current();                                                                          \
  tw_handles_slot *slot = tw_handles_owned(handles, (handle), (kinds));                                                \
  if (slot == NULL)                                                                                                    \
  return TW_NONE

int32_t tw_net_udp_connect(int32_t sock, const char *ip, int32_t port) {
  FIND(sock, UDP);
  return tw_handles_result(twc_udp_connect(handles->core, sock, ip, tw_handles_length(ip, TW_MAX_ADDRESS), port));
}

int32_t tw_handles_close(uint32_t kinds, int32_t handle) {
  FIND(handle, kinds);
  tw_handles_touch(handles);
  int32_t result = twc_close(handles->core, handle);
  if (result < 0)
    return tw_handles_refuse(result);
  tw_handles_leave(handles, slot);
  if (slot->server != NULL && slot->kind == TW_KIND_LISTENER)
    handles->server_ops->close(handles, slot);
  return 0;
}

int32_t tw_net_close(int32_t sock) { return tw_handles_close(TW_HANDLES_NET, sock); }

int32_t tw_handles_abort(uint32_t kinds, int32_t handle) {
  tw_handles *handles = tw_handles_current();
  tw_handles_slot *slot = handles == NULL ? NULL : tw_handles_find(handles, handle);
  if (slot == NULL || (kinds & 1u << slot->kind) == 0)
    return tw_handles_refuse(handles == NULL ? TW_ERR_STATE : TW_ERR_HANDLE);
  tw_handles_touch(handles);
  int32_t result = twc_abort(handles->core, handle);
  if (result < 0)
    return tw_handles_refuse(result);
  if (slot->server != NULL && slot->kind == TW_KIND_LISTENER && !slot->released)
    handles->server_ops->close(handles, slot);
  tw_handles_leave(handles, slot);
  return 0;
}

int32_t tw_net_abort(int32_t sock) { return tw_handles_abort(TW_HANDLES_NET, sock); }

int32_t tw_net_send(int32_t sock, const void *data, size_t size) {
  FIND(sock, TCP);
  if (size > MAX_TEXT)
    return tw_handles_refuse(TW_ERR_TOO_LARGE);
  return tw_handles_result(twc_send(handles->core, sock, data, (uint32_t)size));
}

int32_t tw_net_udp_send_to(int32_t sock, const char *ip, int32_t port, const void *data, size_t size) {
  FIND(sock, UDP);
  uint32_t ip_size = tw_handles_length(ip, TW_MAX_ADDRESS);
  if (size > MAX_TEXT || ip_size == 0)
    return tw_handles_refuse(ip_size == 0 ? TW_ERR_ADDRESS : TW_ERR_TOO_LARGE);
  return tw_handles_result(twc_udp_send_to(handles->core, sock, ip, ip_size, port, data, (uint32_t)size));
}

int32_t tw_net_udp_send(int32_t sock, const void *data, size_t size) {
  FIND(sock, UDP);
  if (size > MAX_TEXT)
    return tw_handles_refuse(TW_ERR_TOO_LARGE);
  return tw_handles_result(twc_udp_send_to(handles->core, sock, "", 0, 0, data, (uint32_t)size));
}

int32_t tw_handles_set_auto_reconnect(uint32_t kinds, int32_t handle, bool on) {
  FIND(handle, kinds);
  if (slot->accepted)
    return tw_handles_refuse(TW_ERR_HANDLE);
  return tw_handles_result(twc_set_auto_reconnect(handles->core, handle, on));
}

int32_t tw_handles_set_delays(uint32_t kinds, int32_t handle, const uint32_t *delays, size_t count, uint32_t unit_ms) {
  FIND(handle, kinds);
  uint32_t ms[TW_MAX_DELAYS];
  if (delays == NULL || count == 0 || count > TW_MAX_DELAYS)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  for (size_t i = 0; i < count; i++) {
    if (delays[i] > (uint32_t)MAX_DELAY_S * MS / unit_ms)
      return tw_handles_refuse(TW_ERR_ARGUMENT);
    ms[i] = delays[i] * unit_ms;
  }
  return tw_handles_result(twc_set_reconnect_delays(handles->core, handle, ms, (uint32_t)count));
}

int32_t tw_net_set_auto_reconnect(int32_t sock, bool on) { return tw_handles_set_auto_reconnect(TCP, sock, on); }

int32_t tw_net_set_reconnect_delays(int32_t sock, const uint32_t *seconds, size_t count) {
  return tw_handles_set_delays(TCP, sock, seconds, count, MS);
}

int32_t tw_net_set_reconnect_delays_ms(int32_t sock, const uint32_t *ms, size_t count) {
  return tw_handles_set_delays(TCP, sock, ms, count, 1);
}

static int32_t address_of(int32_t sock, uint32_t which, char *text, size_t capacity) {
  if (text == NULL || capacity == 0)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  text[0] = 0;
  FIND(sock, TW_HANDLES_NET);
  uint32_t room = capacity > MAX_TEXT ? MAX_TEXT : (uint32_t)(capacity - 1);
  return tw_handles_text(twc_address(handles->core, sock, which, text, room), text);
}

int32_t tw_net_remote_addr(int32_t sock, char *text, size_t capacity) {
  return address_of(sock, TW_ADDRESS_REMOTE, text, capacity);
}

int32_t tw_net_local_addr(int32_t sock, char *text, size_t capacity) {
  return address_of(sock, TW_ADDRESS_LOCAL, text, capacity);
}

int32_t tw_handles_state(uint32_t kinds, int32_t handle) {
  tw_handles *handles = tw_handles_current();
  tw_handles_slot *slot = handles == NULL ? NULL : tw_handles_find(handles, handle);
  if (slot == NULL || slot->released || (kinds & 1u << slot->kind) == 0)
    return TW_STATE_CLOSED;
  switch (twc_state(handles->core, handle)) {
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

int32_t tw_net_state(int32_t sock) { return tw_handles_state(TW_HANDLES_NET, sock); }

int32_t tw_handles_buffered(uint32_t kinds, int32_t handle) {
  FIND(handle, kinds);
  return tw_handles_result(twc_buffered(handles->core, handle));
}

int32_t tw_net_buffered_amount(int32_t sock) { return tw_handles_buffered(TW_HANDLES_NET, sock); }

int32_t tw_handles_stats(uint32_t kinds, int32_t handle, tw_stats *stats) {
  FIND(handle, kinds);
  return tw_handles_result(twc_stats(handles->core, handle, stats));
}

int32_t tw_net_stats(int32_t sock, tw_stats *stats) { return tw_handles_stats(TW_HANDLES_NET, sock, stats); }

int32_t tw_handles_target(uint32_t kinds, int32_t handle, char *text, size_t capacity) {
  tw_handles *handles = tw_handles_current();
  tw_handles_slot *slot = handles == NULL ? NULL : tw_handles_find(handles, handle);
  if (text == NULL || capacity == 0)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  text[0] = 0;
  if (slot == NULL || (kinds & 1u << slot->kind) == 0)
    return tw_handles_refuse(TW_ERR_HANDLE);
  if (slot->accepted)
    return 0;
  uint32_t room = capacity > MAX_TEXT ? MAX_TEXT : (uint32_t)(capacity - 1);
  return tw_handles_text(twc_target(handles->core, handle, text, room), text);
}

int32_t tw_net_target(int32_t sock, char *text, size_t capacity) {
  return tw_handles_target(TW_HANDLES_NET, sock, text, capacity);
}

/* A call that says 1 has an end waiting for the next flush, which the loop does anyway. */
static int32_t done(int32_t result) { return result < 0 ? tw_handles_refuse(result) : 0; }

int32_t tw_handles_set_receiving(uint32_t kinds, int32_t handle, bool on) {
  FIND(handle, kinds);
  return done(twc_set_receiving(handles->core, handle, on));
}

int32_t tw_net_pause(int32_t sock) { return tw_handles_set_receiving(TW_HANDLES_NET, sock, false); }
int32_t tw_net_resume(int32_t sock) { return tw_handles_set_receiving(TW_HANDLES_NET, sock, true); }

int32_t tw_net_set_window(int32_t sock, uint32_t size) {
  FIND(sock, TCP);
  return done(twc_set_window(handles->core, sock, size));
}

int32_t tw_net_consumed(int32_t sock, uint32_t size) {
  FIND(sock, TCP);
  return done(twc_consumed(handles->core, sock, size));
}

int32_t tw_net_set_half_open(int32_t sock, bool on) {
  FIND(sock, TCP);
  return tw_handles_result(twc_set_half_open(handles->core, sock, on));
}

int32_t tw_net_shutdown(int32_t sock) {
  FIND(sock, TCP);
  return tw_handles_result(twc_shutdown(handles->core, sock));
}

int32_t tw_net_set_deadline(int32_t sock, uint32_t which, uint32_t ms) {
  FIND(sock, TCP);
  tw_handles_touch(handles);
  return tw_handles_result(twc_set_deadline(handles->core, sock, which, ms));
}

int32_t tw_net_set_keep_alive(int32_t sock, uint32_t idle_s, uint32_t interval_s, uint32_t count) {
  FIND(sock, TCP | LISTENER);
  bool on = idle_s > 0;
  if (idle_s > UINT16_MAX || interval_s > UINT16_MAX || count > UINT16_MAX || (on && (interval_s == 0 || count == 0)))
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  slot->keep_alive = (tw_keep_alive){(uint16_t)idle_s, (uint16_t)interval_s, (uint16_t)count};
  if (slot->kind == TW_KIND_TCP && handles->host.set_keep_alive != NULL &&
      twc_state(handles->core, sock) == TW_STATE_OPEN)
    handles->host.set_keep_alive(handles->host.host, sock, &slot->keep_alive);
  return 0;
}

static bool is_in_range(const tw_handles_slot *slot, tw_option option, int32_t value) {
  bool udp = slot->kind == TW_KIND_UDP;
  bool is_switch = value == 0 || value == 1;
  switch (option) {
  case TW_OPTION_NO_DELAY:
    return is_switch && (slot->kind == TW_KIND_TCP || slot->kind == TW_KIND_WS);
  case TW_OPTION_SEND_BUFFER:
  case TW_OPTION_RECEIVE_BUFFER:
    return value > 0;
  case TW_OPTION_BROADCAST:
  case TW_OPTION_MULTICAST_LOOP:
    return is_switch && udp;
  case TW_OPTION_MULTICAST_TTL:
    return value >= 0 && value <= (int32_t)UINT8_MAX && udp;
  case TW_OPTION_TTL:
    return value >= 1 && value <= (int32_t)UINT8_MAX;
  }
  return false;
}

int32_t tw_net_set_option(int32_t sock, tw_option option, int32_t value) {
  FIND(sock, TW_HANDLES_NET | TW_HANDLES_WS);
  if (!is_in_range(slot, option, value))
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  if (handles->host.set_option == NULL)
    return tw_handles_refuse(TW_ERR_UNSUPPORTED);
  if (slot->kind != TW_KIND_UDP && twc_state(handles->core, sock) != TW_STATE_OPEN)
    return tw_handles_refuse(TW_ERR_STATE);
  return tw_handles_result(handles->host.set_option(handles->host.host, sock, option, value));
}

static int32_t set_group(int32_t sock, const char *group, const char *interface, bool on) {
  FIND(sock, UDP);
  if (handles->host.set_group == NULL || group == NULL)
    return tw_handles_refuse(group == NULL ? TW_ERR_ADDRESS : TW_ERR_UNSUPPORTED);
  return tw_handles_result(handles->host.set_group(handles->host.host, sock, group, interface, on));
}

int32_t tw_net_udp_join(int32_t sock, const char *group, const char *interface) {
  return set_group(sock, group, interface, true);
}

int32_t tw_net_udp_leave(int32_t sock, const char *group, const char *interface) {
  return set_group(sock, group, interface, false);
}

bool tw_net_is_up(void) {
  const tw_handles *handles = tw_handles_current();
  return handles != NULL && (handles->host.is_up == NULL || handles->host.is_up(handles->host.host));
}

static int32_t check_tls(const tw_handles *handles, const tw_tls_options *tls, bool server) {
  return handles->host.check_tls == NULL ? 0 : handles->host.check_tls(handles->host.host, tls, server);
}

int32_t tw_net_set_tls(int32_t sock, const tw_tls_options *tls) {
  FIND(sock, TCP | LISTENER);
  bool server = slot->kind == TW_KIND_LISTENER;
  if (server && (tls == NULL || tls->cert == NULL || tls->key == NULL))
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  int32_t error = check_tls(handles, tls, server);
  if (error == 0)
    error = twc_set_tls(handles->core, sock, 1);
  if (error != 0)
    return tw_handles_refuse(error);
  slot->tls = tls;
  return 0;
}

int32_t tw_net_start_tls(int32_t sock, const char *name, const tw_tls_options *tls) {
  FIND(sock, TCP);
  int32_t error = check_tls(handles, tls, slot->accepted);
  if (error != 0)
    return tw_handles_refuse(error);
  const tw_tls_options *before = slot->tls;
  slot->tls = tls; /* the host asks for it within the call */
  tw_handles_touch(handles);
  error = twc_start_tls(handles->core, sock, name == NULL ? "" : name, tw_handles_length(name, TW_MAX_HOST));
  if (error != 0)
    slot->tls = before;
  return tw_handles_result(error);
}

int32_t tw_set_user(int32_t handle, void *user) {
  FIND(handle, UINT32_MAX);
  slot->user = user;
  return 0;
}

void *tw_user(int32_t handle) {
  tw_handles *handles = tw_handles_current();
  const tw_handles_slot *slot = handles == NULL ? NULL : tw_handles_find(handles, handle);
  return slot == NULL ? NULL : slot->user;
}
