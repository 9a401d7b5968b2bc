/* miniz.c: the inflating half of miniz, on zlib. As the real one it writes into a window that wraps, whose size has to
 * be a power of two, and it takes up to two bytes that follow the last block. */
#define ZLIB_CONST
#include <assert.h>
#include <string.h>
#include <zlib.h>

#include "miniz.h"

enum { INFLATING = 1, READ_AHEAD = 2 };

static void *allocate(void *opaque, unsigned items, unsigned size) {
  tinfl_decompressor *r = opaque;
  size_t bytes = ((size_t)items * size + 15) / 16 * 16;
  assert(r->used + bytes <= sizeof r->memory);
  void *memory = r->memory + r->used;
  r->used += bytes;
  return memory;
}

static void give_back(void *opaque, void *memory) { (void)opaque, (void)memory; }

/* The window's bytes are what the stream may refer back to. */
static void begin(tinfl_decompressor *r, z_stream *z, const mz_uint8 *start, size_t next, size_t window) {
  memset(z, 0, sizeof *z);
  r->used = 0;
  r->m_num_bits = 0;
  z->zalloc = allocate;
  z->zfree = give_back;
  z->opaque = r;
  assert(inflateInit2(z, -15) == Z_OK);
  inflateSetDictionary(z, start + next, (uInt)(window - next));
  inflateSetDictionary(z, start, (uInt)next);
  r->m_state = INFLATING;
}

tinfl_status tinfl_decompress(tinfl_decompressor *r, const mz_uint8 *pIn_buf_next, size_t *pIn_buf_size,
                              mz_uint8 *pOut_buf_start, mz_uint8 *pOut_buf_next, size_t *pOut_buf_size,
                              const mz_uint32 decomp_flags) {
  size_t next = (size_t)(pOut_buf_next - pOut_buf_start);
  size_t window = next + *pOut_buf_size;
  z_stream *z = (z_stream *)(void *)r->stream;
  _Static_assert(sizeof(z_stream) <= sizeof r->stream, "a place for zlib's stream");
  if ((window & (window - 1)) != 0 || decomp_flags != TINFL_FLAG_HAS_MORE_INPUT)
    return TINFL_STATUS_BAD_PARAM;
  if (r->m_state == 0)
    begin(r, z, pOut_buf_start, next, window);
  z->next_in = pIn_buf_next;
  z->avail_in = (uInt)*pIn_buf_size;
  z->next_out = pOut_buf_next;
  z->avail_out = (uInt)*pOut_buf_size;
  int result = inflate(z, Z_SYNC_FLUSH);
  if (result == Z_STREAM_END) {
    uInt ahead = z->avail_in < READ_AHEAD ? z->avail_in : READ_AHEAD;
    z->avail_in -= ahead;
    r->m_num_bits = 8 * ahead + 3;
  }
  *pIn_buf_size -= z->avail_in;
  *pOut_buf_size -= z->avail_out;
  if (result == Z_STREAM_END)
    return TINFL_STATUS_DONE;
  if (result != Z_OK && result != Z_BUF_ERROR)
    return TINFL_STATUS_FAILED;
  return z->avail_out == 0 ? TINFL_STATUS_HAS_MORE_OUTPUT : TINFL_STATUS_NEEDS_MORE_INPUT;
}
