/* leaf_random.c: properties that must hold for every input, on input that is random but the same in every run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "leaf_head.h"
#include "leaf_message.h"
#include "leaf_steps.h"
#include "src/mask.h"
#include "src/utf8.h"
#include "twinwire/core.h"

enum { ROUNDS = 60000, LARGEST = 700, PROPERTIES = 4 };

static int fail(char *why, size_t why_size, const char *what, long long at) {
  snprintf(why, why_size, "%s, %lld", what, at);
  return 0;
}

/* ---- utf8: against the definition, by code points ---- */

static int sequence_length(uint8_t lead) {
  return lead < 0x80 ? 1 : (lead & 0xe0) == 0xc0 ? 2 : (lead & 0xf0) == 0xe0 ? 3 : (lead & 0xf8) == 0xf0 ? 4 : 0;
}

/* Whether `have` bytes of a sequence of `length` can still become a character: the code points that its completions
 * have, from all low bits 0 to all low bits 1, must hold one that RFC 3629 3 allows in that length. */
static bool can_be_character(const uint8_t *text, int have, int length) {
  static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
  static const uint32_t largest[5] = {0, 0x7f, 0x7ff, 0xffff, 0x10ffff};
  static const uint8_t lead_bits[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t low = text[0] & lead_bits[length];
  for (int i = 1; i < have; i++) {
    if ((text[i] & 0xc0) != 0x80)
      return false;
    low = low << 6 | (text[i] & 0x3f);
  }
  unsigned open = 6 * (unsigned)(length - have);
  uint32_t high = (low + 1) << open;
  low <<= open;
  high -= 1;
  if (low < smallest[length])
    low = smallest[length];
  if (high > largest[length])
    high = largest[length];
  if (low >= 0xd800 && low <= 0xdfff)
    low = 0xe000;
  if (high >= 0xd800 && high <= 0xdfff)
    high = 0xd7ff;
  return low <= high;
}

/* As a step "utf8" counts: the first bad byte, -1 or -2. */
static long long naive_utf8(const uint8_t *text, size_t size) {
  for (size_t at = 0; at < size;) {
    int length = sequence_length(text[at]);
    if (length == 0)
      return (long long)at;
    for (int have = 1; have <= length; have++) {
      if (at + (size_t)have > size)
        return -2;
      if (!can_be_character(text + at, have, length))
        return (long long)at + have - 1;
    }
    at += (size_t)length;
  }
  return -1;
}

static int check_utf8(const uint8_t *data, size_t size, char *why, size_t why_size) {
  if (size < 2)
    return 1;
  size_t each = data[0] + 1U;
  uint8_t *text = malloc(size - 1); /* exactly as large, for the sanitizer */
  if (text == NULL)
    abort();
  size--;
  memcpy(text, data + 1, size);
  const long long wanted = naive_utf8(text, size);
  uint32_t state = 0;
  long long got = -1;
  for (size_t at = 0; at < size && got < 0; at += each) {
    got = twc_utf8_scan(&state, text + at, (uint32_t)(each < size - at ? each : size - at));
    if (got >= 0)
      got += (long long)at;
  }
  if (got < 0 && state != 0)
    got = -2;
  size_t ascii = 0;
  while (ascii < size && text[ascii] < 0x80)
    ascii++;
  bool valid = twc_utf8_valid(text, size);
  size_t prefix = twc_ascii_prefix(text, size);
  free(text);
  if (got != wanted)
    return fail(why, why_size, "utf8: another answer than the naive decoder's", got);
  if (valid != (wanted == -1))
    return fail(why, why_size, "utf8: twc_utf8_valid disagrees", wanted);
  return prefix == ascii ? 1 : fail(why, why_size, "utf8: twc_ascii_prefix", (long long)prefix);
}

/* ---- mask: against a loop over bytes ---- */

static int check_mask(const uint8_t *data, size_t size, char *why, size_t why_size) {
  enum { FRONT = 32, GUARD = 0xa5 };
  if (size < 7)
    return 1;
  const uint8_t *key = data;
  const uint32_t phase = data[4] * 0x01010101U;
  const size_t from = data[5] % FRONT, to = data[6] % FRONT;
  size -= 7;
  uint8_t *src = malloc(from + size + 1);
  uint8_t *dst = malloc(to + size + 1);
  if (src == NULL || dst == NULL)
    abort();
  memcpy(src + from, data + 7, size);
  memset(dst, GUARD, to + size + 1);
  twc_mask_copy(dst + to, src + from, size, key, phase);
  twc_mask_copy(src + from, src + from, size, key, phase);
  long long bad = -1;
  for (size_t i = 0; i < size && bad < 0; i++) {
    uint8_t wanted = data[7 + i] ^ key[(i + phase) % 4];
    if (dst[to + i] != wanted || src[from + i] != wanted)
      bad = (long long)i;
  }
  for (size_t i = 0; i < to; i++)
    if (dst[i] != GUARD)
      bad = (long long)i;
  if (dst[to + size] != GUARD)
    bad = (long long)size;
  free(src);
  free(dst);
  return bad < 0 ? 1 : fail(why, why_size, "mask: wrong at", bad);
}

/* ---- head: the answer never depends on the splits ---- */

static int check_head(const uint8_t *data, size_t size, char *why, size_t why_size) {
  if (size < 5)
    return 1;
  const size_t pieces[4] = {data[1] % 16 + 1U, data[2] + 1U, data[3] % 4 + 1U, 1};
  const size_t whole = 0, single = 1;
  const tw_head_kind kind = data[0] & 1 ? TW_HEAD_REQUEST : TW_HEAD_RESPONSE;
  const uint32_t max = data[0] & 2 ? 8192 : data[4];
  test_buffer at_once = {0}, in_pieces = {0}, in_bytes = {0};
  leaf_head_run(&at_once, kind, max, data + 5, size - 5, &whole, 1);
  leaf_head_run(&in_pieces, kind, max, data + 5, size - 5, pieces, 4);
  leaf_head_run(&in_bytes, kind, max, data + 5, size - 5, &single, 1);
  const char *wanted = buffer_string(&at_once);
  bool good = strcmp(wanted, buffer_string(&in_pieces)) == 0 && strcmp(wanted, buffer_string(&in_bytes)) == 0 &&
              strstr(wanted, "\nbroken: ") == NULL && strncmp(wanted, "broken: ", 8) != 0;
  if (!good)
    snprintf(why, why_size, "head: depends on splits:\n%s", wanted);
  buffer_free(&at_once);
  buffer_free(&in_pieces);
  buffer_free(&in_bytes);
  return good ? 1 : 0;
}

/* ---- message: neither does this one ---- */

static bool same(const test_buffer *a, const test_buffer *b) {
  return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static int check_message(const uint8_t *data, size_t size, char *why, size_t why_size) {
  if (size < 5)
    return 1;
  static const uint32_t reads[] = {TW_HTTP_READ_REQUEST, TW_HTTP_READ_RESPONSE,
                                   TW_HTTP_READ_RESPONSE | TW_HTTP_READ_NO_BODY,
                                   TW_HTTP_READ_RESPONSE | TW_HTTP_READ_TUNNEL};
  const size_t pieces[4] = {data[1] % 16 + 1U, data[2] + 1U, data[3] % 4 + 1U, 1};
  const size_t whole = 0, single = 1;
  tw_limits limits = TW_LIMITS_HOST;
  if ((data[0] & 8) != 0) {
    limits.maxHead = 64 + data[4];
    limits.maxLine = 32 + data[3];
    limits.maxFields = 1 + data[2] % 8;
  }
  const uint32_t read = reads[data[0] & 3];
  const uint32_t max = (data[0] & 4) != 0 ? data[1] : 8192;
  const bool ended = (data[0] & 16) != 0;
  test_buffer at_once = {0}, in_pieces = {0}, in_bytes = {0};
  bool good = leaf_message_run(&at_once, read, max, &limits, data + 5, size - 5, &whole, 1, ended) &&
              leaf_message_run(&in_pieces, read, max, &limits, data + 5, size - 5, pieces, 4, ended) &&
              leaf_message_run(&in_bytes, read, max, &limits, data + 5, size - 5, &single, 1, ended) &&
              same(&at_once, &in_pieces) && same(&at_once, &in_bytes);
  if (!good)
    snprintf(why, why_size, "message: depends on splits:\n%s", buffer_string(&at_once));
  buffer_free(&at_once);
  buffer_free(&in_pieces);
  buffer_free(&in_bytes);
  return good ? 1 : 0;
}

int leaf_check(const uint8_t *data, size_t size, char *why, size_t why_size) {
  if (size == 0)
    return 1;
  switch (data[0] % PROPERTIES) {
  case 0:
    return check_utf8(data + 1, size - 1, why, why_size);
  case 1:
    return check_mask(data + 1, size - 1, why, why_size);
  case 2:
    return check_head(data + 1, size - 1, why, why_size);
  default:
    return check_message(data + 1, size - 1, why, why_size);
  }
}

/* ---- random input ---- */

/* xorshift32, Marsaglia 2003 */
static uint32_t next_random(uint32_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 17;
  return *seed ^= *seed << 5;
}

static uint32_t below(uint32_t *seed, uint32_t bound) { return next_random(seed) % bound; }

static const char *const heads[] = {
    ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
    "HTTP/1.0 404 \r\nContent-Length:0\r\nX-Empty:\r\nX-Tab:\t a b \t\r\n\r\nbody",
    "\r\nGET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nOrigin: http://example.com\r\n\r\n\x81\x05Hello",
    "OPTIONS * HTTP/1.0\r\n\r\n"};

static const char *const messages[] = {
    "POST /a HTTP/1.1\r\nHost: h:80\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhelloGET",
    ("\r\nPUT http://[::1]/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5;a=b;c=\"d\\\"\"\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nX: y\r\nZ:\r\n\r\nGET"),
    "OPTIONS * HTTP/1.0\r\nConnection: keep-alive, upgrade\r\nUpgrade: x\r\n\r\n",
    "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: h\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n00\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP",
    "HTTP/1.0 404 \r\nServer: x\r\n\r\nuntil the end",
    "HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\nHTTP"};

static const char *const characters[] = {"a",
                                         "\n",
                                         "\xc2\x80",
                                         "\xdf\xbf",
                                         "\xe0\xa0\x80",
                                         "\xd0\x96",
                                         "\xed\x9f\xbf",
                                         "\xee\x80\x80",
                                         "\xef\xbf\xbf",
                                         "\xe3\x81\x82",
                                         "plain",
                                         "\x7f",
                                         "\xf0\x90\x80\x80",
                                         "\xf4\x8f\xbf\xbf",
                                         "\xf0\x9f\x98\x80",
                                         "sixteen bytes .. and more than that, to sixty-four and then some"};

/* Good text of about the size, of one kind of character or of all. */
static void add_text(test_buffer *out, uint32_t *seed, uint32_t size) {
  const uint32_t count = sizeof characters / sizeof characters[0];
  uint32_t only = below(seed, 2 * count);
  while (out->size < size)
    buffer_text(out, characters[only < count ? only : below(seed, count)]);
}

/* Changes, repeats or drops a few bytes; half of the time none. */
static void mutate(test_buffer *data, uint32_t *seed, size_t from) {
  static const uint8_t delivering[] = {'\r', '\n', ' ',  '\t', ':',  0,    0x7f, 0x80,
                                       0xbf, 0xc0, 0xe0, 0xed, 0xf0, 0xf4, 0xff, '1'};
  uint32_t times = below(seed, 2) * (1 + below(seed, 3));
  for (; times > 0 && data->size > from; times--) {
    size_t at = from + below(seed, (uint32_t)(data->size - from));
    uint32_t how = below(seed, 4);
    if (how == 0)
      data->data[at] = delivering[below(seed, sizeof delivering)];
    else if (how == 1)
      data->data[at] ^= (uint8_t)(1U << below(seed, 8));
    else if (how == 2)
      data->data[at] = data->data[data->size - 1];
    else
      data->size = at; /* cut short */
  }
}

int leaf_random(char *why, size_t why_size) {
  test_buffer data = {0};
  uint32_t seed = 0x74776e77;
  int result = 1;
  for (int round = 0; round < ROUNDS && result == 1; round++) {
    buffer_clear(&data);
    const uint8_t property = (uint8_t)(round % PROPERTIES);
    buffer_append(&data, &property, 1);
    for (int i = 0; i < 8; i++) {
      uint8_t parameter = (uint8_t)(next_random(&seed) >> 24);
      buffer_append(&data, &parameter, 1);
    }
    const uint32_t size = below(&seed, below(&seed, 4) == 0 ? LARGEST : 40);
    if (property >= 2) {
      data.size = 6;
      buffer_text(&data, property == 2 ? heads[below(&seed, 4)] : messages[below(&seed, 8)]);
      mutate(&data, &seed, 6);
    } else {
      if (property == 0)
        data.size = 2;
      const size_t from = data.size;
      add_text(&data, &seed, size + (uint32_t)from);
      mutate(&data, &seed, from);
    }
    result = leaf_check(data.data, data.size, why, why_size);
  }
  buffer_free(&data);
  return result;
}
