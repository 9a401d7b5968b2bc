/* accept.c: what a server reads in the head of a handshake: any tokens of the parser of heads, with arbitrary bytes. */
#include "proto/ws/accept.c"

#include "any_head.h"

enum { SIZE = 5, NAME_SIZE = 2 };

uint32_t twc_ws_deflate_choose(uint32_t accepted, const char *text, uint32_t size) {
  //@ assert offers: size == 0 || \valid_read(text + (0 .. size - 1));
  (void)text, (void)size;
  return any_byte != 0 ? accepted : 0;
}

int main(void) {
  any_bytes(any_part, PART_SIZE);
  char head[SIZE];
  char protocol[NAME_SIZE];
  char key[TW_WS_KEY_TEXT];
  any_bytes((uint8_t *)head, SIZE);
  any_bytes((uint8_t *)protocol, NAME_SIZE);
  any_bytes((uint8_t *)key, TW_WS_KEY_TEXT);
  uint32_t size = any_up_to(SIZE);
  uint32_t name = any_up_to(NAME_SIZE);
  /* What is behind the texts is not there. */
  if (any_up_to(1) == 0) {
    read_head(head + (SIZE - size), size, (text){protocol + (NAME_SIZE - name), name}, any_number);
    return 0;
  }
  /* A key of any length. */
  uint32_t length = any_up_to(TW_WS_KEY_TEXT);
  opening said = {.upgrade = true, .connection = true, .hosts = 1, .keys = 1, .versions = 1};
  said.key = (text){key + (TW_WS_KEY_TEXT - length), length};
  said.version = (text){head + (SIZE - size), size};
  return verdict(&said);
}
