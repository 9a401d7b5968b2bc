/* deflate_zlib.c: compression of WebSocket messages by zlib. See tw_deflate_library. */
#define ZLIB_CONST
#include <zlib.h>

#include "posix.h"

enum { WINDOW = 32768, DEFAULT_MEM_LEVEL = 8, FLUSH_ROOM = 16 };

typedef struct decompressor {
  z_stream z;
  bool ended;
} decompressor;

static void *allocate(void *opaque, unsigned items, unsigned size) {
  (void)opaque;
  return tw_posix_resize(NULL, (size_t)items * size);
}

static void give_back(void *opaque, void *memory) {
  (void)opaque;
  tw_posix_free(memory);
}

static void *open_compressor(uint32_t bits, uint32_t level, uint32_t mem_level) {
  z_stream *z = tw_posix_zeroed(1, sizeof *z);
  if (z == NULL)
    return NULL;
  z->zalloc = allocate;
  z->zfree = give_back;
  if (deflateInit2(z, level == 0 ? Z_DEFAULT_COMPRESSION : (int)level, Z_DEFLATED, -(int)bits,
                   mem_level == 0 ? DEFAULT_MEM_LEVEL : (int)mem_level, Z_DEFAULT_STRATEGY) == Z_OK)
    return z;
  tw_posix_free(z);
  return NULL;
}

static void close_compressor(void *stream) {
  deflateEnd(stream);
  tw_posix_free(stream);
}

static size_t bound(void *stream, uint32_t size) { return deflateBound(stream, size) + FLUSH_ROOM; }

static uint32_t compress_message(void *stream, const void *data, uint32_t size, void *to, uint32_t room) {
  z_stream *z = stream;
  z->next_in = data;
  z->avail_in = size;
  z->next_out = to;
  z->avail_out = room;
  bool whole = deflate(z, Z_SYNC_FLUSH) == Z_OK && z->avail_in == 0 && z->avail_out > 0;
  return whole ? room - z->avail_out : 0;
}

static void reset_compressor(void *stream) { deflateReset(stream); }

static void *open_decompressor(uint32_t bits) {
  decompressor *it = tw_posix_zeroed(1, sizeof *it);
  if (it == NULL)
    return NULL;
  it->z.zalloc = allocate;
  it->z.zfree = give_back;
  if (inflateInit2(&it->z, -(int)bits) == Z_OK)
    return it;
  tw_posix_free(it);
  return NULL;
}

static void close_decompressor(void *stream) {
  decompressor *it = stream;
  inflateEnd(&it->z);
  tw_posix_free(it);
}

/* A block that is marked as the last one ends what zlib reads, but not what the peer refers back to: RFC 7692 7.2.3.4.
 */
static int begin_again(z_stream *z) {
  uInt size = 0;
  Bytef *window = tw_posix_resize(NULL, WINDOW);
  if (window == NULL)
    return Z_MEM_ERROR;
  int result = inflateGetDictionary(z, window, &size);
  if (result == Z_OK)
    result = inflateReset(z);
  if (result == Z_OK)
    result = inflateSetDictionary(z, window, size);
  tw_posix_free(window);
  return result;
}

static int32_t inflate_some(void *stream, const uint8_t **data, uint32_t *size, void *to, uint32_t room) {
  decompressor *it = stream;
  z_stream *z = &it->z;
  int result;
  z->next_in = *data;
  z->avail_in = *size;
  z->next_out = to;
  z->avail_out = room;
  it->ended = it->ended && *size == 0;
  do {
    result = inflate(z, Z_SYNC_FLUSH);
    if (result == Z_STREAM_END) {
      result = begin_again(z);
      it->ended = z->avail_in == 0;
    }
  } while (result == Z_OK && z->avail_in > 0 && z->avail_out > 0);
  *data = z->next_in;
  *size = z->avail_in;
  if (result == Z_OK || result == Z_BUF_ERROR) /* the latter: it had nothing to do */
    return (int32_t)(room - z->avail_out);
  return result == Z_MEM_ERROR ? TW_ERR_MEMORY : TW_ERR_WS_DEFLATE;
}

static bool has_ended(const void *stream) { return ((const decompressor *)stream)->ended; }

const tw_deflate_library *tw_posix_deflate(void) {
  static const tw_deflate_library library = {
      .open_compressor = open_compressor,
      .close_compressor = close_compressor,
      .bound = bound,
      .compress = compress_message,
      .reset_compressor = reset_compressor,
      .open_decompressor = open_decompressor,
      .close_decompressor = close_decompressor,
      .inflate = inflate_some,
      .has_ended = has_ended,
  };
  return &library;
}
