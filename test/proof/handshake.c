/* handshake.c: what a client reads of the answer to its handshake, from every state that it can be in: any tokens of
 * the parser of heads, with arbitrary bytes; and the list of offers, of any bytes. */
#include "proto/ws/handshake.c"

#include "any_head.h"

enum { SIZE = 2, OFFERS = 4 };

static tw_core core;
static tw_slot slot;
static tw_ws ws;

void twc_chain_copy(const tw_pool *pool, const tw_chain *chain, uint32_t at, void *to, uint32_t size) {
  (void)pool;
  //@ assert exists: at + size <= chain->size;
  (void)chain, (void)at;
  //@ assert room: \valid((uint8_t *)to + (0 .. size - 1));
  for (uint32_t i = 0; i < size; i++)
    ((uint8_t *)to)[i] = any_byte;
}
void twc_sha1(const void *data, uint32_t size, uint8_t digest[20]) {
  //@ assert hashed: \valid_read((uint8_t *)data + (0 .. size - 1));
  (void)data, (void)size;
  any_bytes(digest, 20);
}
void twc_base64(const void *data, uint32_t size, char *text) {
  (void)data;
  any_bytes((uint8_t *)text, (size + 2) / 3 * 4);
}
void twc_ws_refused(tw_core *it, tw_slot *of, int32_t error, uint32_t detail) {
  (void)it, (void)of, (void)error, (void)detail;
}
void twc_ws_ready(tw_core *it, tw_slot *of, tw_ws *own) { (void)it, (void)of, (void)own; }
static void report(tw_core *it, const tw_slot *of, const uint8_t *from, const uint8_t *to, bool whole) {
  (void)it, (void)of, (void)whole;
  //@ assert part: from <= to;
  (void)from, (void)to;
}
static void keep_answer(tw_ws_response *response, char byte, bool space) { (void)response, (void)byte, (void)space; }
static bool read_answer(tw_ws *own) { return (void)own, any_byte != 0; }

int main(void) {
  static const tw_ws_deflate_ops deflate = {.keep_answer = keep_answer, .read_answer = read_answer};
  uint8_t bytes[SIZE];
  tw_ws_response *response = &ws.in.response;
  any_bytes(bytes, SIZE);
  any_bytes(any_part, PART_SIZE);
  core.report_head = report;
  core.deflate = &deflate;
  ws.options = any_byte;
  ws.offered = any_byte;
  ws.protocols.size = any_up_to(OFFERS);
  ws.chosen_at = any_number;
  response->status = (uint16_t)Frama_C_interval(0, 999);
  response->field = any_byte == 0 ? IN_NAME : (uint16_t)any_word();
  response->seen = any_byte;
  response->place = (uint8_t)Frama_C_interval(TW_VALUE_START, TW_VALUE_SPACE);
  response->at = any_number;
  any_bytes((uint8_t *)response->accept, sizeof response->accept);
  response->reported = any_byte != 0;
  uint32_t size = any_up_to(SIZE);
  uint32_t used = twc_ws_answer(&core, &slot, &ws, bytes + (SIZE - size), size); /* nothing is behind the piece */
  //@ assert consumed: used <= size;
  char name[SIZE];
  any_bytes((uint8_t *)name, SIZE);
  uint32_t name_size = any_up_to(SIZE);
  return twc_ws_offers(&core, &ws, name + (SIZE - name_size), name_size);
}
