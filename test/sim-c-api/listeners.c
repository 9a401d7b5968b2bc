/* listeners.c: the listeners of an application: what arrives is what the peer has sent, in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

enum { AT_ONCE = 1000 };

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

/* What an application does in a listener: nothing mostly, else an answer, or it closes the handle. */
static void react(sim_machine *m, sim_handle *h) {
  uint32_t what = sim_range(m->sim, 64);
  if (what == 0 && !m->sim->ending)
    program_close_handle(m, h);
  else if (what < 16)
    program_send_some(m, h);
}

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
  program_end_link(h);
  if (h->closed || owned)
    program_forget(h);
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
    program_close_handle(m, h);
}

static void drained(sim_machine *m, int32_t handle) {
  sim_handle *h = must_be_open(m, handle);
  sim_check(m->sim, h->drain, "\"drain\" without a refused send");
  h->drain = false;
  if (h->role == SIM_HTTP_SERVER)
    program_respond(m, h);
  else
    program_send_some(m, h);
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
  program_respond(m, h);
}

static void on_http_drain(const HttpDrain *e, void *ctx) { drained(ctx, e->sock); }
static void on_http_error(const HttpError *e, void *ctx) {
  sim_machine *m = ctx;
  sim_check(m->sim, e->code < 0, "an error has a code");
}

void program_add_net_listeners(sim_machine *m, int32_t handle) {
  tw_net_on(handle, on_net_connected, m);
  tw_net_on(handle, on_net_disconnected, m);
  tw_net_on(handle, on_net_error, m);
  tw_net_on(handle, on_net_drain, m);
  int32_t result = tw_net_on(handle, on_net_data, m);
  sim_check(m->sim, result == 0, "a listener can be added");
}

void program_add_ws_listeners(sim_machine *m, int32_t handle) {
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
  program_add_net_listeners(m, e->sock);
  if (!m->sim->ending && sim_range(m->sim, 32) == 0)
    program_close_handle(m, h);
}

void program_add_accept_listener(sim_machine *m, int32_t handle) { tw_net_on(handle, on_accepted, m); }

void program_add_http_listeners(sim_machine *m, int32_t handle) {
  tw_http_on(handle, on_request, m);
  tw_http_on(handle, on_http_drain, m);
  tw_http_on(handle, on_http_error, m);
  program_add_ws_listeners(m, handle);
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
