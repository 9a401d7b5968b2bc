/* deflate.c: compressed messages, RFC 7692. The core agrees on them and marks frames, the host's library compresses;
 * here messages are taken to it and from it.
 *
 * A message is inflated as it comes, a piece at a time, up to the size that a message may have: what would be larger
 * ends the connection before it is in memory. A message to be sent is compressed within the call. If the core refuses
 * it then, the compressor starts afresh, as the peer will not have what it has seen: RFC 7692 7.2.1 leaves it to the
 * sender what it refers back to. */
#include "handles.h"

enum { ROOM = 65536, KEPT_ROOM = 65536, TAIL = 4, THRESHOLD = 1024 };
enum { LEAST_BITS = 9, MOST_BITS = 15, BITS = 15, CLIENT_SHIFT = 4, MOST_LEVEL = 9 };
enum { GONE = 1 }; /* a result: the application has closed the WebSocket */

struct tw_codec {
  tw_ws_deflate_options options;
  uint32_t most; /* bytes that a message may inflate to */
  bool server;
  void *compressor; /* NULL: none yet, or none between messages */
  void *decompressor;
  bool first;       /* nothing of the message has been passed on */
  bool empty;       /* no byte of it has come */
  uint32_t size;    /* bytes that it has inflated to */
  uint32_t counted; /* of them, those in handles->unfinished */
  uint32_t utf8;    /* twc_utf8_scan */
};

/* ---- Options -------------------------------------------------------------------------------------------------- */

static uint32_t bits_or_most(uint8_t bits) { return bits == 0 ? MOST_BITS : bits; }

static uint32_t parameters(const tw_ws_deflate_options *options) {
  return bits_or_most(options->server_max_window_bits) | bits_or_most(options->client_max_window_bits) << CLIENT_SHIFT |
         (options->server_no_context_takeover ? (uint32_t)TW_DEFLATE_SERVER_NO_CONTEXT_TAKEOVER : 0) |
         (options->client_no_context_takeover ? (uint32_t)TW_DEFLATE_CLIENT_NO_CONTEXT_TAKEOVER : 0);
}

static bool are_bits(uint8_t bits) { return bits == 0 || (bits >= LEAST_BITS && bits <= MOST_BITS); }

static int32_t check(const tw_ws_deflate_options *options) {
  bool right = are_bits(options->server_max_window_bits) && are_bits(options->client_max_window_bits) &&
               options->level <= MOST_LEVEL && options->mem_level <= MOST_LEVEL;
  return right ? 0 : TW_ERR_ARGUMENT;
}

/* Window bits of what one side compresses, from what was agreed upon. */
static uint32_t bits_of(uint32_t agreed, bool server) { return (server ? agreed : agreed >> CLIENT_SHIFT) & BITS; }

static bool takes_over(uint32_t agreed, bool server) {
  uint32_t fresh = server ? TW_DEFLATE_SERVER_NO_CONTEXT_TAKEOVER : TW_DEFLATE_CLIENT_NO_CONTEXT_TAKEOVER;
  return (agreed & fresh) == 0;
}

/* ---- Codecs --------------------------------------------------------------------------------------------------- */

static tw_codec *make(tw_handles *handles, const tw_ws_deflate_options *options, bool server, uint32_t most) {
  tw_codec *codec = tw_handles_resize(handles, NULL, sizeof *codec);
  if (codec == NULL)
    return NULL;
  *codec = (tw_codec){.options = *options, .most = most, .server = server};
  if (codec->options.threshold == 0)
    codec->options.threshold = THRESHOLD;
  return codec;
}

static int32_t offer(tw_handles *handles, tw_handles_slot *slot, const tw_ws_deflate_options *options) {
  tw_handles_join *join = tw_handles_join_of(handles, slot);
  join->codec = make(handles, options, false, handles->max_message);
  if (join->codec == NULL)
    return TW_ERR_MEMORY;
  return twc_ws_set_deflate(handles->core, slot->handle, parameters(options));
}

static void uncount(tw_handles *handles, tw_codec *codec) {
  handles->unfinished -= codec->counted;
  codec->counted = 0;
}

static void close_compressor(tw_handles *handles, tw_codec *codec) {
  if (codec->compressor != NULL)
    handles->deflate.library->close_compressor(codec->compressor);
  codec->compressor = NULL;
}

static void close_decompressor(tw_handles *handles, tw_codec *codec) {
  if (codec->decompressor != NULL)
    handles->deflate.library->close_decompressor(codec->decompressor);
  codec->decompressor = NULL;
}

static void ended(tw_handles *handles, tw_codec *codec) {
  close_compressor(handles, codec);
  close_decompressor(handles, codec);
  uncount(handles, codec);
}

static void forget(tw_handles *handles, tw_codec *codec) {
  ended(handles, codec);
  tw_handles_resize(handles, codec, 0);
}

static void release(tw_handles *handles) {
  tw_handles_deflate *deflate = &handles->deflate;
  if (deflate->spare != NULL)
    deflate->library->close_compressor(deflate->spare);
  if (deflate->inflated != NULL)
    tw_handles_resize(handles, deflate->inflated, 0);
  if (deflate->deflated != NULL)
    tw_handles_resize(handles, deflate->deflated, 0);
  *deflate = (tw_handles_deflate){.library = deflate->library};
}

/* ---- Receiving ------------------------------------------------------------------------------------------------ */

/* Bytes of a message on their way through handles->deflate.inflated. */
typedef struct inflation {
  tw_handles *handles;
  tw_handles_slot *slot;
  tw_codec *codec;
  int32_t handle;
  bool text;
  uint32_t filled;
} inflation;

/* Counts bytes that are kept until their message is complete, as the core counts those that were not compressed. */
static bool count(const inflation *it) {
  tw_handles *handles = it->handles;
  const tw_handles_join *join = tw_handles_join_of(handles, it->slot);
  if (join->parts || join->through)
    return true;
  if (it->filled > handles->max_unfinished - handles->unfinished)
    return false;
  handles->unfinished += it->filled;
  it->codec->counted += it->filled;
  return true;
}

/* Passes on what is inflated. Returns 0, an error, or GONE: `it` is of no more use. */
static int32_t pass_on(inflation *it, bool final) {
  tw_codec *codec = it->codec;
  char *data = it->handles->deflate.inflated;
  uint32_t size = it->filled;
  if (size == 0 && !final)
    return 0;
  if (it->text && (twc_utf8_scan(&codec->utf8, data, size) >= 0 || (final && codec->utf8 != 0)))
    return TW_ERR_WS_UTF8; /* RFC 6455 8.1 */
  if (!final && !count(it))
    return TW_ERR_OVERLOAD;
  if (final)
    uncount(it->handles, codec);
  uint32_t flags = (codec->first ? (uint32_t)TW_FLAG_FIRST : 0) | (final ? (uint32_t)TW_FLAG_FINAL : 0) |
                   (it->text ? (uint32_t)TW_FLAG_TEXT : 0);
  codec->first = false;
  it->filled = 0;
  tw_handles_part(it->handles, it->slot, flags, data, size);
  return it->slot->handle != it->handle || it->slot->released ? GONE : 0;
}

static int32_t inflate_bytes(inflation *it, const uint8_t *data, uint32_t size) {
  const tw_handles_deflate *deflate = &it->handles->deflate;
  for (;;) {
    int32_t got = deflate->library->inflate(it->codec->decompressor, &data, &size, deflate->inflated + it->filled,
                                            ROOM - it->filled);
    if (got < 0)
      return got;
    if ((uint32_t)got > it->codec->most - it->codec->size)
      return TW_ERR_WS_TOO_BIG;
    it->codec->size += (uint32_t)got;
    it->filled += (uint32_t)got;
    if (it->filled < ROOM)
      return 0;
    int32_t result = pass_on(it, false);
    if (result != 0)
      return result;
  }
}

/* The message is whole: what its sender has cut off (RFC 7692 7.2.2) is put behind it. */
static int32_t finish(inflation *it) {
  static const uint8_t tail[] = {0, 0, 0, 0xff, 0xff};
  const tw_deflate_library *library = it->handles->deflate.library;
  int32_t result = 0;
  if (it->codec->empty) /* RFC 7692 7.2.3.6 asks for one byte; none at all is taken for it */
    result = inflate_bytes(it, tail, sizeof tail);
  else if (!library->has_ended(it->codec->decompressor))
    result = inflate_bytes(it, tail + 1, sizeof tail - 1);
  if (result != 0)
    return result;
  int32_t agreed = twc_ws_deflate(it->handles->core, it->handle);
  if (agreed >= 0 && !takes_over((uint32_t)agreed, !it->codec->server))
    close_decompressor(it->handles, it->codec);
  return pass_on(it, true);
}

/* Makes what inflating needs; 0 or an error. */
static int32_t prepare(tw_handles *handles, tw_codec *codec, int32_t handle) {
  tw_handles_deflate *deflate = &handles->deflate;
  if (deflate->inflated == NULL)
    deflate->inflated = tw_handles_resize(handles, NULL, ROOM + 1); /* and a NUL */
  if (codec->decompressor == NULL) {
    int32_t agreed = twc_ws_deflate(handles->core, handle);
    uint32_t bits = bits_of(agreed < 0 ? BITS | BITS << CLIENT_SHIFT : (uint32_t)agreed, !codec->server);
    codec->decompressor = deflate->library->open_decompressor(bits);
  }
  return deflate->inflated == NULL || codec->decompressor == NULL ? TW_ERR_MEMORY : 0;
}

/* RFC 6455 7.4.1: what a connection is closed with whose message could not be inflated. */
static uint32_t close_code_of(int32_t error) {
  enum { INVALID_DATA = 1007, TOO_BIG = 1009, INTERNAL_ERROR = 1011, TRY_AGAIN_LATER = 1013 };
  switch (error) {
  case TW_ERR_WS_TOO_BIG:
    return TOO_BIG;
  case TW_ERR_MEMORY:
    return INTERNAL_ERROR;
  case TW_ERR_OVERLOAD:
    return TRY_AGAIN_LATER;
  default:
    return INVALID_DATA;
  }
}

static void message(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, const char *data) {
  tw_codec *codec = tw_handles_join_of(handles, slot)->codec;
  inflation it = {.handles = handles,
                  .slot = slot,
                  .codec = codec,
                  .handle = slot->handle,
                  .text = (record->flags & TW_FLAG_TEXT) != 0};
  if ((record->flags & TW_FLAG_FIRST) != 0) {
    codec->first = codec->empty = true;
    codec->size = 0;
    codec->utf8 = 0;
    uncount(handles, codec);
  }
  codec->empty = codec->empty && record->size == 0;
  int32_t result = prepare(handles, codec, slot->handle);
  if (result == 0)
    result = inflate_bytes(&it, (const uint8_t *)data, record->size);
  if (result == 0)
    result = (record->flags & TW_FLAG_FINAL) != 0 ? finish(&it) : pass_on(&it, false);
  if (result < 0)
    tw_handles_broken(handles, slot, result, close_code_of(result));
}

/* ---- Sending -------------------------------------------------------------------------------------------------- */

/* Room for so many bytes; NULL: no memory. */
static char *reserve(tw_handles *handles, size_t size) {
  tw_handles_deflate *deflate = &handles->deflate;
  if (size > UINT32_MAX)
    return NULL;
  if (size <= deflate->deflated_room)
    return deflate->deflated;
  size = size < KEPT_ROOM ? KEPT_ROOM : size;
  char *grown = tw_handles_resize(handles, deflate->deflated, size);
  if (grown == NULL)
    return NULL;
  deflate->deflated = grown;
  deflate->deflated_room = (uint32_t)size;
  return grown;
}

/* Gives back what only a large message needs. */
static void shrink(tw_handles *handles) {
  tw_handles_deflate *deflate = &handles->deflate;
  if (deflate->deflated_room <= KEPT_ROOM)
    return;
  tw_handles_resize(handles, deflate->deflated, 0);
  deflate->deflated = NULL;
  deflate->deflated_room = 0;
}

/* The connection's compressor, or the spare one for a message that is compressed by itself; NULL: no memory. */
static void *take_compressor(tw_handles *handles, tw_codec *codec, uint32_t bits, uint32_t key) {
  tw_handles_deflate *deflate = &handles->deflate;
  if (codec->compressor == NULL && deflate->spare != NULL && deflate->spare_for == key) {
    codec->compressor = deflate->spare;
    deflate->spare = NULL;
  }
  if (codec->compressor == NULL)
    codec->compressor = deflate->library->open_compressor(bits, codec->options.level, codec->options.mem_level);
  return codec->compressor;
}

static void give_compressor_back(tw_handles *handles, tw_codec *codec, uint32_t key) {
  tw_handles_deflate *deflate = &handles->deflate;
  if (deflate->spare != NULL)
    deflate->library->close_compressor(deflate->spare);
  deflate->library->reset_compressor(codec->compressor);
  deflate->spare = codec->compressor;
  deflate->spare_for = key;
  codec->compressor = NULL;
}

/* Compresses into handles->deflate.deflated. Returns the bytes, or 0: it could not be done. */
static uint32_t compress(tw_handles *handles, tw_codec *codec, const void *data, uint32_t size) {
  const tw_deflate_library *library = handles->deflate.library;
  size_t room = library->bound(codec->compressor, size);
  char *to = reserve(handles, room);
  uint32_t written = to == NULL ? 0 : library->compress(codec->compressor, data, size, to, (uint32_t)room);
  if (written > TAIL)
    return written - TAIL;
  library->reset_compressor(codec->compressor);
  return 0;
}

static int32_t send_compressed(tw_handles *handles, tw_handles_slot *slot, uint32_t flags, const void *data,
                               uint32_t size, uint32_t agreed) {
  tw_codec *codec = tw_handles_join_of(handles, slot)->codec;
  uint32_t bits = bits_of(agreed, codec->server);
  bool takeover = takes_over(agreed, codec->server);
  uint32_t key = bits | (uint32_t)codec->options.level << 4 | (uint32_t)codec->options.mem_level << 8;
  uint32_t written = 0;
  if (take_compressor(handles, codec, bits, key) != NULL)
    written = compress(handles, codec, data, size);
  int32_t result = written == 0 ? twc_ws_send(handles->core, slot->handle, flags, data, size)
                                : twc_ws_send(handles->core, slot->handle, flags | TW_SEND_COMPRESSED,
                                              handles->deflate.deflated, written);
  if (result < 0 && written > 0)
    handles->deflate.library->reset_compressor(codec->compressor);
  if (!takeover && codec->compressor != NULL)
    give_compressor_back(handles, codec, key);
  shrink(handles);
  return result < 0 ? result : (int32_t)size;
}

static int32_t send(tw_handles *handles, tw_handles_slot *slot, uint32_t flags, const void *data, uint32_t size) {
  const tw_codec *codec = tw_handles_join_of(handles, slot)->codec;
  int32_t agreed = size < codec->options.threshold ? 0 : twc_ws_deflate(handles->core, slot->handle);
  if (agreed <= 0)
    return twc_ws_send(handles->core, slot->handle, flags, data, size);
  if (size > handles->send_buffer)
    return TW_ERR_TOO_LARGE;
  uint32_t utf8 = 0;
  if ((flags & TW_SEND_TEXT) != 0 && (twc_utf8_scan(&utf8, data, size) >= 0 || utf8 != 0))
    return TW_ERR_WS_UTF8;
  return send_compressed(handles, slot, flags, data, size, (uint32_t)agreed);
}

static const tw_codec_ops ops = {
    .check_deflate = check,
    .deflate_parameters = parameters,
    .offer_deflate = offer,
    .make_codec = make,
    .send_message = send,
    .inflate_message = message,
    .end_codec = ended,
    .forget_codec = forget,
    .release_codecs = release,
};

void tw_handles_set_deflate(tw_handles *handles, const tw_deflate_library *library) {
  handles->codec_ops = &ops;
  handles->deflate.library = library;
}
