/* send.c: what an application sends: bytes, messages, pings, requests and responses; a refused send changes nothing. */
#include <stdio.h>
#include <string.h>

#include "program.h"

enum { SMALL = 40, FLOOD = 30 };

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

void program_send_response(sim_machine *m, sim_handle *h) {
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

void program_send_some(sim_machine *m, sim_handle *h) {
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
    program_send_response(m, h);
    break;
  default:
    break;
  }
}
