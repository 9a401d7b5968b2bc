/* deflate_miniz.c: inflates messages by miniz. See deflate.h.
 *
 * There is no compressor: miniz's takes 160 KiB. A message is sent as it is, which permessage-deflate allows (RFC 7692
 * 6.1). miniz inflates into a window that wraps; what it has written is copied from there. */
#include "deflate.h"

#include <string.h>

#include "esp_heap_caps.h"
#include "miniz.h"

typedef struct decompressor {
  tinfl_decompressor state;
  uint32_t mask; /* of a place in the window */
  uint32_t next; /* where miniz goes on */
  uint32_t from; /* what was written and not copied yet */
  uint32_t owed; /* its bytes; it does not wrap */
  bool more;     /* miniz has more to write without any input */
  bool ended;    /* the last byte taken ended the last block */
  uint8_t window[];
} decompressor;

static void *open_compressor(uint32_t bits, uint32_t level, uint32_t mem_level) {
  (void)bits, (void)level, (void)mem_level;
  return NULL;
}

static void *open_decompressor(uint32_t bits) {
  uint32_t window = 1u << bits;
  decompressor *it = heap_caps_realloc(NULL, sizeof *it + window, MALLOC_CAP_8BIT);
  if (it == NULL)
    return NULL;
  memset(it, 0, sizeof *it + window);
  tinfl_init(&it->state);
  it->mask = window - 1;
  return it;
}

static void close_decompressor(void *stream) { heap_caps_free(stream); }

static uint32_t copy_owed(decompressor *it, void *to, uint32_t room) {
  uint32_t size = it->owed < room ? it->owed : room;
  memcpy(to, it->window + it->from, size);
  it->from += size;
  it->owed -= size;
  return size;
}

/* A block that is marked as the last one ends what miniz reads, but not what the peer refers back to (RFC
 * 7692 7.2.3.4), and not always the message: bytes that miniz has read ahead are given back. */
static void begin_again(decompressor *it, const uint8_t **data, uint32_t *size, uint32_t taken) {
  uint32_t ahead = it->state.m_num_bits / 8;
  ahead = ahead < taken ? ahead : taken;
  *data -= ahead;
  *size += ahead;
  tinfl_init(&it->state);
  it->ended = *size == 0;
}

/* One call of miniz. Returns whether it could read what there is. */
static bool inflate_once(decompressor *it, const uint8_t **data, uint32_t *size) {
  size_t taken = *size;
  size_t written = it->mask + 1 - it->next; /* miniz wants the rest of the window, a power of two in all */
  tinfl_status status = tinfl_decompress(&it->state, *data, &taken, it->window, it->window + it->next, &written,
                                         TINFL_FLAG_HAS_MORE_INPUT);
  *data += taken;
  *size -= (uint32_t)taken;
  it->from = it->next;
  it->owed = (uint32_t)written;
  it->next = (it->next + it->owed) & it->mask;
  it->more = status == TINFL_STATUS_HAS_MORE_OUTPUT;
  if (status == TINFL_STATUS_DONE)
    begin_again(it, data, size, (uint32_t)taken);
  return status >= TINFL_STATUS_DONE;
}

static int32_t inflate_some(void *stream, const uint8_t **data, uint32_t *size, void *to, uint32_t room) {
  decompressor *it = stream;
  uint32_t filled = 0;
  it->ended = it->ended && *size == 0;
  for (;;) {
    filled += copy_owed(it, (uint8_t *)to + filled, room - filled);
    if (it->owed > 0 || (*size == 0 && !it->more))
      return (int32_t)filled;
    if (!inflate_once(it, data, size))
      return TW_ERR_WS_DEFLATE;
  }
}

static bool has_ended(const void *stream) { return ((const decompressor *)stream)->ended; }

void tw_esp_deflate_use(tw_handles *handles) {
  static const tw_deflate_library library = {.open_compressor = open_compressor,
                                             .open_decompressor = open_decompressor,
                                             .close_decompressor = close_decompressor,
                                             .inflate = inflate_some,
                                             .has_ended = has_ended};
  tw_handles_set_deflate(handles, &library);
}
