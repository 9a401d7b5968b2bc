/* dgram.c: UDP sockets. */
#include "proto/dgram/dgram.h"

#include "src/ip.h"

enum { MAX_DATAGRAM = 65507 }; /* the UDP length field less the UDP and IPv4 headers, RFC 768 */

static int32_t start(tw_core *core, tw_slot *slot) {
  char address[TW_MAX_ADDRESS];
  twc_chain_copy(&core->text_pool, &slot->target, 0, address, slot->target.size);
  return twc_socket_open(core, slot, TW_SOCKET_UDP, address, slot->target.size, slot->port);
}

/* A UDP socket has no stream: what a stream's delivery would say is not about it. */
static void no_connection(tw_core *core, tw_slot *slot) {
  (void)core;
  (void)slot;
}

static uint32_t no_stream(tw_core *core, tw_slot *slot, uint8_t *data, uint32_t size) {
  (void)core;
  (void)slot;
  (void)data;
  return size;
}

static void closed(tw_core *core, tw_slot *slot, int32_t error, uint32_t step) {
  slot->state = TW_STATE_CLOSED;
  tw_end end = {.error = error == 0 ? TW_ERR_HOST : error, .step = step};
  twc_event_raise_error(core, slot, &end, TW_FOREVER);
}

static void app_close(tw_core *core, tw_slot *slot) {
  twc_socket_close(core, slot, TW_CLOSE_ORDERLY);
  twc_slot_retire(core, slot);
}

const tw_protocol_ops tw_dgram_protocol = {
    .start = start,
    .connected = no_connection,
    .received = no_stream,
    .ended = no_connection,
    .closed = closed,
    .flushed = no_connection,
    .room = no_connection,
    .expired = no_connection,
    .close = app_close,
    .retired = no_connection,
};

static bool is_literal(const char *address, uint32_t size) {
  return size <= TW_MAX_ADDRESS && twc_ip_family(address, size) != 0;
}

int32_t twc_udp_open(tw_core *core, int32_t port) { return twc_udp_bind(core, "", 0, port); }

int32_t twc_udp_bind(tw_core *core, const char *address, uint32_t address_size, int32_t port) {
  if (address_size > 0 && !is_literal(address, address_size))
    return TW_ERR_ADDRESS;
  if (port < 0 || port > TW_MAX_PORT)
    return TW_ERR_PORT;
  tw_slot *slot = twc_slot_take(core, TW_KIND_UDP, &tw_dgram_protocol);
  if (slot == NULL)
    return TW_ERR_LIMIT;
  slot->port = (uint16_t)port;
  slot->state = TW_STATE_OPEN;
  int32_t error = twc_text_put(core, &slot->target, address, address_size) ? start(core, slot) : TW_ERR_MEMORY;
  if (error == 0)
    return twc_slot_handle(core, slot);
  twc_slot_discard(core, slot);
  return error;
}

int32_t twc_udp_connect(tw_core *core, int32_t handle, const char *address, uint32_t address_size, int32_t port) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_UDP);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (slot->state != TW_STATE_OPEN)
    return TW_ERR_STATE;
  if (!is_literal(address, address_size))
    return TW_ERR_ADDRESS;
  if (port < 1 || port > TW_MAX_PORT)
    return TW_ERR_PORT;
  int32_t error = twc_socket_connect(core, slot, address, address_size, (uint32_t)port);
  if (error == 0)
    slot->flags |= TW_SLOT_CONNECTED;
  return error;
}

int32_t twc_udp_send_to(tw_core *core, int32_t handle, const char *address, uint32_t address_size, int32_t port,
                        const void *data, uint32_t size) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_UDP);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (slot->state != TW_STATE_OPEN)
    return TW_ERR_STATE;
  bool to_peer = address_size == 0 && (slot->flags & TW_SLOT_CONNECTED) != 0;
  if (!to_peer && !is_literal(address, address_size))
    return TW_ERR_ADDRESS;
  if (!to_peer && (port < 1 || port > TW_MAX_PORT))
    return TW_ERR_PORT;
  if (size > MAX_DATAGRAM)
    return TW_ERR_TOO_LARGE;
  int32_t sent = twc_socket_send_to(core, slot, address, address_size, (uint32_t)port, data, size);
  if (sent == TW_ERR_BACKPRESSURE) {
    slot->refused = 1; /* nothing is queued: any write the host reports makes room */
    slot->stats.refused++;
  } else if (sent > 0) {
    slot->stats.sent += (uint32_t)sent;
  }
  return sent;
}
