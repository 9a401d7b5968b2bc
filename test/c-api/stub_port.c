/* stub_port.c: a port that says yes to everything and remembers little: what the tests of the handle API need. */
#include "stub_port.h"

#include <string.h>

#include "twinwire/port.h"

stub_port stub;

int32_t twc_port_open(void *host, int32_t handle, uint32_t kind, const char *name, uint32_t name_size, uint32_t port) {
  (void)host, (void)kind, (void)name, (void)name_size, (void)port;
  stub.opened = handle;
  stub.opens++;
  return stub.refuse;
}

int32_t twc_port_write(void *host, int32_t handle, const tw_span *spans, uint32_t count) {
  (void)host, (void)handle;
  int32_t done = 0;
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t *data = stub.arena + spans[i].data;
    uint32_t room = (uint32_t)sizeof stub.written - stub.written_size;
    uint32_t size = spans[i].size < room ? spans[i].size : room;
    memcpy(stub.written + stub.written_size, data, size);
    stub.written_size += size;
    done += (int32_t)spans[i].size;
  }
  return stub.stuck ? 0 : done;
}

int32_t twc_port_send_to(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port,
                         const void *data, uint32_t size) {
  (void)host, (void)handle, (void)address, (void)address_size, (void)port, (void)data;
  return (int32_t)size;
}

void twc_port_shutdown(void *host, int32_t handle) { (void)host, (void)handle; }

int32_t twc_port_connect(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port) {
  (void)host, (void)handle, (void)address, (void)address_size, (void)port;
  return 0;
}

int32_t twc_port_start_tls(void *host, int32_t handle, const char *name, uint32_t name_size) {
  (void)host, (void)handle, (void)name, (void)name_size;
  return 0;
}

void twc_port_read(void *host, int32_t handle, uint32_t on) { (void)host, (void)handle, (void)on; }
void twc_port_close(void *host, int32_t handle, uint32_t how) { (void)host, (void)handle, (void)how; }

int32_t twc_port_address(void *host, int32_t handle, uint32_t which, char *text, uint32_t capacity) {
  (void)host, (void)handle, (void)which;
  static const char name[] = "192.0.2.1:80";
  uint32_t size = sizeof name - 1 < capacity ? (uint32_t)sizeof name - 1 : capacity;
  memcpy(text, name, size);
  return (int32_t)size;
}

void twc_port_random(void *host, void *data, uint32_t size) {
  (void)host;
  memset(data, 0x5a, size); /* the key of the handshake is the same each time, and so is its answer */
}
