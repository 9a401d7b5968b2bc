/* text.c: names, URLs and header lines that the core keeps for the life of a handle. */
#include "src/internal.h"

bool twc_text_put(tw_core *core, tw_chain *chain, const void *text, uint32_t size) {
  if (!twc_chain_fits(&core->text_pool, chain, size))
    return false;
  twc_chain_append(&core->text_pool, chain, text, size);
  return true;
}

bool twc_text_fits(const tw_core *core, uint32_t size) {
  tw_chain none;
  twc_chain_init(&none);
  return twc_chain_fits(&core->text_pool, &none, size);
}

uint32_t twc_text_decimal(char *to, uint32_t number) {
  char digits[10];
  uint32_t count = 0;
  do {
    digits[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  for (uint32_t i = 0; i < count; i++)
    to[i] = digits[count - 1 - i];
  return count;
}

bool twc_text_is_host(const char *host, uint32_t size) {
  if (size == 0 || size > TW_MAX_HOST)
    return false;
  for (uint32_t i = 0; i < size; i++)
    if ((uint8_t)host[i] <= ' ' || host[i] == 0x7f)
      return false;
  return true;
}

bool twc_text_is_path(const char *path, uint32_t size) {
  if (size == 0 || size > TW_MAX_PATH)
    return false;
  for (uint32_t i = 0; i < size; i++)
    if (path[i] == 0)
      return false;
  return true;
}
