/* memory.c: calls that find the text pool, the outbound pool or a table full. */
#include <stdio.h>
#include <string.h>

#include "calls.h"

void test_full_memory(void) {
  static const char head[] = OPENING("Sec-WebSocket-Protocol: chatchatchatchatchatchatchat\r\n");
  start("full memory");
  int32_t stream = accepted_stream();
  int32_t other = twc_accepted(core, stream);
  CHECK(other == TW_ERR_HANDLE); /* no listener */
  int32_t tunnel = twc_tcp_connect_via(core, "h", 1, 80, "proxy", 5, 8080, "", 0);
  CHECK(tunnel > 0);
  fill_text_pool(open_ws());
  CHECK(twc_listen(core, TW_SOCKET_TCP_LISTENER, "localhost.localdomain", 21, 81) == TW_ERR_MEMORY);
  CHECK(twc_tcp_connect(core, "localhost.localdomain", 21, 81) == TW_ERR_MEMORY);
  CHECK(twc_ws_accept(core, stream, head, sizeof head - 1, "chatchatchatchatchatchatchat", 28, "", 0, 0, 0) ==
        TW_ERR_MEMORY);
  CHECK(twc_http_read(core, stream, TW_HTTP_READ_REQUEST, 10) == TW_ERR_MEMORY);
  drain(twc_connected(core, tunnel));
  settle();
  CHECK(last_error.handle == tunnel && last_error.code == TW_ERR_MEMORY && last_error.step == TW_STEP_PROXY);
}

/* An opening handshake whose answer finds the pool full waits for it. */
void test_full_pool(void) {
  static const char head[] = OPENING("");
  static const char bytes[500];
  start("full pool");
  stub.stuck = true;
  int32_t streams[3];
  for (int i = 0; i < 3; i++)
    streams[i] = accepted_stream();
  for (uint32_t size = sizeof bytes; size > 0; size /= 2)
    for (int i = 0; i < 2; i++)
      while (twc_send(core, streams[i], bytes, size) > 0) {
      }
  uint32_t blocks = twc_free_blocks(core);
  CHECK(blocks < 24);
  int32_t result = twc_ws_accept(core, streams[2], head, sizeof head - 1, "", 0, "", 0, 0, 0);
  CHECK(result == 0 || (result == TW_ERR_BACKPRESSURE && twc_free_blocks(core) == blocks));
}

void test_full_tables(void) {
  start("full tables");
  int32_t stream = accepted_stream();
  for (uint32_t i = 0; i < limits.webSockets; i++)
    open_ws();
  CHECK(twc_ws_attach(core, stream, 1, 0) == TW_ERR_LIMIT);
  CHECK(twc_state(core, stream) == TW_STATE_OPEN);
}
