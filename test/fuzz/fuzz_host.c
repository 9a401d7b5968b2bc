#include "fuzz_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twinwire/port.h"

uint8_t fuzz_byte(fuzz_input *input) {
  if (input->size == 0)
    return 0;
  input->size--;
  return *input->data++;
}

uint32_t fuzz_range(fuzz_input *input, uint32_t below) {
  uint32_t value = fuzz_byte(input);
  if (below > 256)
    value = value << 8 | fuzz_byte(input);
  return value % below;
}

void fuzz_check(bool right, const char *rule) {
  if (right)
    return;
  fprintf(stderr, "the core broke a rule: %s\n", rule);
  abort();
}

fuzz_socket *fuzz_socket_of(fuzz_host *host, int32_t handle) {
  if (handle <= 0)
    return NULL;
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  if (index >= FUZZ_SLOTS || host->handles[index] != handle || !host->sockets[index].open)
    return NULL;
  return &host->sockets[index];
}

static fuzz_socket *must_be_open(fuzz_host *host, int32_t handle) {
  fuzz_socket *socket = fuzz_socket_of(host, handle);
  fuzz_check(socket != NULL, "the port is called for a socket that is not open");
  return socket;
}

void fuzz_check_lent(const fuzz_host *host, const fuzz_socket *socket) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < socket->span_count && at < socket->lent && at < FUZZ_LENT; i++) {
    uint32_t size = socket->spans[i].size;
    if (size > socket->lent - at)
      size = socket->lent - at;
    if (size > FUZZ_LENT - at)
      size = FUZZ_LENT - at;
    fuzz_check(memcmp(host->arena + socket->spans[i].data, socket->copy + at, size) == 0, "lent bytes change");
    at += size;
  }
}

int32_t twc_port_open(void *context, int32_t handle, uint32_t kind, const char *name, uint32_t name_size,
                      uint32_t port) {
  fuzz_host *host = context;
  (void)name;
  (void)port;
  fuzz_check(name_size <= TW_MAX_HOST, "a name is longer than a name can be");
  fuzz_check(fuzz_socket_of(host, handle) == NULL, "a socket is opened twice");
  if (fuzz_range(host->input, 16) == 15)
    return TW_ERR_NETWORK_DOWN;
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  fuzz_check(index < FUZZ_SLOTS, "a slot outside the table");
  host->handles[index] = handle;
  host->sockets[index] = (fuzz_socket){.open = true, .reading = true, .kind = kind};
  return 0;
}

static void find_key(fuzz_socket *socket, const uint8_t *data, uint32_t size) {
  static const char name[] = "Sec-WebSocket-Key: ";
  for (uint32_t i = 0; i + sizeof name - 1 + sizeof socket->key <= size; i++)
    if (memcmp(data + i, name, sizeof name - 1) == 0)
      memcpy(socket->key, data + i + sizeof name - 1, sizeof socket->key);
}

int32_t twc_port_write(void *context, int32_t handle, const tw_span *spans, uint32_t count) {
  fuzz_host *host = context;
  fuzz_socket *socket = must_be_open(host, handle);
  fuzz_check(socket->connected && !socket->finished, "a write before the connection or after its end");
  fuzz_check(socket->lent == 0, "a write while one is pending");
  fuzz_check(count > 0 && count <= TW_MAX_SPANS, "a write of no piece or too many");
  uint32_t all = 0;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; i++) {
    fuzz_check(spans[i].size > 0 && spans[i].data < host->arena_size &&
                   spans[i].size <= host->arena_size - spans[i].data,
               "a piece outside the arena");
    find_key(socket, host->arena + spans[i].data, spans[i].size);
    uint32_t room = FUZZ_LENT - kept;
    uint32_t size = spans[i].size < room ? spans[i].size : room;
    memcpy(socket->copy + kept, host->arena + spans[i].data, size);
    kept += size;
    all += spans[i].size;
    socket->spans[i] = spans[i];
  }
  socket->span_count = count;
  switch (fuzz_range(host->input, 8)) {
  case 0: /* all pending, lent */
    socket->lent = all;
    return 0;
  case 1: /* a part taken, the rest to be offered again; nothing is read on */
    socket->lent = 1;
    socket->span_count = 0;
    return (int32_t)fuzz_range(host->input, all);
  case 2:
    if (fuzz_range(host->input, 8) == 0) {
      return TW_ERR_RESET;
    }
    return (int32_t)all;
  default:
    return (int32_t)all;
  }
}

int32_t twc_port_send_to(void *context, int32_t handle, const char *address, uint32_t address_size, uint32_t port,
                         const void *data, uint32_t size) {
  (void)address;
  (void)port;
  (void)data;
  fuzz_socket *socket = must_be_open(context, handle);
  fuzz_check(socket->kind == TW_SOCKET_UDP && address_size <= TW_MAX_ADDRESS, "a datagram from no UDP socket");
  fuzz_host *host = context;
  return fuzz_range(host->input, 4) == 0 ? TW_ERR_BACKPRESSURE : (int32_t)size;
}

void twc_port_read(void *context, int32_t handle, uint32_t on) {
  fuzz_socket *socket = must_be_open(context, handle);
  fuzz_check(socket->reading != (on != 0), "reading is switched to what it is");
  socket->reading = on != 0;
}

void twc_port_shutdown(void *context, int32_t handle) {
  fuzz_socket *socket = must_be_open(context, handle);
  fuzz_check(socket->connected && socket->lent == 0 && !socket->finished, "FIN before all is written, or twice");
  socket->finished = true;
}

int32_t twc_port_connect(void *context, int32_t handle, const char *address, uint32_t address_size, uint32_t port) {
  (void)address;
  (void)address_size;
  (void)port;
  fuzz_check(must_be_open(context, handle)->kind == TW_SOCKET_UDP, "a peer for no UDP socket");
  return 0;
}

int32_t twc_port_start_tls(void *context, int32_t handle, const char *name, uint32_t name_size) {
  (void)name;
  (void)name_size;
  fuzz_host *host = context;
  fuzz_socket *socket = must_be_open(host, handle);
  fuzz_check(socket->connected && !socket->securing && socket->lent == 0, "TLS before the connection or twice");
  if (fuzz_range(host->input, 8) == 0)
    return TW_ERR_UNSUPPORTED;
  socket->securing = true;
  return 0;
}

void twc_port_close(void *context, int32_t handle, uint32_t how) {
  fuzz_socket *socket = must_be_open(context, handle);
  fuzz_check(how <= TW_CLOSE_ABORT, "a way of closing that is none");
  socket->open = false;
}

int32_t twc_port_address(void *context, int32_t handle, uint32_t which, char *text, uint32_t capacity) {
  (void)which;
  must_be_open(context, handle);
  uint32_t size = capacity < 9 ? capacity : 9;
  memcpy(text, "1.2.3.4:5", size);
  return (int32_t)size;
}

void twc_port_random(void *context, void *data, uint32_t size) {
  (void)context;
  memset(data, 0x5a, size);
}
