/* receive.c: the events of an application: what arrives is what the peer has sent, in order. */
#include <stdio.h>
#include <string.h>

#include "program.h"

enum { AT_ONCE = 1000 };

static const uint8_t *bytes_of(const sim_machine *m, const tw_event *event) {
  return (const uint8_t *)m->core + event->data;
}

static void on_data(sim_machine *m, sim_handle *h, const tw_event *event) {
  const uint8_t *bytes = bytes_of(m, event);
  sim_end *end = sim_end_of(h);
  sim_check(m->sim, h->role == SIM_STREAM, "bytes behind an HTTP message that no one has sent");
  sim_check(m->sim, event->size <= sim_peer_of(h)->sent - end->received, "more bytes arrive than were sent");
  for (uint32_t i = 0; i < event->size; i++)
    sim_check(m->sim, bytes[i] == sim_stream_byte(h, 1 - h->side, end->received + i), "a byte is another one");
  end->received += event->size;
}

static void on_message(sim_machine *m, sim_handle *h, const tw_event *event) {
  const uint8_t *bytes = bytes_of(m, event);
  sim_end *end = sim_end_of(h);
  sim_check(m->sim, ((event->flags & TW_FLAG_FIRST) != 0) == (end->at == 0), "a message begins once");
  for (uint32_t i = 0; i < event->size; i++)
    sim_check(m->sim, bytes[i] == sim_message_byte(end->received, end->at + i), "a message is another one");
  end->at += event->size;
  if ((event->flags & TW_FLAG_FINAL) == 0)
    return;
  end->at = 0;
  end->received++;
  sim_check(m->sim, end->received <= sim_peer_of(h)->sent, "more messages arrive than were sent");
  if (sim_range(m->sim, 4) == 0)
    program_send_some(m, h);
}

static void begin_serving(sim_machine *m, sim_handle *h) {
  h->head[h->head_size] = 0;
  if (strstr(h->head, "Upgrade: websocket") == NULL) {
    unsigned number = 0;
    const char *slash = strchr(h->head, '/');
    sim_check(m->sim, slash != NULL && sscanf(slash, "/%u", &number) == 1, "a request has its number");
    sim_check(m->sim, number == h->request + 1, "requests come in order");
    h->request = number;
    h->answer = true;
    program_send_response(m, h);
    return;
  }
  sim_check(m->sim, twc_ws_judge(h->head, h->head_size) == 101, "the core's own handshake is one");
  int32_t result = twc_ws_accept(m->core, h->handle, h->head, h->head_size, "", 0, "", 0, 0, 0);
  if (result == 0)
    h->role = SIM_WS;
  else
    program_close_handle(m, h);
}

static void on_http(sim_machine *m, sim_handle *h, const tw_event *event) {
  sim *s = m->sim;
  const uint8_t *bytes = bytes_of(m, event);
  bool server = h->role == SIM_HTTP_SERVER;
  sim_check(s, server || h->role == SIM_HTTP_CLIENT, "an HTTP message where there is none");
  if (event->type == TW_EVENT_HTTP_HEAD && server) {
    sim_check(s, h->head_size + event->size < sizeof h->head, "a head is larger than maxHead");
    memcpy(h->head + h->head_size, bytes, event->size);
    h->head_size += event->size;
  } else if (event->type == TW_EVENT_HTTP_BODY) {
    for (uint32_t i = 0; i < event->size; i++)
      sim_check(s, bytes[i] == sim_message_byte(h->request + server, h->body + i), "a body belongs to its message");
    h->body += event->size;
  }
  if (event->type != TW_EVENT_HTTP_END)
    return;
  sim_check(s, event->code == 0 || event->code == TW_ERR_ENDED, "a message of the core is good");
  if (event->code != 0)
    return; /* DISCONNECTED follows */
  if (server) {
    begin_serving(m, h);
    return;
  }
  sim_check(s, h->busy && h->body == 4 + h->request % (BODY - 4), "a response is whole");
  h->busy = false;
}

/* The first report behind garbage. */
static void check_prompt(sim *s, sim_end *end) {
  sim_check(s, !end->garbled || s->faults.pause > 0 || s->now - end->garbled_at < AT_ONCE,
            "a peer that breaks the protocol is reported at once");
  end->garbled = false;
}

void sim_program_garbled(sim_machine *m, int32_t handle) {
  const sim_handle *h = sim_known(m, handle);
  if (h == NULL || !h->is_open || h->closed || h->ending || h->link == NULL)
    return;
  if (h->window > 0 || !h->receiving || h->drain) /* it may still have to answer what came before */
    return;
  sim_end_of(h)->garbled = true;
  sim_end_of(h)->garbled_at = m->sim->now;
}

/* Whether a close code says that the peer gave up, so that it did not receive everything: RFC 6455 7.4.1. */
static bool is_refusal(int32_t code) { return code > 1000 && code < 3000 && code != 1005; }

static void on_disconnected(sim_machine *m, sim_handle *h, const tw_event *event) {
  sim *s = m->sim;
  sim_link *link = h->link;
  if (h->is_open && link != NULL) {
    sim_end *end = sim_end_of(h);
    check_prompt(s, end);
    end->clean = (event->flags & TW_FLAG_CLEAN) != 0 && !is_refusal(event->code);
    end->unsent = event->detail;
    end->prompt = m->sim->now - end->closed_at < sim_limits.closeTimeoutMs;
    if (h->role == SIM_STREAM) {
      sim_check(s, end->sent - link->pipes[1 - h->side].total == end->unsent, "unsent is not what the host never took");
      sim_check(s, !end->clean || end->unsent == 0, "a clean end, and something was not sent");
    }
  }
  sim_check(s, event->retry_ms == TW_FOREVER || h->reconnects, "an attempt that was not asked for");
  h->is_open = false;
  h->drain = h->busy = h->answer = h->finished = h->ending = false;
  h->unread = h->head_size = h->request = 0;
  program_end_link(m, h);
  if (h->closed)
    program_forget(m, h);
}

static void on_connected(sim_machine *m, sim_handle *h) {
  sim_check(m->sim, !h->is_open, "CONNECTED comes twice");
  h->is_open = true;
  if (h->floods) {
    h->receiving = false;
    twc_set_receiving(m->core, h->handle, 0);
  }
  if (h->role == SIM_HTTP_SERVER)
    sim_check(m->sim, twc_http_read(m->core, h->handle, TW_HTTP_READ_REQUEST, BODY) == 0, "a request is awaited");
}

static void consume(sim_machine *m, sim_handle *h, uint32_t size) {
  m->sim->delivered += size;
  if (h->window == 0)
    return;
  h->unread += size;
  if (sim_range(m->sim, 4) == 0)
    return; /* later */
  if (twc_consumed(m->core, h->handle, h->unread) == 1)
    m->pump_due = true;
  h->unread = 0;
}

void sim_program_event(sim_machine *m, const tw_event *event) {
  sim *s = m->sim;
  sim_handle *h = sim_known(m, event->handle);
  if (event->type == TW_EVENT_ACCEPTED)
    return;
  sim_check(s, h != NULL, "an event after the last one");
  sim_check(s, event->data <= SIM_ARENA && event->size <= SIM_ARENA - event->data, "an event's bytes lie in the arena");
  s->digest = (s->digest ^ event->type ^ (uint64_t)event->size << 8) * 0x100000001b3ull;
  switch (event->type) {
  case TW_EVENT_CONNECTED:
    on_connected(m, h);
    break;
  case TW_EVENT_DISCONNECTED:
    on_disconnected(m, h, event);
    break;
  case TW_EVENT_DATA:
    sim_check(s, h->is_open && !h->closed, "bytes on a connection that is open");
    on_data(m, h, event);
    consume(m, h, event->size);
    break;
  case TW_EVENT_MESSAGE:
    sim_check(s, h->is_open && !h->closed && h->role == SIM_WS, "a message on a WebSocket that is open");
    on_message(m, h, event);
    consume(m, h, event->size);
    break;
  case TW_EVENT_HTTP_HEAD:
  case TW_EVENT_HTTP_BODY:
  case TW_EVENT_HTTP_TRAILER:
  case TW_EVENT_HTTP_END:
    sim_check(s, h->is_open && !h->closed, "a message on a connection that is open");
    on_http(m, h, event);
    if (event->type == TW_EVENT_HTTP_BODY)
      consume(m, h, event->size);
    break;
  case TW_EVENT_DRAIN:
    sim_check(s, h->drain, "DRAIN without a refused send");
    h->drain = false;
    if (twc_state(m->core, h->handle) == TW_STATE_OPEN) /* else it was lost before this was reported */
      program_send_some(m, h);
    break;
  case TW_EVENT_ERROR:
    sim_check(s, event->code < 0, "an error has a code");
    h->ending = h->is_open;
    if (h->is_open && h->link != NULL)
      check_prompt(s, sim_end_of(h));
    if (!h->is_open)
      program_end_link(m, h);
    break;
  case TW_EVENT_CLOSE:
    h->ending = true;
    break;
  default:
    break;
  }
}
