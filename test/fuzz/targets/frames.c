/* frames.c: the bytes behind the opening handshake, on either side of a WebSocket: whatever comes, the events are the
 * same whether it comes at once or in pieces. The first byte chooses the side, compression and the pieces. */
#include "websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static event_log whole;
  static event_log split;
  if (size == 0 || size > 4096)
    return 0;
  const bool server = (data[0] & 1) != 0;
  const uint32_t options = data[0] & 2;
  const uint32_t seed = (uint32_t)data[0] << 16 | 1;
  tw_core *core = fuzz_web_socket(server, true, options, &whole);
  fuzz_deliver(core, data + 1, size - 1, 0, &whole);
  core = fuzz_web_socket(server, true, options, &split);
  fuzz_deliver(core, data + 1, size - 1, seed, &split);
  fuzz_compare(&whole, &split);
  return 0;
}
