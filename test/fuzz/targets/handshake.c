/* handshake.c: both sides of the opening handshake, RFC 6455 4: the answer that a client receives, whole and in pieces,
 * and the request that a server judges and accepts. The first byte chooses the side, the pieces and what was offered;
 * with its bit 2 the input begins behind a status line and an accept field that are right. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "websocket.h"

enum { TEXT = 4096, PREFIX = 160 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t answer(uint8_t *text, const uint8_t *data, size_t size, bool right) {
  static const char key[] = "WlpaWlpaWlpaWlpaWlpaWg==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  uint8_t digest[20];
  char accept[29] = "";
  size_t at = 0;
  if (right) {
    twc_sha1(key, sizeof key - 1, digest);
    twc_base64(digest, sizeof digest, accept);
    at = (size_t)snprintf((char *)text, PREFIX, "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: %s\r\n", accept);
  }
  memcpy(text + at, data, size);
  return at + size;
}

static void as_client(const uint8_t *data, size_t size, uint8_t choice) {
  static event_log whole;
  static event_log split;
  static uint8_t text[TEXT + PREFIX];
  size_t all = answer(text, data, size, (choice & 4) != 0);
  uint32_t offered = choice >> 3 & 3;
  tw_core *core = fuzz_web_socket(false, false, offered, &whole);
  fuzz_deliver(core, text, all, 0, &whole);
  core = fuzz_web_socket(false, false, offered, &split);
  fuzz_deliver(core, text, all, (uint32_t)choice << 16 | 1, &split);
  fuzz_compare(&whole, &split);
}

static void as_server(const uint8_t *data, size_t size, uint8_t choice) {
  static event_log log;
  tw_core *core = fuzz_web_socket(true, false, 0, &log);
  int32_t status = twc_ws_judge((const char *)data, (uint32_t)size);
  if (status != 101 && status != 400 && status != 405 && status != 426)
    abort();
  int32_t result = twc_ws_accept(core, fuzz_handle, (const char *)data, (uint32_t)size, "a", choice >> 3 & 1, "X\0y", 4,
                                 1, (choice & 16) != 0 ? 0xff : 0);
  if ((result == 0) > (status == 101) || (status != 101 && result != TW_ERR_WS_HANDSHAKE))
    abort(); /* what is judged and what is accepted are the same */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0 || size > TEXT)
    return 0;
  if ((data[0] & 1) == 0)
    as_client(data + 1, size - 1, data[0]);
  else
    as_server(data + 1, size - 1, data[0]);
  return 0;
}
