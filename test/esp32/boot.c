/* boot: an application's first steps with the component: the limits of a device, a static arena, one WebSocket.
 * Its port refuses everything, as a device does whose interface has no address yet. */
#include <stdio.h>

#include "twinwire/port.h"
#include "twinwire/twinwire.h"

enum { ARENA = 16 * 1024 };

int32_t tw_port_open(void *host, int32_t handle, uint32_t kind, const char *name, uint32_t name_size, uint32_t port) {
  (void)host, (void)handle, (void)kind, (void)name, (void)name_size, (void)port;
  return TW_ERR_NETWORK_DOWN;
}

int32_t tw_port_write(void *host, int32_t handle, const tw_span *spans, uint32_t count) {
  (void)host, (void)handle, (void)spans, (void)count;
  return TW_ERR_STATE;
}

int32_t tw_port_send_to(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port,
                        const void *data, uint32_t size) {
  (void)host, (void)handle, (void)address, (void)address_size, (void)port, (void)data, (void)size;
  return TW_ERR_STATE;
}

void tw_port_read(void *host, int32_t handle, uint32_t on) { (void)host, (void)handle, (void)on; }

void tw_port_shutdown(void *host, int32_t handle) { (void)host, (void)handle; }

int32_t tw_port_connect(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port) {
  (void)host, (void)handle, (void)address, (void)address_size, (void)port;
  return TW_ERR_STATE;
}

int32_t tw_port_start_tls(void *host, int32_t handle, const char *name, uint32_t name_size) {
  (void)host, (void)handle, (void)name, (void)name_size;
  return TW_ERR_UNSUPPORTED;
}

void tw_port_close(void *host, int32_t handle, uint32_t how) { (void)host, (void)handle, (void)how; }

int32_t tw_port_address(void *host, int32_t handle, uint32_t which, char *text, uint32_t capacity) {
  (void)host, (void)handle, (void)which, (void)text, (void)capacity;
  return TW_ERR_STATE;
}

void tw_port_random(void *host, void *data, uint32_t size) {
  (void)host;
  for (uint32_t i = 0; i < size; i++)
    ((uint8_t *)data)[i] = (uint8_t)i;
}

int main(void) {
  static _Alignas(16) uint8_t arena[ARENA];
  static const tw_limits limits = TW_LIMITS_ESP32;
  printf("arena with the defaults of a device: %u bytes\n", (unsigned)tw_need(&limits));
  tw_core *core = tw_init(arena, sizeof arena, &limits, NULL);
  if (core == NULL)
    return 1;
  return tw_ws_connect(core, "ws://192.168.1.10:8080/stream", 29) == TW_ERR_NETWORK_DOWN ? 0 : 2;
}
