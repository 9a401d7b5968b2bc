/* need.c: prints, one "name number" a line, the bytes of arena that the ESP32's defaults need on this target. */
#include <stdio.h>

#include "twinwire/core.h"
#include "twinwire/host.h"

enum { MANY = 64 };

static uint32_t need(uint32_t sockets, uint32_t web_sockets) {
  tw_limits limits = TW_LIMITS_ESP32;
  limits.sockets = sockets;
  limits.webSockets = web_sockets;
  return twc_need(&limits);
}

static uint32_t api(uint32_t web_sockets) {
  tw_limits limits = TW_LIMITS_ESP32;
  const tw_handles_options options = TW_HANDLES_OPTIONS_ESP32;
  limits.webSockets = web_sockets;
  return (uint32_t)tw_handles_need(&limits, &options);
}

static void print(const char *name, uint32_t number) { printf("%s %lu\n", name, (unsigned long)number); }

int main(void) {
  const tw_limits limits = TW_LIMITS_ESP32;
  uint32_t all = need(limits.sockets, limits.webSockets);
  print("arena", all);
  print("arena-without-ws", need(limits.sockets, 0));
  print("socket", (need(limits.sockets + MANY, limits.webSockets) - all) / MANY);
  print("webSocket", (need(limits.sockets, limits.webSockets + MANY) - all) / MANY);
  print("api", api(limits.webSockets));
  print("api-without-ws", api(0));
  print("buffers", limits.recvBuffer + limits.sendPool + limits.textPool);
  return 0;
}
