/* program.c: an application of the handle API in C on each machine: streams, WebSockets and HTTP requests to the other
 * one, at random, also from listeners; and what has to hold:
 *
 *   - accepted bytes and messages arrive once, in order, and unchanged, with a NUL behind them; a response belongs to
 * its request
 *   - a refused send changes nothing, has an error, and "drain" follows while the connection is open
 *   - events come in their order, none follows the last one, and a handle that was closed announces no attempt
 *   - at the end every handle, block, slot, timer and allocation is free */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

enum { LARGEST = 500, BODY = 900, AT_ONCE = 1000 };

const char sim_arguments[] = "--api ";

static const tw_ws_accept_options accepting;
static const tw_http_server_options serving = {.max_body = BODY, .web_sockets = &accepting};

/* The handle of an event. */
static sim_handle *must_know(sim_machine *m, int32_t handle) {
  sim_handle *h = sim_known(m, handle);
  sim_check(m->sim, h != NULL, "an event after the last one");
  return h;
}

static sim_handle *must_be_open(sim_machine *m, int32_t handle) {
  sim_handle *h = must_know(m, handle);
  sim_check(m->sim, h->is_open && !h->closed && h->link != NULL, "an event of a connection that is not open");
  return h;
}

static void end_link(sim_handle *h) {
  sim_link *link = h->link;
  if (link == NULL)
    return;
  sim_end_of(h)->over = true;
  h->link = NULL;
  sim_link_release(link);
}

static void forget(sim_handle *h) {
  if (h->role != SIM_HTTP_SERVER) /* whose link has counted as over from the start */
    end_link(h);
  *h = (sim_handle){0};
}

/* The connections of an HTTP server end without an event: the place may be that of one. */
static sim_handle *remember(sim_machine *m, int32_t handle, sim_role role) {
  if (handle < 0)
    return NULL;
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  sim_check(m->sim, index < SIM_SLOTS, "a handle has a slot that can be");
  sim_handle *h = &m->handles[index];
  sim_check(m->sim, h->role == SIM_NONE || h->role == SIM_HTTP_SERVER, "a new handle has the slot of another");
  *h = (sim_handle){.handle = handle, .role = role, .receiving = true};
  return h;
}

void sim_program_attach(sim_machine *m, int32_t handle, sim_link *link, uint32_t side) {
  sim_handle *h = sim_known(m, handle);
  sim_check(m->sim, h != NULL, "a connection for a handle that the application does not know");
  end_link(h);
  h->link = link;
  h->side = side;
}

void sim_program_accepted(sim_machine *m, int32_t handle, sim_link *link) {
  bool stream = link->port == SIM_STREAM_PORT;
  sim_handle *h = remember(m, handle, stream ? SIM_STREAM : SIM_HTTP_SERVER);
  sim_check(m->sim, h != NULL, "an accepted connection has a handle");
  h->link = link;
  h->side = 1;
  link->ends[1].over = !stream;
  sim_machine_drain(m, twc_pump(m->core)); /* "accepted" comes first */
}

static void close_handle(sim_machine *m, sim_handle *h) {
  int32_t handle = h->handle;
  bool web = h->role == SIM_WS;
  uint32_t how = m->sim->ending ? 0 : sim_range(m->sim, 8);
  int32_t result = how == 1 && web   ? tw_ws_abort(handle)
                   : how == 1        ? tw_net_abort(handle)
                   : how == 2 && web ? tw_ws_close_with(handle, 3000, "why")
                   : web             ? tw_ws_close(handle)
                                     : tw_net_close(handle);
  sim_check(m->sim, result == 0, "a handle can be closed");
  result = web ? tw_ws_close(handle) : tw_net_close(handle);
  sim_check(m->sim, result == -1 && tw_last_error() == TW_ERR_HANDLE, "a closed handle is stale at once");
  h->closed = true;
  if (!h->is_open && !h->ending) /* else "disconnected" follows */
    forget(h);
}

/* ---- Sending ---- */

static int32_t buffered(const sim_handle *h) {
  return h->role == SIM_WS ? tw_ws_buffered_amount(h->handle) : tw_net_buffered_amount(h->handle);
}

static void sent(sim_machine *m, sim_handle *h, int32_t result, int32_t before, uint32_t blocks) {
  if (result >= 0)
    return;
  int32_t error = tw_last_error();
  sim_check(m->sim, result == -1, "a refused send returns -1");
  sim_check(m->sim, buffered(h) == before && twc_free_blocks(m->core) == blocks, "a refused send changes nothing");
  sim_check(m->sim, error == TW_ERR_BACKPRESSURE || error == TW_ERR_STATE, "a refused send has a reason that can be");
  if (error == TW_ERR_BACKPRESSURE) {
    h->drain = true;
    sim_hold_back(h);
  }
}

static void send_stream(sim_machine *m, sim_handle *h) {
  uint8_t bytes[LARGEST];
  sim_end *end = sim_end_of(h);
  uint32_t size = 1 + sim_range(m->sim, LARGEST);
  for (uint32_t i = 0; i < size; i++)
    bytes[i] = sim_stream_byte(h, h->side, end->sent + i);
  int32_t before = buffered(h);
  uint32_t blocks = twc_free_blocks(m->core);
  int32_t result = tw_net_send(h->handle, bytes, size);
  sim_check(m->sim, result < 0 || (uint32_t)result == size, "a send is taken whole");
  sent(m, h, result, before, blocks);
  if (result > 0)
    end->sent += size;
}

static void send_message(sim_machine *m, sim_handle *h) {
  char bytes[LARGEST];
  sim_end *end = sim_end_of(h);
  bool goes_on = end->part > 0;
  uint32_t most = goes_on ? (LARGEST - end->part) / 2 : LARGEST;
  uint32_t size = (goes_on ? 0 : 4) + sim_range(m->sim, most > 4 ? most - 4 : 1);
  bool more = size > 0 && end->part < LARGEST / 2 && sim_range(m->sim, goes_on ? 2 : 8) == 0;
  bool binary = sim_range(m->sim, 2) == 0;
  for (uint32_t i = 0; i < size; i++)
    bytes[i] = (char)sim_message_byte(end->sent, end->part + i);
  int32_t before = buffered(h);
  uint32_t blocks = twc_free_blocks(m->core);
  int32_t result = goes_on || more ? tw_ws_send_fragment(h->handle, binary, bytes, size, !more)
                   : binary        ? tw_ws_send_binary(h->handle, bytes, size)
                                   : tw_ws_send_text(h->handle, bytes, size);
  sent(m, h, result, before, blocks);
  if (result < 0)
    return;
  sim_check(m->sim, (uint32_t)result == size, "a message is taken whole");
  end->part += size;
  if (!more) {
    end->part = 0;
    end->sent++;
  }
}

static void send_ping(sim_machine *m, sim_handle *h) {
  int32_t before = buffered(h);
  uint32_t blocks = twc_free_blocks(m->core);
  sent(m, h, tw_ws_ping_with(h->handle, "ping", 4), before, blocks);
}

static void send_request(sim_machine *m, sim_handle *h) {
  char bytes[BODY + 128];
  if (h->busy)
    return;
  uint32_t number = h->request + 1;
  uint32_t size = sim_range(m->sim, 2) == 0 ? 0 : 4 + sim_range(m->sim, BODY - 4);
  int head = snprintf(bytes, sizeof bytes, "%s /%u HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n\r\n",
                      size > 0 ? "POST" : "GET", (unsigned)number, (unsigned)size);
  for (uint32_t i = 0; i < size; i++)
    bytes[(uint32_t)head + i] = (char)sim_message_byte(number, i);
  int32_t before = buffered(h);
  uint32_t blocks = twc_free_blocks(m->core);
  int32_t result = tw_net_send(h->handle, bytes, (uint32_t)head + size);
  sent(m, h, result, before, blocks);
  if (result < 0)
    return;
  h->request = number;
  h->busy = true;
  h->head_size = h->body = h->section = 0;
}

static void respond(sim_machine *m, sim_handle *h) {
  uint8_t body[BODY];
  uint32_t size = 4 + h->request % (BODY - 4);
  for (uint32_t i = 0; i < size; i++)
    body[i] = sim_message_byte(h->request + 1, i);
  int32_t before = buffered(h);
  uint32_t blocks = twc_free_blocks(m->core);
  int32_t result = tw_http_respond(h->handle, 200, "text/plain", body, size);
  sent(m, h, result, before, blocks);
  h->answer = result < 0;
}

static void send_some(sim_machine *m, sim_handle *h) {
  if (h->link == NULL || !h->is_open || h->closed || h->finished)
    return;
  if (h->role == SIM_STREAM)
    send_stream(m, h);
  else if (h->role == SIM_WS && sim_range(m->sim, 16) != 0)
    send_message(m, h);
  else if (h->role == SIM_WS)
    send_ping(m, h);
  else if (h->role == SIM_HTTP_CLIENT)
    send_request(m, h);
}

/* What an application does in a listener: nothing mostly, else an answer, or it closes the handle. */
static void react(sim_machine *m, sim_handle *h) {
  uint32_t what = sim_range(m->sim, 64);
  if (what == 0 && !m->sim->ending)
    close_handle(m, h);
  else if (what < 16)
    send_some(m, h);
}

/* ---- Listeners ---- */

static void connected(sim_machine *m, int32_t handle) {
  sim_handle *h = must_know(m, handle);
  if (h->role == SIM_LISTENER)
    return;
  sim_check(m->sim, !h->is_open && !h->closed && h->link != NULL, "\"connected\" comes once");
  h->is_open = true;
  react(m, h);
}

/* The first report behind garbage. */
static void check_prompt(const sim_machine *m, sim_end *end) {
  const sim *s = m->sim;
  sim_check(m->sim, !end->garbled || s->ending || s->faults.pause > 0 || s->now - end->garbled_at < AT_ONCE,
            "a peer that breaks the protocol is reported at once");
  end->garbled = false;
}

static void disconnected(sim_machine *m, int32_t handle, int32_t retry_ms, uint32_t unsent) {
  sim_handle *h = must_know(m, handle);
  if (h->role == SIM_LISTENER)
    return;
  sim_check(m->sim, !h->closed || retry_ms == -1, "a handle that was closed announces no attempt");
  sim_check(m->sim, retry_ms == -1 || h->reconnects, "an attempt that was not asked for");
  if (h->is_open && h->link != NULL && h->role == SIM_STREAM)
    sim_check(m->sim, sim_end_of(h)->sent - h->link->pipes[1 - h->side].total == unsent,
              "unsent is not what the host never took");
  if (h->is_open && h->link != NULL)
    check_prompt(m, sim_end_of(h));
  h->is_open = h->drain = h->busy = h->answer = h->finished = h->ending = false;
  h->request = 0;
  bool owned = h->role == SIM_WS && h->side == 1; /* by the server, which closes it */
  end_link(h);
  if (h->closed || owned)
    forget(h);
}

static void failed(sim_machine *m, int32_t handle, int32_t code, int32_t retry_ms) {
  sim_handle *h = must_know(m, handle);
  sim_check(m->sim, code < 0, "an error has a code");
  if (h->role == SIM_LISTENER)
    return;
  sim_check(m->sim, !h->closed, "an error of a handle that was closed");
  if (h->is_open && h->link != NULL)
    check_prompt(m, sim_end_of(h));
  h->ending = h->is_open || retry_ms == -1;
  if (!m->sim->ending && sim_range(m->sim, 8) == 0)
    close_handle(m, h);
}

static void drained(sim_machine *m, int32_t handle) {
  sim_handle *h = must_be_open(m, handle);
  sim_check(m->sim, h->drain, "\"drain\" without a refused send");
  h->drain = false;
  if (h->role == SIM_HTTP_SERVER)
    respond(m, h);
  else
    send_some(m, h);
}

static void on_net_connected(const NetConnected *e, void *ctx) { connected(ctx, e->sock); }
static void on_net_disconnected(const NetDisconnected *e, void *ctx) {
  disconnected(ctx, e->sock, e->retry_ms, e->unsent);
}
static void on_net_error(const NetError *e, void *ctx) { failed(ctx, e->sock, e->code, e->retry_ms); }
static void on_net_drain(const NetDrain *e, void *ctx) { drained(ctx, e->sock); }
static void on_ws_disconnected(const WsDisconnected *e, void *ctx) {
  disconnected(ctx, e->conn, e->retry_ms, e->unsent);
}
static void on_ws_error(const WsError *e, void *ctx) { failed(ctx, e->conn, e->code, e->retry_ms); }
static void on_ws_drain(const WsDrain *e, void *ctx) { drained(ctx, e->conn); }

/* Bytes of a response: its head, then as many as Content-Length says. */
static void read_response(sim_machine *m, sim_handle *h, const char *data, uint32_t size) {
  sim_check(m->sim, h->busy, "a response without a request");
  for (uint32_t i = 0; i < size; i++) {
    if (h->section > 0) {
      sim_check(m->sim, (uint8_t)data[i] == sim_message_byte(h->request + 1, h->body), "a body belongs to its request");
      h->busy = ++h->body < h->section;
      sim_check(m->sim, h->busy || i + 1 == size, "bytes behind a response");
      continue;
    }
    sim_check(m->sim, h->head_size + 1 < sizeof h->head, "a head is larger than it can be");
    h->head[h->head_size++] = data[i];
    h->head[h->head_size] = 0;
    if (strstr(h->head, "\r\n\r\n") == NULL)
      continue;
    if (memcmp(h->head, "HTTP/1.1 408 ", 13) == 0) /* the end of the connection follows */
      return;
    if (memcmp(h->head, "HTTP/1.1 503 ", 13) == 0) {
      sim_check(m->sim, m->sim->faults.call_failure > 0, "a request is refused, and there was memory");
      return;
    }
    const char *length = strstr(h->head, "Content-Length: ");
    sim_check(m->sim, memcmp(h->head, "HTTP/1.1 200 ", 13) == 0 && length != NULL, "a request is answered by 200");
    h->section = (uint32_t)strtoul(length + 16, NULL, 10);
    sim_check(m->sim, h->section == 4 + h->request % (BODY - 4), "a response has the length that it was sent with");
  }
}

static void on_net_data(const NetData *e, void *ctx) {
  sim_machine *m = ctx;
  sim_handle *h = must_be_open(m, e->sock);
  sim_check(m->sim, e->data[e->size] == 0, "a NUL follows what was received");
  m->sim->delivered += e->size;
  if (h->role == SIM_HTTP_CLIENT) {
    read_response(m, h, e->data, e->size);
    return;
  }
  sim_end *end = sim_end_of(h);
  sim_check(m->sim, e->size <= sim_peer_of(h)->sent - end->received, "more bytes arrive than were sent");
  for (uint32_t i = 0; i < e->size; i++)
    sim_check(m->sim, (uint8_t)e->data[i] == sim_stream_byte(h, 1 - h->side, end->received + i),
              "a byte is another one");
  end->received += e->size;
  react(m, h);
}

static void on_message(const WsMessage *e, void *ctx) {
  sim_machine *m = ctx;
  sim_handle *h = must_be_open(m, e->conn);
  sim_end *end = sim_end_of(h);
  sim_check(m->sim, h->role == SIM_WS && e->message[e->size] == 0, "a NUL follows a message");
  sim_check(m->sim, e->first == (end->at == 0), "a message begins once");
  for (uint32_t i = 0; i < e->size; i++)
    sim_check(m->sim, (uint8_t)e->message[i] == sim_message_byte(end->received, end->at + i),
              "a message is another one");
  m->sim->delivered += e->size;
  end->at += e->size;
  if (e->final) {
    end->at = 0;
    end->received++;
    sim_check(m->sim, end->received <= sim_peer_of(h)->sent, "more messages arrive than were sent");
    react(m, h);
  }
}

static void on_closing(const WsClosing *e, void *ctx) {
  sim_handle *h = must_know(ctx, e->conn);
  h->ending = true;
}

static void on_ws_connected(const WsConnected *e, void *ctx) {
  sim_machine *m = ctx;
  sim_handle *h = must_know(m, e->conn);
  if (h->role == SIM_HTTP_SERVER) { /* its request was the handshake */
    h->role = SIM_WS;
    h->is_open = false;
    sim_end_of(h)->over = false;
  }
  connected(m, e->conn);
}

static void on_request(const HttpRequest *e, void *ctx) {
  sim_machine *m = ctx;
  unsigned number = 0;
  if (e->upgrade)
    return; /* the server accepts it */
  sim_handle *h = must_know(m, e->sock);
  h->is_open = true;
  sim_check(m->sim, h->role == SIM_HTTP_SERVER && !h->answer, "a request while one is being answered");
  sim_check(m->sim, sscanf(e->target, "/%u", &number) == 1 && number == h->request + 1, "requests come in order");
  for (uint32_t i = 0; i < e->size; i++)
    sim_check(m->sim, (uint8_t)e->body[i] == sim_message_byte(number, i), "a body belongs to its request");
  h->request = number;
  respond(m, h);
}

static void on_http_drain(const HttpDrain *e, void *ctx) { drained(ctx, e->sock); }
static void on_http_error(const HttpError *e, void *ctx) {
  sim_machine *m = ctx;
  sim_check(m->sim, e->code < 0, "an error has a code");
}

static void register_stream(sim_machine *m, int32_t handle) {
  tw_net_on(handle, on_net_connected, m);
  tw_net_on(handle, on_net_disconnected, m);
  tw_net_on(handle, on_net_error, m);
  tw_net_on(handle, on_net_drain, m);
  int32_t result = tw_net_on(handle, on_net_data, m);
  sim_check(m->sim, result == 0, "a listener can be added");
}

static void register_web(sim_machine *m, int32_t handle) {
  tw_ws_on(handle, on_ws_connected, m);
  tw_ws_on(handle, on_ws_disconnected, m);
  tw_ws_on(handle, on_ws_error, m);
  tw_ws_on(handle, on_ws_drain, m);
  tw_ws_on(handle, on_closing, m);
  int32_t result = tw_ws_on(handle, on_message, m);
  sim_check(m->sim, result == 0, "a listener can be added");
}

static void on_accepted(const NetAccepted *e, void *ctx) {
  sim_machine *m = ctx;
  sim_handle *h = must_know(m, e->sock);
  register_stream(m, e->sock);
  if (!m->sim->ending && sim_range(m->sim, 32) == 0)
    close_handle(m, h);
}

/* ---- Calls ---- */

void sim_program_start(sim_machine *m) {
  api_use(m);
  sim_handle *h = remember(m, tw_net_tcp_listen("", SIM_STREAM_PORT), SIM_LISTENER);
  if (h != NULL)
    tw_net_on(h->handle, on_accepted, m);
  h = remember(m, tw_http_listen("", SIM_WEB_PORT, &serving), SIM_LISTENER);
  if (h == NULL)
    return;
  tw_http_on(h->handle, on_request, m);
  tw_http_on(h->handle, on_http_drain, m);
  tw_http_on(h->handle, on_http_error, m);
  register_web(m, h->handle);
}

static void open_one(sim_machine *m) {
  static const uint32_t delays[] = {10, 100, 1000};
  uint32_t which = sim_range(m->sim, 3);
  int32_t handle = which == 0   ? tw_ws_open("ws://host:2/chat")
                   : which == 1 ? tw_net_tcp_connect("host", SIM_STREAM_PORT)
                                : tw_net_tcp_connect("host", SIM_WEB_PORT);
  sim_handle *h = remember(m, handle, which == 0 ? SIM_WS : which == 1 ? SIM_STREAM : SIM_HTTP_CLIENT);
  if (h == NULL) {
    sim_check(m->sim, handle == -1 && tw_last_error() < 0, "a call that fails has an error");
    return;
  }
  if (which == 0)
    register_web(m, handle);
  else
    register_stream(m, handle);
  if (sim_range(m->sim, 3) != 0)
    return;
  h->reconnects = (which == 0 ? tw_ws_set_auto_reconnect(handle, true) : tw_net_set_auto_reconnect(handle, true)) == 0;
  if (which == 0)
    tw_ws_set_reconnect_delays_ms(handle, delays, 3);
  else
    tw_net_set_reconnect_delays_ms(handle, delays, 3);
}

static void change_one(sim_machine *m, sim_handle *h) {
  bool web = h->role == SIM_WS;
  switch (sim_range(m->sim, 4)) {
  case 0:
    h->receiving = false;
    sim_hold_back(h);
    (void)(web ? tw_ws_pause(h->handle) : tw_net_pause(h->handle));
    break;
  case 1:
    if (h->is_open && h->role == SIM_STREAM && !h->finished)
      h->finished = tw_net_shutdown(h->handle) == 0;
    break;
  case 2:
    close_handle(m, h);
    break;
  default: /* who stops and forgets to go on starves only itself, but a life is more than that */
    h->receiving = true;
    (void)(web ? tw_ws_resume(h->handle) : tw_net_resume(h->handle));
    break;
  }
}

void sim_program_act(sim_machine *m) {
  api_use(m);
  if (sim_range(m->sim, 32) == 0) {
    open_one(m);
    return;
  }
  uint32_t first = sim_range(m->sim, SIM_SLOTS);
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_handle *h = &m->handles[(first + i) % SIM_SLOTS];
    if (h->role < SIM_STREAM || h->role == SIM_HTTP_SERVER || h->closed)
      continue;
    int32_t state = h->role == SIM_WS ? tw_ws_state(h->handle) : tw_net_state(h->handle);
    if (state == TW_STATE_CLOSED && !h->is_open)
      close_handle(m, h);
    else if (sim_range(m->sim, 24) == 0)
      change_one(m, h);
    else
      send_some(m, h);
    return;
  }
}

void sim_program_garbled(sim_machine *m, int32_t handle) {
  const sim_handle *h = sim_known(m, handle);
  if (h == NULL || h->role != SIM_WS || !h->is_open || h->closed || h->ending || h->link == NULL)
    return;
  if (!h->receiving || h->drain) /* it may still have to answer what came before */
    return;
  sim_end_of(h)->garbled = true;
  sim_end_of(h)->garbled_at = m->sim->now;
}

void sim_program_garble(sim_machine *m) {
  uint32_t first = sim_range(m->sim, SIM_SLOTS);
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    const sim_handle *h = &m->handles[(first + i) % SIM_SLOTS];
    if (h->role != SIM_WS || !h->is_open || h->closed || h->ending || h->link == NULL)
      continue;
    if (twc_buffered(m->core, h->handle) == 0) /* what was written ends with a whole frame */
      sim_network_garble(m->sim, h->link, 1 - h->side);
    return;
  }
}

/* The servers end what they have accepted. */
void sim_program_close(sim_machine *m) {
  api_use(m);
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_handle *h = &m->handles[i];
    bool owned = h->role == SIM_HTTP_SERVER || (h->role == SIM_WS && h->side == 1);
    if (h->role != SIM_NONE && !owned && !h->closed)
      close_handle(m, h);
  }
}

void sim_program_check_empty(sim_machine *m) {
  sim *s = m->sim;
  int32_t opened[SIM_SLOTS];
  tw_handles *handles = api_use(m);
  sim_check(s, tw_handles_open_handles(handles) == 0, "a wait does not end: a handle is open at the end");
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_role role = m->handles[i].role;
    sim_check(s, role == SIM_NONE || role == SIM_HTTP_SERVER, "a wait does not end: a handle has no last event");
    sim_check(s, !m->sockets[i].open, "a socket is open at the end");
  }
  sim_check(s, twc_wait(m->core) == TW_FOREVER, "a timer runs at the end");
  sim_check(s, twc_free_blocks(m->core) == sim_limits.sendPool / sim_limits.blockSize, "a block is missing at the end");
  sim_check(s, api_held(m) == 0, "an allocation is not given back");
  for (uint32_t i = 0; i < sim_limits.sockets; i++) {
    opened[i] = tw_net_udp_open(0);
    sim_check(s, opened[i] > 0, "a slot is missing at the end");
  }
  for (uint32_t i = 0; i < sim_limits.sockets; i++)
    tw_net_close(opened[i]);
  api_release(m);
}
