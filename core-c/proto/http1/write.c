/* write.c: messages queued on a stream, each call whole or not at all. What a call would queue is worked out twice by
 * the same code: first to be counted, then to be put where it is sent from. Nothing is stored in between. */
#include <string.h>

#include "proto/http1/fields.h"
#include "src/bytes.h"
#include "src/internal.h"

/* tw_slot.sending. */
enum { NOTHING, BY_LENGTH, CHUNKED, UNTIL_CLOSE, OVER };

typedef struct output {
  tw_core *core;
  tw_slot *slot;
  bool counting;
  uint32_t room; /* at `to` */
  uint8_t *to;
  uint64_t size; /* counting: of all so far; then: of what is to come */
} output;

/* A message mostly lies in one piece of the queue: to ask for it once, and not for each of its twenty parts, takes a
 * seventh off a short response. */
static void put(output *out, const void *data, uint32_t size) {
  const uint8_t *from = data;
  if (out->counting) {
    out->size += size;
    return;
  }
  while (size > 0) {
    if (out->room == 0)
      out->to = twc_tx_extend(out->core, out->slot, (uint32_t)out->size, &out->room);
    uint32_t n = size < out->room ? size : out->room;
    memcpy(out->to, from, n);
    out->to += n;
    out->room -= n;
    out->size -= n;
    from += n;
    size -= n;
  }
}

#define PUT(out, text) put(out, text, sizeof(text) - 1)

static void put_fields(output *out, const char *at, const char *end, uint32_t count) {
  tw_field field;
  if (out->counting) { /* two bytes become four */
    out->size += (uint32_t)(end - at) + 2 * (uint64_t)count;
    return;
  }
  while (twc_field_next(&at, end, &field)) {
    put(out, field.name, field.name_size);
    PUT(out, ": ");
    put(out, field.value, field.value_size);
    PUT(out, "\r\n");
  }
}

static void put_decimal(output *out, uint32_t number) {
  char digits[10];
  put(out, digits, twc_text_decimal(digits, number));
}

/* RFC 9112 7.1: an empty chunk would be the last. */
static void put_chunk(output *out, const void *data, uint32_t size) {
  char text[8];
  uint32_t at = sizeof text;
  if (size == 0)
    return;
  for (uint32_t rest = size; rest > 0; rest >>= 4)
    text[--at] = "0123456789abcdef"[rest & 15];
  put(out, text + at, (uint32_t)sizeof text - at);
  PUT(out, "\r\n");
  put(out, data, size);
  PUT(out, "\r\n");
}

/* Runs `write` to count, and if it fits to write. Returns the bytes queued or an error. */
static int32_t run(tw_core *core, tw_slot *slot, void (*write)(output *out, const void *what), const void *what) {
  output out = {.core = core, .slot = slot, .counting = true};
  write(&out, what);
  if (out.size > core->limits.sendBuffer)
    return TW_ERR_TOO_LARGE;
  uint32_t size = (uint32_t)out.size;
  int32_t error = twc_tx_admit(core, slot, size);
  if (error != 0)
    return error;
  out.counting = false;
  write(&out, what);
  return (int32_t)size;
}

static tw_slot *open_slot(tw_core *core, int32_t handle, int32_t *error) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_TCP);
  *error = slot == NULL ? TW_ERR_HANDLE : twc_is_sending(slot) ? 0 : TW_ERR_STATE;
  return slot;
}

/* ---- Heads ---------------------------------------------------------------------------------------------------- */

typedef struct slice {
  const char *at;
  uint32_t size;
} slice;

/* A message as the caller gave it, and what follows from that. */
typedef struct outgoing {
  uint32_t status;
  uint32_t flags;
  slice method; /* or the reason */
  slice target;
  const char *fields;
  const char *end;
  uint32_t field_count;
  const void *body;
  uint32_t body_size;
  bool has_length; /* a Content-Length field is given, and says: */
  uint64_t length;
  bool adds_length; /* one is to be added */
  uint8_t sending;
} outgoing;

static bool is_text(const slice *text, bool (*allowed)(uint8_t byte)) {
  for (uint32_t i = 0; i < text->size; i++)
    if (!allowed((uint8_t)text->at[i]))
      return false;
  return true;
}

static bool is_token_char(uint8_t byte) { return twc_is_token_char(byte); }
static bool is_value_char(uint8_t byte) { return twc_is_value_char(byte); }
static bool is_visible(uint8_t byte) { return byte > 0x20 && byte < 0x7f; }

static bool text_is(const slice *text, const char *word, uint32_t size) {
  if (text->size != size)
    return false;
  for (uint32_t i = 0; i < size; i++)
    if (text->at[i] != word[i])
      return false;
  return true;
}

#define IS(text, word) text_is(text, word, sizeof(word) - 1)
#define FIELD_IS(field, name) twc_field_is(field, name, sizeof(name) - 1)

/* RFC 9110 8.6. */
static bool read_length(const tw_field *field, uint64_t *length) {
  *length = 0;
  for (uint32_t i = 0; i < field->value_size; i++) {
    uint8_t byte = (uint8_t)field->value[i];
    if (!twc_is_digit(byte) || *length > (UINT64_MAX - 9) / 10)
      return false;
    *length = *length * 10 + (uint64_t)(byte - '0');
  }
  return field->value_size > 0;
}

/* The fields are valid, and those that frame and route a message are there as often as they may be. */
static bool read_fields(outgoing *message) {
  tw_field field;
  uint32_t hosts = 0;
  const char *at = message->fields;
  for (uint32_t i = 0; i < message->field_count; i++) {
    if (!twc_field_next_valid(&at, message->end, &field) || FIELD_IS(&field, "transfer-encoding"))
      return false;
    if (FIELD_IS(&field, "host"))
      hosts++;
    if (!FIELD_IS(&field, "content-length"))
      continue;
    if (message->has_length || !read_length(&field, &message->length))
      return false;
    message->has_length = true;
  }
  return at == message->end && (message->status != 0 || hosts == 1); /* RFC 9112 3.2 */
}

static bool read_head(outgoing *message, const char *head, uint32_t size) {
  const char *at = head;
  const char *end = head + size;
  if (!twc_text_next(&at, end, &message->method.at, &message->method.size))
    return false;
  if (message->status != 0) {
    if (!is_text(&message->method, is_value_char))
      return false;
  } else {
    if (message->method.size == 0 || !is_text(&message->method, is_token_char) ||
        !twc_text_next(&at, end, &message->target.at, &message->target.size) || message->target.size == 0 ||
        !is_text(&message->target, is_visible))
      return false;
  }
  message->fields = at;
  message->end = end;
  return read_fields(message);
}

/* Whether a message of this kind never has a body, RFC 9110 6.4.1, 9.3.6, 15.3.6. */
static bool is_bodiless(const outgoing *message) {
  uint32_t status = message->status;
  if (status == 0)
    return IS(&message->method, "CONNECT");
  return status < 200 || status == 204 || status == 205 || status == 304 ||
         (message->flags & TW_HTTP_SEND_HEAD_ONLY) != 0;
}

/* RFC 9110 8.6: whether to send a length that was not given. */
static bool is_length_due(const outgoing *message) {
  if (message->status != 0)
    return !is_bodiless(message) || message->status == 205;
  return message->body_size > 0 || IS(&message->method, "POST") || IS(&message->method, "PUT") ||
         IS(&message->method, "PATCH");
}

/* Chooses the framing. Returns 0 or an error. */
static int32_t frame(outgoing *message) {
  bool part = (message->flags & TW_HTTP_SEND_PART) != 0;
  bool until_close = (message->flags & TW_HTTP_SEND_UNTIL_CLOSE) != 0;
  bool bodiless = is_bodiless(message);
  if ((bodiless && (part || message->body_size > 0)) || (until_close && (!part || message->status == 0)))
    return TW_ERR_ARGUMENT;
  if (message->has_length && until_close)
    return TW_ERR_HEADER;
  if (message->has_length && bodiless && (message->status == 0 || message->status < 200 || message->status == 204))
    return TW_ERR_HEADER;
  if (part) {
    message->sending = message->has_length ? BY_LENGTH : until_close ? UNTIL_CLOSE : CHUNKED;
    return message->has_length && message->body_size > message->length ? TW_ERR_HTTP_LENGTH : 0;
  }
  message->adds_length = !message->has_length && is_length_due(message);
  bool described = bodiless && message->status != 205; /* it is the length of another body */
  return message->has_length && !described && message->length != message->body_size ? TW_ERR_HTTP_LENGTH : 0;
}

static void write_message(output *out, const void *what) {
  const outgoing *message = what;
  if (message->status != 0) {
    PUT(out, "HTTP/1.1 "); /* RFC 9110 6.2 */
    put_decimal(out, message->status);
    PUT(out, " "); /* RFC 9112 4: also if the reason is empty */
    put(out, message->method.at, message->method.size);
  } else {
    put(out, message->method.at, message->method.size);
    PUT(out, " ");
    put(out, message->target.at, message->target.size);
    PUT(out, " HTTP/1.1");
  }
  PUT(out, "\r\n");
  put_fields(out, message->fields, message->end, message->field_count);
  if (message->adds_length) {
    PUT(out, "Content-Length: ");
    put_decimal(out, message->body_size);
    PUT(out, "\r\n");
  }
  if (message->sending == CHUNKED)
    PUT(out, "Transfer-Encoding: chunked\r\n");
  if ((message->flags & TW_HTTP_SEND_CLOSE) != 0 || message->sending == UNTIL_CLOSE)
    PUT(out, "Connection: close\r\n");
  PUT(out, "\r\n");
  if (message->sending == CHUNKED)
    put_chunk(out, message->body, message->body_size);
  else
    put(out, message->body, message->body_size);
}

int32_t twc_http_send(tw_core *core, int32_t handle, uint32_t flags, uint32_t status, const char *head,
                      uint32_t head_size, uint32_t field_count, const void *body, uint32_t body_size) {
  const uint32_t known = TW_HTTP_SEND_PART | TW_HTTP_SEND_HEAD_ONLY | TW_HTTP_SEND_CLOSE | TW_HTTP_SEND_UNTIL_CLOSE;
  int32_t error;
  tw_slot *slot = open_slot(core, handle, &error);
  if (error != 0)
    return error;
  if ((flags & ~known) != 0 || (status != 0 && (status < 100 || status > 599)) ||
      (status == 0 && (flags & TW_HTTP_SEND_HEAD_ONLY) != 0))
    return TW_ERR_ARGUMENT;
  if (slot->sending != NOTHING)
    return TW_ERR_STATE;
  outgoing message = {
      .status = status, .flags = flags, .field_count = field_count, .body = body, .body_size = body_size};
  if (!read_head(&message, head, head_size))
    return TW_ERR_HEADER;
  error = frame(&message);
  if (error != 0)
    return error;
  int32_t queued = run(core, slot, write_message, &message);
  if (queued < 0)
    return queued;
  slot->sending = message.sending;
  slot->sending_left = message.length - (message.sending == BY_LENGTH ? body_size : 0);
  return queued;
}

/* ---- Bodies --------------------------------------------------------------------------------------------------- */

typedef struct body_part {
  const void *data;
  uint32_t size;
  bool chunked;
  bool last;
  const char *trailers;
  const char *end;
  uint32_t trailer_count;
} body_part;

static void write_piece(output *out, const void *what) {
  const body_part *piece = what;
  if (!piece->chunked) {
    put(out, piece->data, piece->size);
    return;
  }
  put_chunk(out, piece->data, piece->size);
  if (!piece->last)
    return;
  PUT(out, "0\r\n");
  put_fields(out, piece->trailers, piece->end, piece->trailer_count);
  PUT(out, "\r\n");
}

/* RFC 9110 6.5.1: what frames and routes a message is no trailer. */
static bool are_trailers(const char *at, const char *end) {
  tw_field field;
  while (twc_field_next(&at, end, &field))
    if (FIELD_IS(&field, "transfer-encoding") || FIELD_IS(&field, "content-length") || FIELD_IS(&field, "host"))
      return false;
  return true;
}

int32_t twc_http_send_body(tw_core *core, int32_t handle, uint32_t flags, const void *data, uint32_t size,
                           const char *trailers, uint32_t trailers_size, uint32_t trailer_count) {
  int32_t error;
  tw_slot *slot = open_slot(core, handle, &error);
  if (error != 0)
    return error;
  bool last = (flags & TW_HTTP_BODY_LAST) != 0;
  bool chunked = slot->sending == CHUNKED;
  if (slot->sending == NOTHING || slot->sending == OVER)
    return TW_ERR_STATE;
  if (trailers_size == 0)
    trailers = "";
  if ((flags & ~(uint32_t)TW_HTTP_BODY_LAST) != 0 || (trailer_count > 0 && !(last && chunked)))
    return TW_ERR_ARGUMENT;
  if (!twc_fields_valid(trailers, trailers_size, trailer_count) || !are_trailers(trailers, trailers + trailers_size))
    return TW_ERR_HEADER;
  if (slot->sending == BY_LENGTH && (size > slot->sending_left || (last && size < slot->sending_left)))
    return TW_ERR_HTTP_LENGTH;
  body_part piece = {.data = data,
                     .size = size,
                     .chunked = chunked,
                     .last = last,
                     .trailers = trailers,
                     .end = trailers + trailers_size,
                     .trailer_count = trailer_count};
  int32_t queued = run(core, slot, write_piece, &piece);
  if (queued < 0)
    return queued;
  slot->sending_left -= slot->sending == BY_LENGTH ? size : 0;
  if (last)
    slot->sending =
        slot->sending == UNTIL_CLOSE ? OVER : NOTHING; /* the peer could not see where a next message begins */
  return (int32_t)size;
}
