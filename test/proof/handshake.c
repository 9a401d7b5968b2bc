/* handshake.c: what a server answers to the handshake, token by token, from every state that the client can be in; and
 * the parts of the server's side that read a request. */
#include "proto/ws/handshake.c"

#include "any.h"

enum { TEXT = 3, OFFERS = 4, WORDS = 11 };

int Frama_C_interval(int least, int most);

void twc_chain_copy(const tw_pool *pool, const tw_chain *chain, uint32_t at, void *to, uint32_t size) {
  (void)pool;
  //@ assert exists: at + size <= chain->size;
  (void)chain, (void)at;
  //@ assert room: \valid((uint8_t *)to + (0 .. size - 1));
  for (uint32_t i = 0; i < size; i++)
    ((uint8_t *)to)[i] = any_byte;
}
void twc_sha1(const void *data, size_t size, uint8_t digest[20]) {
  (void)data, (void)size;
  any_bytes(digest, 20);
}
void twc_base64(const void *data, uint32_t size, char *text) {
  (void)data;
  any_bytes((uint8_t *)text, (size + 2) / 3 * 4);
}

static tw_core core;
static tw_ws ws;
static uint8_t bytes[TEXT];

int main(void) {
  tw_ws_response *response = &ws.in.response;
  ws.protocols.size = any_up_to(OFFERS);
  ws.chosen_at = any_up_to(OFFERS);
  response->status = any_up_to(1) == 0 ? 101 : 200;
  uint32_t word = any_up_to(WORDS + 1);
  response->field = (uint16_t)(word == WORDS + 1 ? IN_NAME : word == WORDS ? 0 : 1u << word);
  response->seen = any_byte;
  response->place = (uint8_t)any_up_to(TW_VALUE_SPACE);
  response->at = any_up_to(1) == 0 ? TW_MISMATCH : (uint32_t)any_up_to(OFFERS);
  any_bytes((uint8_t *)response->accept, sizeof response->accept);
  uint32_t matching = any_up_to(WORDS - 1);
  response->words.matching = (uint16_t)(1u << matching);
  response->words.matched = (uint8_t)any_up_to(3);
  any_bytes(bytes, TEXT);
  /*@ loop unroll 3; */
  for (uint32_t i = 0; i < TEXT; i++)
    if (bytes[i] == 0)
      bytes[i] = 1;
  tw_head_token token = {.type = (tw_head_type)any_up_to(TW_HEAD_END),
                         .number = (uint16_t)any_up_to(1),
                         .minor = any_byte,
                         .data = bytes,
                         .size = 1 + any_up_to(TEXT - 1)};
  return take_token(&core, &ws, response, &token);
}
