/* signature.c: the hash of an event's declaration. */
#include "twinwire/core.h"

uint32_t twc_signature(const char *text, uint32_t size) {
  uint32_t hash = 0x811c9dc5;
  for (uint32_t i = 0; i < size; i++)
    hash = (hash ^ (uint8_t)text[i]) * 0x01000193;
  hash &= 0x7fffffff;
  return hash == 0 ? 1 : hash;
}
