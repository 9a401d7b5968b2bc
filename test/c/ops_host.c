/* What the host delivers, and how it answers. */
#include <stdio.h>
#include <string.h>

#include "session.h"

static int op_connected(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  session_settle(s, twc_connected(s->core, handle));
  return 1;
}

/* A listener has a connection, which gets the name of argument 2 if the core has a place for it. */
static int op_accepted(test_session *s, const test_step *step) {
  int32_t listener;
  const char *name;
  if (!arg_handle(s, step, 1, &listener) || !arg_text(s, step, 2, &name, NULL))
    return 0;
  test_sock *sock = script_host_add(&s->host, name, TW_KIND_TCP);
  if (sock == NULL)
    return fail_with(s, "the handle's name is taken or too long");
  int32_t handle = twc_accepted(s->core, listener);
  if (handle >= 0)
    script_host_open(sock, handle);
  else
    s->host.count--;
  if (step->count > 3 ? expect_result(s, step, 3, handle, 0) == 0 : handle < 0)
    return handle < 0 ? fail_with(s, "got %s", error_name(handle)) : 0;
  session_settle(s, 0);
  return 1;
}

static int op_network(test_session *s, const test_step *step) {
  long long up;
  if (!arg_number(s, step, 1, &up))
    return 0;
  session_settle(s, twc_network(s->core, (uint32_t)up));
  return 1;
}

/* The peer's address, from then on. */
static int op_from(test_session *s, const test_step *step) {
  int32_t handle;
  const char *address;
  size_t size;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &address, &size))
    return 0;
  test_sock *sock = session_sock(s, handle);
  if (sock == NULL || size >= sizeof sock->remote)
    return fail_with(s, "no such handle, or the address is too long");
  memcpy(sock->remote, address, size);
  sock->remote[size] = 0;
  return 1;
}

static int op_secured(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  test_sock *sock = session_sock(s, handle);
  if (sock != NULL)
    sock->securing = false;
  session_settle(s, twc_secured(s->core, handle));
  return 1;
}

static int op_rx(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle) || !arg_bytes(s, step, 2))
    return 0;
  buffer_clear(&s->incoming);
  buffer_append(&s->incoming, s->scratch.data, s->scratch.size);
  session_receive(s, handle, s->incoming.data, s->incoming.size, true);
  return 1;
}

/* Unmasked frames, sent as a client does: masked. What is no whole frame stays as it is. RFC 6455 5.3 */
static void mask_frames(test_buffer *out, const uint8_t *data, size_t size) {
  static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
  buffer_clear(out);
  while (size >= 2) {
    size_t form = data[1] & 127u;
    size_t header = form == 127 ? 10 : form == 126 ? 4 : 2;
    uint64_t payload = form < 126 ? form : 0;
    if (size < header)
      break;
    for (size_t i = 2; i < header; i++)
      payload = payload << 8 | data[i];
    if (payload > size - header)
      payload = size - header;
    uint8_t second = data[1] | 0x80;
    buffer_append(out, data, 1);
    buffer_append(out, &second, 1);
    buffer_append(out, data + 2, header - 2);
    buffer_append(out, key, sizeof key);
    size_t begin = out->size;
    buffer_append(out, data + header, (size_t)payload);
    for (size_t i = 0; i < payload; i++)
      out->data[begin + i] ^= key[i & 3];
    data += header + payload;
    size -= header + (size_t)payload;
  }
  buffer_append(out, data, size);
}

static int op_rx_masked(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle) || !arg_bytes(s, step, 2))
    return 0;
  mask_frames(&s->incoming, s->scratch.data, s->scratch.size);
  session_receive(s, handle, s->incoming.data, s->incoming.size, true);
  return 1;
}

static int op_ended(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  session_ended(s, handle);
  return 1;
}

static int op_closed(test_session *s, const test_step *step) {
  int32_t handle;
  int32_t error = 0;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  if (step->text[2] != NULL && !error_value(step->text[2], &error))
    return fail_with(s, "no such error");
  test_sock *sock = session_sock(s, handle);
  if (sock != NULL)
    script_host_forget(sock);
  session_settle(s, twc_closed(s->core, handle, error));
  return 1;
}

/* Without pending bytes the delivery is one that makes no sense, which the core has to bear. */
static int op_written(test_session *s, const test_step *step) {
  int32_t handle;
  long long size;
  if (!arg_handle(s, step, 1, &handle) || !arg_number(s, step, 2, &size))
    return 0;
  test_sock *sock = session_sock(s, handle);
  if (sock != NULL && sock->span_count > 0) {
    if (!script_host_write_pending(&s->host, sock, (size_t)size))
      return fail_with(s, "only %u bytes are pending", (unsigned)sock->pending.size);
    script_host_hand_back(sock);
  }
  session_settle(s, twc_written(s->core, handle, (uint32_t)size));
  return 1;
}

static int op_datagram(test_session *s, const test_step *step) {
  int32_t handle;
  const char *address;
  size_t address_size;
  long long port;
  if (!arg_handle(s, step, 1, &handle) || !arg_bytes(s, step, 2) || !arg_text(s, step, 3, &address, &address_size) ||
      !arg_number(s, step, 4, &port))
    return 0;
  if (s->scratch.size > s->limits.recvBuffer || address_size > TW_MAX_ADDRESS)
    return fail_with(s, "the datagram does not fit into the buffers");
  memcpy(twc_rx_buffer(s->core), s->scratch.data, s->scratch.size);
  memcpy(twc_rx_address(s->core), address, address_size);
  session_settle(s, twc_datagram(s->core, handle, (uint32_t)s->scratch.size, (uint32_t)address_size, (uint32_t)port));
  return 1;
}

static int op_time(test_session *s, const test_step *step) {
  long long ms;
  if (!arg_number(s, step, 1, &ms))
    return 0;
  session_advance(s, (uint32_t)ms);
  return 1;
}

/* A host that comes late: one tick for all that fell due. */
static int op_late(test_session *s, const test_step *step) {
  long long ms;
  if (!arg_number(s, step, 1, &ms))
    return 0;
  s->now += (uint32_t)ms;
  session_settle(s, twc_tick(s->core, s->now));
  return 1;
}

static int op_take(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  test_sock *sock = session_sock(s, handle);
  if (sock == NULL)
    return fail_with(s, "no such handle");
  sock->take = step->text[2] != NULL ? -1 : step->number[2];
  return 1;
}

static int op_random(test_session *s, const test_step *step) {
  if (!arg_bytes(s, step, 1))
    return 0;
  buffer_append(&s->host.random, s->scratch.data, s->scratch.size);
  return 1;
}

static int refuse(test_session *s, const test_step *step, int32_t *what) {
  if (step->text[1] == NULL || !error_value(step->text[1], what))
    return fail_with(s, "no such error");
  return 1;
}

static int op_refuse_open(test_session *s, const test_step *step) { return refuse(s, step, &s->host.refuse_open); }
static int op_refuse_send(test_session *s, const test_step *step) { return refuse(s, step, &s->host.refuse_send); }
static int op_refuse_tls(test_session *s, const test_step *step) { return refuse(s, step, &s->host.refuse_tls); }
static int op_refuse_connect(test_session *s, const test_step *step) {
  return refuse(s, step, &s->host.refuse_connect);
}

static int op_refuse_write(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  test_sock *sock = session_sock(s, handle);
  if (sock == NULL || step->text[2] == NULL || !error_value(step->text[2], &sock->refuse_write))
    return fail_with(s, "no such handle or error");
  return 1;
}

/* RFC 6455 4.2.2 item 5, for whatever key the client drew. */
static int answer_handshake(test_session *s, test_sock *sock, const char *headers, bool split) {
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char text[80];
  char accept[29] = "";
  uint8_t digest[20];
  if (!sock->upgraded)
    return fail_with(s, "the client has not sent its request");
  snprintf(text, sizeof text, "%s%s", sock->key, guid);
  twc_sha1(text, (uint32_t)strlen(text), digest);
  twc_base64(digest, sizeof digest, accept);
  buffer_clear(&s->incoming);
  buffer_text(&s->incoming, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: ");
  buffer_text(&s->incoming, accept);
  buffer_text(&s->incoming, "\r\n");
  buffer_text(&s->incoming, headers);
  buffer_text(&s->incoming, "\r\n");
  session_receive(s, sock->handle, s->incoming.data, s->incoming.size, split);
  return 1;
}

static int handshake(test_session *s, test_sock *sock, const char *headers, bool split) {
  sock->quiet = true;
  session_settle(s, twc_connected(s->core, sock->handle));
  sock->quiet = false;
  return answer_handshake(s, sock, headers, split);
}

static int op_handshake(test_session *s, const test_step *step) {
  int32_t handle;
  const char *headers = "";
  if (!arg_handle(s, step, 1, &handle) || (step->count > 2 && !arg_text(s, step, 2, &headers, NULL)))
    return 0;
  test_sock *sock = session_sock(s, handle);
  return sock == NULL ? fail_with(s, "no such handle") : handshake(s, sock, headers, true);
}

static int run_steps(test_session *s, const char *const texts[][4], int count) {
  for (int i = 0; i < count; i++) {
    size_t sizes[4] = {0};
    long long numbers[4] = {0, 0, 0, 80};
    int args = 0;
    while (args < 4 && texts[i][args] != NULL) {
      sizes[args] = strlen(texts[i][args]);
      args++;
    }
    if (strcmp(texts[i][0], "tcp") == 0)
      args++; /* the port */
    const test_step step = {.count = args, .text = texts[i], .size = sizes, .number = numbers};
    if (session_do(s, &step) != 1)
      return 0;
  }
  return 1;
}

static int op_open_tcp(test_session *s, const test_step *step) {
  const char *name;
  if (!arg_text(s, step, 1, &name, NULL))
    return 0;
  char wire[64];
  char event[64];
  snprintf(wire, sizeof wire, "open %s tcp h 80", name);
  snprintf(event, sizeof event, "connected %s", name);
  const char *const steps[][4] = {{"tcp", name, "h", NULL},
                                  {"wire", wire, NULL, NULL},
                                  {"connected", name, NULL, NULL},
                                  {"events", event, NULL, NULL}};
  return run_steps(s, steps, 4);
}

static int op_open_listener(test_session *s, const test_step *step) {
  const char *name;
  if (!arg_text(s, step, 1, &name, NULL))
    return 0;
  test_sock *sock = script_host_add(&s->host, name, TW_KIND_LISTENER);
  if (sock == NULL)
    return fail_with(s, "the handle's name is taken or too long");
  s->host.opening = sock;
  sock->handle = twc_listen(s->core, TW_SOCKET_TCP_LISTENER, "", 0, 80);
  s->host.opening = NULL;
  const uint32_t opened = (uint32_t)sock->handle;
  tap_add(&s->host.tap, "opened", &opened, 1, "", 0);
  char wire[64];
  char event[64];
  snprintf(wire, sizeof wire, "open %s listen-tcp 80", name);
  snprintf(event, sizeof event, "connected %s", name);
  const char *const steps[][4] = {
      {"wire", wire, NULL, NULL}, {"connected", name, NULL, NULL}, {"events", event, NULL, NULL}};
  return run_steps(s, steps, 3);
}

static int op_open_accepted(test_session *s, const test_step *step) {
  const char *listener;
  const char *name;
  if (!arg_text(s, step, 1, &listener, NULL) || !arg_text(s, step, 2, &name, NULL))
    return 0;
  char accepted[64];
  char connected[64];
  snprintf(accepted, sizeof accepted, "accepted %s by %s", name, listener);
  snprintf(connected, sizeof connected, "connected %s", name);
  const char *const steps[][4] = {{"accepted", listener, name, NULL},
                                  {"connected", name, NULL, NULL},
                                  {"events", accepted, connected, NULL},
                                  {"wire", NULL, NULL, NULL}};
  return run_steps(s, steps, 4);
}

static int op_open_served(test_session *s, const test_step *step) {
  static const char head[] = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  const char *name;
  if (op_open_accepted(s, step) != 1 || !arg_text(s, step, 2, &name, NULL))
    return 0;
  test_sock *sock = script_host_named(&s->host, name);
  int32_t error = twc_ws_accept(s->core, sock->handle, head, sizeof head - 1, "", 0, "", 0, 0, 0);
  if (expect_result(s, step, 3, error, 0) == 0)
    return 0;
  script_host_serve(sock);
  sock->quiet = true;
  session_settle(s, 0);
  sock->quiet = false;
  return 1;
}

static int op_open_ws(test_session *s, const test_step *step) {
  const char *name;
  if (!arg_text(s, step, 1, &name, NULL))
    return 0;
  char wire[64];
  char event[64];
  snprintf(wire, sizeof wire, "open %s tcp h 80", name);
  snprintf(event, sizeof event, "connected %s", name);
  const char *const open[][4] = {{"ws", name, "ws://h/", NULL}, {"wire", wire, NULL, NULL}};
  const char *const done[][4] = {{"events", event, NULL, NULL}, {"wire", NULL, NULL, NULL}};
  if (run_steps(s, open, 2) != 1 || handshake(s, script_host_named(&s->host, name), "", false) != 1)
    return 0;
  return run_steps(s, done, 2);
}

const test_op host_ops[] = {
    {"connected", 1, 1, op_connected},
    {"accepted", 2, 3, op_accepted},
    {"from", 2, 2, op_from},
    {"network", 1, 1, op_network},
    {"secured", 1, 1, op_secured},
    {"rx", 2, 2, op_rx},
    {"rx-masked", 2, 2, op_rx_masked},
    {"ended", 1, 1, op_ended},
    {"closed", 2, 2, op_closed},
    {"written", 2, 2, op_written},
    {"datagram", 4, 4, op_datagram},
    {"time", 1, 1, op_time},
    {"late", 1, 1, op_late},
    {"take", 2, 2, op_take},
    {"random", 1, 1, op_random},
    {"refuse-open", 1, 1, op_refuse_open},
    {"refuse-send", 1, 1, op_refuse_send},
    {"refuse-connect", 1, 1, op_refuse_connect},
    {"refuse-tls", 1, 1, op_refuse_tls},
    {"refuse-write", 2, 2, op_refuse_write},
    {"handshake", 1, 2, op_handshake},
    {"open-tcp", 1, 1, op_open_tcp},
    {"open-ws", 1, 1, op_open_ws},
    {"open-listener", 1, 1, op_open_listener},
    {"open-accepted", 2, 2, op_open_accepted},
    {"open-served", 2, 2, op_open_served},
    {NULL, 0, 0, NULL},
};
