/* states.c: calls and deliveries in a state that only a program of its own brings about. */
#include <stdio.h>
#include <string.h>

#include "calls.h"

/* Of the handles that a broadcast is given no more are read and written than its count. */
void test_broadcast(void) {
  static const char head[] = OPENING("");
  start("broadcast");
  int32_t web = accepted_stream();
  CHECK(twc_ws_accept(core, web, head, sizeof head - 1, "", 0, "", 0, 0, 0) == 0);
  settle();
  int32_t handles[3] = {web, web + 1, 77};
  CHECK(twc_ws_broadcast(core, handles, 2, TW_SEND_TEXT, "hi", 2) == 1);
  CHECK(handles[0] == 2 && handles[1] == TW_ERR_HANDLE && handles[2] == 77);
  handles[0] = 76;
  CHECK(twc_ws_broadcast(core, handles, 0, TW_SEND_TEXT, "hi", 2) == 0 && handles[0] == 76);
}

/* A listener that is closed while a connection of it is being established. */
void test_listener_gone(void) {
  start("listener gone");
  int32_t listener = twc_listen(core, TW_SOCKET_TCP_LISTENER, "", 0, 80);
  drain(twc_connected(core, listener));
  CHECK(twc_set_address_limits(core, listener, 1, 1, 1) == 0);
  int32_t handle = twc_accepted(core, listener);
  CHECK(handle > 0);
  CHECK(twc_close(core, listener) == 0);
  settle();
  drain(twc_pump(core));
  drain(twc_connected(core, handle));
  CHECK(twc_state(core, handle) == TW_STATE_OPEN);
}

/* A host that reports what can't be: nothing comes of it. */
void test_datagrams(void) {
  start("datagrams");
  int32_t udp = twc_udp_open(core, 53);
  CHECK(twc_datagram(core, udp, limits.recvBuffer + 1, 1, 1) == 0);
  CHECK(twc_datagram(core, udp, 1, TW_MAX_ADDRESS + 1, 1) == 0);
  CHECK(twc_datagram(core, udp + 1, 1, 1, 1) == 0);
  drain(twc_datagram(core, udp, 1, 1, 1));
  CHECK(events == 1);
  CHECK(twc_close(core, udp) == 0);
  CHECK(twc_datagram(core, udp, 1, 1, 1) == 0);
  fill_text_pool(open_ws());
  CHECK(twc_udp_bind(core, "2001:db8:1111:2222:3333:4444:5555:6666", 38, 53) == TW_ERR_MEMORY);
}

/* An end of a WebSocket that has nothing but the frames: on the server's side of a stream, as a client. */
static int32_t attached(uint32_t client) {
  int32_t handle = accepted_stream();
  CHECK(twc_ws_attach(core, handle, client, 0) == 0);
  return handle;
}

void test_faults(void) {
  start("faults of frames");
  int32_t client = attached(1);
  int32_t tcp = twc_tcp_connect(core, "h", 1, 80);
  CHECK(twc_ws_fault(core, 12345) == TW_ERR_HANDLE);
  CHECK(twc_ws_fault(core, tcp) == TW_ERR_HANDLE);
  CHECK(twc_ws_fault(core, client) == 0);
  /* A limit that is lowered in the middle of a message. */
  receive(client, "\x01\x05hello", 7);
  CHECK(twc_ws_set_options(core, client, 0, 2, 0) == 0);
  receive(client, "\x80\x01!", 3);
  drain(twc_pump(core));
  CHECK(last_error.handle == client && last_error.code == TW_ERR_WS_TOO_BIG);
}

/* To receive while closing concerns a connection that is open and has not been closed by its peer. */
void test_close(void) {
  start("close");
  int32_t ws = open_ws();
  CHECK(twc_ws_set_options(core, ws, TW_WS_OPTION_RECEIVE_WHILE_CLOSING, 0, 0) == 0);
  CHECK(twc_ws_close(core, ws, 1000, "", 0) == 0);
  CHECK(twc_state(core, ws) == TW_STATE_CLOSED);
  ws = attached(1);
  CHECK(twc_ws_set_options(core, ws, TW_WS_OPTION_RECEIVE_WHILE_CLOSING, 0, 0) == 0);
  memcpy(twc_rx_buffer(core), "\x88\x00", 2);
  drain(twc_received(core, ws, 2)); /* the end is deferred until the loop iteration is over */
  CHECK(twc_ws_close(core, ws, 1000, "", 0) == 0);
  CHECK(twc_state(core, ws) == TW_STATE_CLOSING);
  settle();
  drain(twc_pump(core));
  settle();
  drain(twc_ended(core, ws));
  settle();
  drain(twc_pump(core));
  CHECK(twc_state(core, ws) == TW_STATE_CLOSED);
}

/* The longest wait for a timer is not the one that means "no timer". */
void test_longest_wait(void) {
  start("the longest wait");
  CHECK(twc_wait(core) == TW_FOREVER);
  int32_t stream = accepted_stream();
  CHECK(twc_wait(core) == TW_FOREVER);
  CHECK(twc_set_deadline(core, stream, TW_DEADLINE_READ, TW_FOREVER) == 0);
  CHECK(twc_wait(core) == TW_FOREVER - 1);
  CHECK(twc_set_deadline(core, stream, TW_DEADLINE_READ, TW_FOREVER - 1) == 0);
  CHECK(twc_wait(core) == TW_FOREVER - 1);
  CHECK(twc_set_deadline(core, stream, TW_DEADLINE_READ, TW_FOREVER - 2) == 0);
  CHECK(twc_wait(core) == TW_FOREVER - 2);
}
