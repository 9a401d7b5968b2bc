/* core.c: in place of the core and of the handle API: functions that pass each delivery of the host on to JavaScript.
 */
#include <stdio.h>
#include <stdlib.h>

#include "module.h"

slot *slot_of(int32_t handle) { return &stub.slots[(uint32_t)handle & TW_HANDLE_INDEX]; }

int32_t new_handle(bool accepted) {
  for (uint32_t i = 0; i < SOCKETS; i++) {
    uint32_t index = (stub.next + i) % SOCKETS;
    slot *it = &stub.slots[index];
    if (it->handle != 0)
      continue;
    stub.next = index + 1;
    it->generation = (uint16_t)((it->generation + 1) & 0x7fff);
    if (it->generation == 0)
      it->generation = 1;
    it->handle = (int32_t)((uint32_t)it->generation * (TW_HANDLE_INDEX + 1) + index);
    it->accepted = accepted;
    it->keep_alive = (tw_keep_alive){0};
    return it->handle;
  }
  return TW_ERR_LIMIT;
}

void free_tls(tw_tls_options *tls) {
  if (tls == NULL)
    return;
  const char *texts[] = {tls->ca, tls->cert, tls->key, tls->passphrase, tls->servername, tls->pin};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    free((void *)texts[i]);
  for (const char *const *it = tls->alpn; it != NULL && *it != NULL; it++)
    free((void *)*it);
  free((void *)tls->alpn);
  free(tls);
}

void free_handle(int32_t handle) {
  slot *it = slot_of(handle);
  if (it->handle != handle)
    return;
  free_tls(it->tls);
  it->tls = NULL;
  it->handle = 0;
}

uint32_t twc_need(const tw_limits *limits) { return limits->sockets == 0 ? 0 : ARENA; }
tw_core *twc_init(void *arena, uint32_t size, const tw_limits *limits, void *host) {
  (void)size, (void)limits, (void)host;
  return arena;
}
uint8_t *twc_rx_buffer(tw_core *core) { return (void)core, stub.rx; }
char *twc_rx_address(tw_core *core) { return (void)core, stub.from; }

uint32_t twc_connected(tw_core *core, int32_t handle) {
  (void)core;
  if (!slot_of(handle)->accepted)
    deliver("connected", handle, NULL, NULL);
  return 0;
}
uint32_t twc_received(tw_core *core, int32_t handle, uint32_t size) {
  (void)core;
  deliver_number("received", handle, size);
  return 0;
}
uint32_t twc_ended(tw_core *core, int32_t handle) {
  (void)core;
  deliver("ended", handle, NULL, NULL);
  return 0;
}
uint32_t twc_written(tw_core *core, int32_t handle, uint32_t size) {
  (void)core;
  deliver_number("written", handle, size);
  return 0;
}
uint32_t twc_secured(tw_core *core, int32_t handle) {
  (void)core;
  deliver("secured", handle, NULL, NULL);
  return 0;
}
uint32_t twc_closed(tw_core *core, int32_t handle, int32_t error) {
  (void)core;
  deliver_number("closed", handle, error);
  free_handle(handle);
  return 0;
}
uint32_t twc_datagram(tw_core *core, int32_t handle, uint32_t size, uint32_t address_size, uint32_t port) {
  (void)core;
  char from[TW_MAX_ADDRESS + 16];
  int length = snprintf(from, sizeof from, "%.*s %u", (int)address_size, stub.from, (unsigned)port);
  napi_handle_scope scope;
  napi_open_handle_scope(stub.env, &scope);
  deliver("datagram", handle, number(size), text_of(from, (size_t)length));
  napi_close_handle_scope(stub.env, scope);
  return 0;
}
int32_t twc_accepted(tw_core *core, int32_t listener) {
  (void)core;
  int32_t handle = new_handle(true);
  if (handle > 0) {
    slot_of(handle)->keep_alive = slot_of(listener)->keep_alive;
    stub.listener = listener;
    stub.accepted = handle;
  }
  return handle;
}

/* The socket of what was accepted is registered by now. Without room for it, it is closed. */
uint32_t twc_pump(tw_core *core) {
  (void)core;
  int32_t handle = stub.accepted;
  stub.accepted = 0;
  if (handle != 0 && !deliver_number("accepted", stub.listener, handle) && slot_of(handle)->handle == handle) {
    twc_port_close(NULL, handle, TW_CLOSE_ORDERLY);
    free_handle(handle);
  }
  return 0;
}
uint32_t twc_wait(tw_core *core) {
  (void)core;
  uint64_t now = tw_posix_clock();
  return stub.wake_at == 0 ? TW_FOREVER : stub.wake_at > now ? (uint32_t)(stub.wake_at - now) : 0;
}
int32_t twc_check_address(tw_core *core, int32_t handle, const char *address, uint32_t size) {
  (void)core, (void)handle, (void)address, (void)size;
  return 0;
}
int32_t twc_target(tw_core *core, int32_t handle, char *text, uint32_t capacity) {
  (void)core, (void)handle, (void)text, (void)capacity;
  return 0;
}

/* ---- In place of the handles --------------------------------------------------------------------------------- */

size_t tw_handles_need(const tw_limits *limits, const tw_handles_options *options) {
  (void)limits, (void)options;
  return 64;
}
tw_handles *tw_handles_init(void *memory, size_t size, const tw_limits *limits, const tw_handles_options *options,
                            tw_core *core, const tw_handles_host *host) {
  (void)size, (void)limits, (void)options, (void)core, (void)host;
  return memory;
}
void tw_handles_set_deflate(tw_handles *handles, const tw_deflate_library *library) { (void)handles, (void)library; }
void tw_handles_release(tw_handles *handles) { (void)handles; }
void tw_handles_deliver(tw_handles *handles, uint32_t count) { (void)handles, (void)count; }
void tw_handles_tick(tw_handles *handles) {
  (void)handles;
  if (stub.wake_at != 0 && stub.wake_at <= tw_posix_clock()) {
    stub.wake_at = 0;
    deliver("wake", 0, NULL, NULL);
  }
  if (stub.later && stub.later_is_due) {
    stub.later = false;
    deliver("later", 0, NULL, NULL);
  }
}
bool tw_handles_flush(tw_handles *handles) {
  (void)handles;
  if (stub.inside)
    stub.later_is_due = stub.later;
  return stub.later;
}
void tw_handles_failed(tw_handles *handles, int32_t handle, int32_t error, uint32_t step, uint32_t retry_ms) {
  (void)handles, (void)step, (void)retry_ms;
  deliver_number("failed", handle, error);
}
uint32_t tw_handles_delivered(const tw_handles *handles) { return (void)handles, stub.delivered; }
uint32_t tw_handles_open_handles(tw_handles *handles) { return (void)handles, 1; }
bool tw_handles_delivering(const tw_handles *handles) { return (void)handles, false; }
const tw_tls_options *tw_handles_tls(tw_handles *handles, int32_t handle) {
  return (void)handles, slot_of(handle)->tls;
}
const tw_keep_alive *tw_handles_keep_alive(tw_handles *handles, int32_t handle) {
  (void)handles;
  return &slot_of(handle)->keep_alive;
}
bool tw_handles_accepted(tw_handles *handles, int32_t handle) { return (void)handles, slot_of(handle)->accepted; }
