/* program.c: the application on each machine: streams, WebSockets and HTTP requests to the other one, at random; and
 * what has to hold:
 *
 *   - accepted bytes and messages arrive once, in order, and unchanged; a response belongs to its request
 *   - a clean end means that everything has arrived, and `unsent` is what the host never took
 *   - a refused send changes nothing, and DRAIN follows while the connection is open
 *   - whoever holds nothing of the pool can send something small, whatever the others do
 *   - who is given a message can answer it, and a peer that breaks the protocol is reported at once
 *   - nothing follows the last event, and every wait ends
 *   - at the end every block, slot and timer is free */
#include <stdio.h>
#include <string.h>

#include "sim.h"

enum { LARGEST = 500, WINDOW = 300, BODY = 900, SMALL = 40, AT_ONCE = 1000, FLOOD = 30 };

const char sim_arguments[] = "";

static sim_handle *remember(sim_machine *m, int32_t handle, sim_role role) {
  if (handle < 0)
    return NULL;
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  sim_check(m->sim, index < SIM_SLOTS && m->handles[index].role == SIM_NONE, "a new handle has the slot of another");
  sim_handle *h = &m->handles[index];
  *h = (sim_handle){.handle = handle, .role = role, .receiving = true};
  return h;
}

/* ---- Ends ---- */

static void compare_ends(sim *s, sim_link *link, bool web) {
  /* After closeTimeoutMs, or cut off from the peer, who closes cannot know whether all has arrived. */
  bool may_be_late = link->disturbed || s->faults.partition > 0 || s->faults.pause > 0;
  for (uint32_t side = 0; side < 2; side++) {
    const sim_end *from = &link->ends[side];
    const sim_end *to = &link->ends[1 - side];
    if (!link->accepted || to->closed)
      continue;
    /* The other end's clean end was the peer's: all that the peer accepted came before it. */
    if (to->clean && (!web || from->closed))
      sim_check(s, to->received == from->sent, "a clean end, and not everything has arrived");
    if (from->closed && from->clean && from->prompt && !from->aborted && !may_be_late)
      sim_check(s, to->received == from->sent, "a clean close, and not everything has arrived");
  }
}

static void end_link(sim_machine *m, sim_handle *h) {
  if (h->link == NULL)
    return;
  sim_link *link = h->link;
  sim_end *end = sim_end_of(h);
  h->link = NULL;
  if (end->over)
    return;
  end->over = true;
  if (link->ends[0].over && link->ends[1].over && (h->role == SIM_STREAM || h->role == SIM_WS))
    compare_ends(m->sim, link, h->role == SIM_WS);
  sim_link_release(link);
}

static void forget(sim_machine *m, sim_handle *h) {
  end_link(m, h);
  *h = (sim_handle){0};
}

void sim_program_attach(sim_machine *m, int32_t handle, sim_link *link, uint32_t side) {
  sim_handle *h = sim_known(m, handle);
  sim_check(m->sim, h != NULL, "a connection for a handle that the application does not know");
  end_link(m, h);
  h->link = link;
  h->side = side;
}

void sim_program_accepted(sim_machine *m, int32_t handle, sim_link *link) {
  sim_handle *h = remember(m, handle, link->port == SIM_STREAM_PORT ? SIM_STREAM : SIM_HTTP_SERVER);
  sim_check(m->sim, h != NULL, "an accepted connection has a handle");
  h->link = link;
  h->side = 1;
}

static void close_handle(sim_machine *m, sim_handle *h) {
  int32_t handle = h->handle;
  if (h->link != NULL) {
    sim_end_of(h)->closed = true;
    sim_end_of(h)->closed_at = m->sim->now;
  }
  uint32_t how = m->sim->ending ? 0 : sim_range(m->sim, 8);
  int32_t result = how == 1                       ? twc_abort(m->core, handle)
                   : h->role == SIM_WS && how > 1 ? twc_ws_close(m->core, handle, 3000, "why", 3)
                                                  : twc_close(m->core, handle);
  sim_check(m->sim, result == 0, "a handle can be closed");
  sim_check(m->sim, twc_close(m->core, handle) == TW_ERR_HANDLE, "a closed handle is stale at once");
  h->closed = true;
  if (how == 1 && h->link != NULL)
    sim_end_of(h)->aborted = true;
  if (!h->is_open)
    forget(m, h);
}

/* ---- Sending ---- */

static void sent(sim_machine *m, sim_handle *h, uint32_t size, int32_t result, int32_t before, uint32_t blocks) {
  if (result >= 0)
    return;
  sim_check(m->sim, result != TW_ERR_BACKPRESSURE || before > 0 || size > SMALL,
            "a connection that holds nothing can send something small");
  sim_check(m->sim, result != TW_ERR_STATE || h->role != SIM_WS || h->ending,
            "a WebSocket can send until its end is reported");
  sim_check(m->sim, twc_buffered(m->core, h->handle) == before && twc_free_blocks(m->core) == blocks,
            "a refused send changes nothing");
  sim_check(m->sim, result == TW_ERR_BACKPRESSURE || result == TW_ERR_STATE || result == TW_ERR_LIMIT,
            "a refused send has a reason that can be");
  if (result == TW_ERR_BACKPRESSURE) {
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
  int32_t before = twc_buffered(m->core, h->handle);
  uint32_t blocks = twc_free_blocks(m->core);
  int32_t result = twc_send(m->core, h->handle, bytes, size);
  sim_check(m->sim, result < 0 || (uint32_t)result == size, "a send is taken whole");
  sent(m, h, size, result, before, blocks);
  if (result > 0)
    end->sent += size;
}

static void send_message(sim_machine *m, sim_handle *h) {
  uint8_t bytes[LARGEST];
  sim_end *end = sim_end_of(h);
  bool goes_on = end->part > 0;
  uint32_t most = goes_on ? (LARGEST - end->part) / 2 : LARGEST;
  uint32_t size = (goes_on ? 0 : 4) + sim_range(m->sim, most > 4 ? most - 4 : 1);
  bool more = size > 0 && end->part < LARGEST / 2 && sim_range(m->sim, goes_on ? 2 : 8) == 0;
  for (uint32_t i = 0; i < size; i++)
    bytes[i] = sim_message_byte(end->sent, end->part + i);
  uint32_t flags = (sim_range(m->sim, 2) == 0 ? TW_SEND_TEXT : TW_SEND_BINARY) | (goes_on || more ? TW_SEND_PART : 0u) |
                   (more ? TW_SEND_MORE : 0u);
  int32_t before = twc_buffered(m->core, h->handle);
  uint32_t blocks = twc_free_blocks(m->core);
  int32_t result = twc_ws_send(m->core, h->handle, flags, bytes, size);
  sent(m, h, size, result, before, blocks);
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
  int32_t before = twc_buffered(m->core, h->handle);
  uint32_t blocks = twc_free_blocks(m->core);
  sent(m, h, 4, twc_ws_ping(m->core, h->handle, "ping", 4), before, blocks);
}

static void send_request(sim_machine *m, sim_handle *h) {
  char head[64];
  uint8_t body[BODY];
  if (h->busy)
    return;
  uint32_t number = h->request + 1;
  uint32_t size = sim_range(m->sim, 2) == 0 ? 0 : 4 + sim_range(m->sim, BODY - 4);
  int text = snprintf(head, sizeof head, "%s%c/%u%cHost%ch", size > 0 ? "POST" : "GET", 0, (unsigned)number, 0, 0);
  for (uint32_t i = 0; i < size; i++)
    body[i] = sim_message_byte(number, i);
  int32_t before = twc_buffered(m->core, h->handle);
  uint32_t blocks = twc_free_blocks(m->core);
  int32_t result = twc_http_send(m->core, h->handle, 0, 0, head, (uint32_t)text + 1, 1, body, size);
  sent(m, h, LARGEST, result, before, blocks);
  if (result < 0)
    return;
  h->request = number;
  h->busy = true;
  h->body = 0;
  sim_check(m->sim, twc_http_read(m->core, h->handle, TW_HTTP_READ_RESPONSE, BODY) == 0, "a response is awaited");
}

static void send_response(sim_machine *m, sim_handle *h) {
  static const char head[] = "OK";
  uint8_t body[BODY];
  if (!h->answer)
    return;
  uint32_t size = 4 + h->request % (BODY - 4);
  for (uint32_t i = 0; i < size; i++)
    body[i] = sim_message_byte(h->request, i);
  int32_t before = twc_buffered(m->core, h->handle);
  uint32_t blocks = twc_free_blocks(m->core);
  int32_t result = twc_http_send(m->core, h->handle, 0, 200, head, sizeof head, 0, body, size);
  sent(m, h, LARGEST, result, before, blocks);
  if (result < 0)
    return;
  h->answer = false;
  h->head_size = 0;
  h->body = 0;
  sim_check(m->sim, twc_http_read(m->core, h->handle, TW_HTTP_READ_REQUEST, BODY) == 0, "a request is awaited");
}

static void send_some(sim_machine *m, sim_handle *h) {
  if (h->link == NULL || !h->is_open || h->closed || h->finished)
    return;
  switch (h->role) {
  case SIM_STREAM:
    send_stream(m, h);
    break;
  case SIM_WS:
    for (uint32_t n = h->floods ? FLOOD : 0; n > 0 && !h->drain; n--)
      send_ping(m, h);
    if (h->floods)
      break;
    if (sim_range(m->sim, 16) == 0 || sim_chance(m->sim, m->sim->faults.pings))
      send_ping(m, h);
    else
      send_message(m, h);
    break;
  case SIM_HTTP_CLIENT:
    send_request(m, h);
    break;
  case SIM_HTTP_SERVER:
    send_response(m, h);
    break;
  default:
    break;
  }
}

/* ---- Receiving ---- */

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
    send_some(m, h);
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
    send_response(m, h);
    return;
  }
  sim_check(m->sim, twc_ws_judge(h->head, h->head_size) == 101, "the core's own handshake is one");
  int32_t result = twc_ws_accept(m->core, h->handle, h->head, h->head_size, "", 0, "", 0, 0, 0);
  if (result == 0)
    h->role = SIM_WS;
  else
    close_handle(m, h);
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
  end_link(m, h);
  if (h->closed)
    forget(m, h);
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
      send_some(m, h);
    break;
  case TW_EVENT_ERROR:
    sim_check(s, event->code < 0, "an error has a code");
    h->ending = h->is_open;
    if (h->is_open && h->link != NULL)
      check_prompt(s, sim_end_of(h));
    if (!h->is_open)
      end_link(m, h);
    break;
  case TW_EVENT_CLOSE:
    h->ending = true;
    break;
  default:
    break;
  }
}

/* ---- Calls ---- */

void sim_program_start(sim_machine *m) {
  for (uint32_t port = SIM_STREAM_PORT; port <= SIM_WEB_PORT; port++) {
    sim_handle *h = remember(m, twc_listen(m->core, TW_SOCKET_TCP_LISTENER, "", 0, (int32_t)port), SIM_LISTENER);
    sim_check(m->sim, h != NULL || m->sim->faults.call_failure > 0, "it can listen");
    if (h != NULL)
      h->port = port;
  }
  m->udp = twc_udp_open(m->core, SIM_UDP_PORT);
  remember(m, m->udp, SIM_UDP);
}

static void open_one(sim_machine *m) {
  static const uint32_t delays[] = {10, 100, 1000};
  static const char url[] = "ws://host:2/chat";
  uint32_t which = sim_range(m->sim, 3);
  int32_t handle = which == 0   ? twc_ws_connect(m->core, url, sizeof url - 1)
                   : which == 1 ? twc_tcp_connect(m->core, "host", 4, SIM_STREAM_PORT)
                                : twc_tcp_connect(m->core, "host", 4, SIM_WEB_PORT);
  sim_handle *h = remember(m, handle, which == 0 ? SIM_WS : which == 1 ? SIM_STREAM : SIM_HTTP_CLIENT);
  if (h == NULL)
    return;
  if (sim_range(m->sim, 3) == 0) {
    h->reconnects = twc_set_auto_reconnect(m->core, handle, 1) == 0;
    twc_set_reconnect_delays(m->core, handle, delays, 3);
  }
  if (sim_range(m->sim, 3) == 0 && twc_set_window(m->core, handle, WINDOW) == 0)
    h->window = WINDOW;
  if (which == 0 && sim_range(m->sim, 3) == 0)
    twc_ws_set_heartbeat(m->core, handle, 500, 5000);
  h->floods = which == 0 && sim_chance(m->sim, m->sim->faults.floods);
}

static void send_datagram(sim_machine *m) {
  uint8_t bytes[64];
  memset(bytes, 'd', sizeof bytes);
  if (m->udp > 0)
    twc_udp_send_to(m->core, m->udp, "10.0.0.2", 8, SIM_UDP_PORT, bytes, 1 + sim_range(m->sim, 63));
}

static void change_one(sim_machine *m, sim_handle *h) {
  int32_t due = 0;
  uint32_t what = sim_range(m->sim, 6);
  switch (h->floods && what != 3 ? 1 : what) {
  case 0:
    h->receiving = !h->receiving;
    sim_hold_back(h);
    due = twc_set_receiving(m->core, h->handle, h->receiving);
    break;
  case 1:
    if (h->window > 0) {
      due = twc_consumed(m->core, h->handle, h->unread);
      h->unread = 0;
    }
    break;
  case 2:
    if (h->is_open && h->role == SIM_STREAM && !h->finished)
      h->finished = twc_shutdown(m->core, h->handle) == 0;
    break;
  case 3:
    close_handle(m, h);
    return;
  default: /* who stops and forgets to go on starves only itself, but a life is more than that */
    if (!h->receiving) {
      h->receiving = true;
      due = twc_set_receiving(m->core, h->handle, 1);
    }
    break;
  }
  if (due == 1)
    m->pump_due = true;
}

void sim_program_act(sim_machine *m) {
  uint32_t first = sim_range(m->sim, SIM_SLOTS);
  switch (sim_range(m->sim, 32)) {
  case 0:
    open_one(m);
    return;
  case 1:
    send_datagram(m);
    return;
  default:
    break;
  }
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_handle *h = &m->handles[(first + i) % SIM_SLOTS];
    if (h->role < SIM_STREAM || h->closed)
      continue;
    int32_t state = twc_state(m->core, h->handle);
    if (state == TW_STATE_CLOSED)
      close_handle(m, h);
    else if (sim_range(m->sim, 24) == 0)
      change_one(m, h);
    else
      send_some(m, h);
    return;
  }
}

void sim_program_close(sim_machine *m) {
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_handle *h = &m->handles[i];
    if (h->role != SIM_NONE && !h->closed)
      close_handle(m, h);
  }
}

void sim_program_check_empty(sim_machine *m) {
  sim *s = m->sim;
  int32_t opened[SIM_SLOTS];
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_check(s, m->handles[i].role == SIM_NONE, "a wait does not end: a closed handle has no last event");
    sim_check(s, !m->sockets[i].open, "a socket is open at the end");
  }
  sim_check(s, twc_wait(m->core) == TW_FOREVER, "a timer runs at the end");
  sim_check(s, twc_free_blocks(m->core) == sim_limits.sendPool / sim_limits.blockSize, "a block is missing at the end");
  for (uint32_t i = 0; i < sim_limits.sockets; i++) {
    opened[i] = twc_udp_open(m->core, 0);
    sim_check(s, opened[i] > 0, "a slot is missing at the end");
  }
  for (uint32_t i = 0; i < sim_limits.sockets; i++)
    twc_close(m->core, opened[i]);
}
