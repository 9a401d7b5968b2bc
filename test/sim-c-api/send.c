/* send.c: what an application sends: bytes, messages, pings, requests and responses; a refused send changes nothing. */
#include <stdio.h>
#include <string.h>

#include "program.h"

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

void program_respond(sim_machine *m, sim_handle *h) {
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

void program_send_some(sim_machine *m, sim_handle *h) {
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
