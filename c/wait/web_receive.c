/* web_receive.c: an HTTP message that is received, by the core's parser; and what belongs to the application of it. */
#include <stdlib.h>
#include <string.h>

#include "proto/http1/message.h"
#include "wait.h"
#include "web.h"

static const tw_limits limits = TW_LIMITS_HOST;

/* ---- What was received --------------------------------------------------------------------------------------- */

void tw_http_free(tw_http_message *message) {
  if (message == NULL)
    return;
  free(message->fields);
  free(message->body);
  free(message->url);
  free(message->memory);
  free(message->trailers);
  free(message->trailer_memory);
  *message = (tw_http_message){0};
}

const char *tw_http_value(const tw_http_message *message, const char *name) {
  if (message == NULL || name == NULL)
    return NULL;
  for (size_t i = 0; i < message->field_count; i++)
    if (tw_web_same_name(message->fields[i].name, name))
      return message->fields[i].value;
  return NULL;
}

/* Ends the text at the next `stop`, and returns what is behind it. */
static char *cut(char *text, const char *stop) {
  char *end = strstr(text, stop);
  if (end == NULL)
    return text + strlen(text);
  *end = 0;
  return end + strlen(stop);
}

static void trim(char *text) {
  size_t size = strlen(text);
  while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
    text[--size] = 0;
}

/* Takes fields apart, up to an empty line or the end. Returns them, and their number in `*count`; NULL: no memory. */
static tw_http_pair *take_fields(char *at, size_t *count) {
  size_t lines = 1;
  for (const char *it = strstr(at, "\r\n"); it != NULL; it = strstr(it + 2, "\r\n"))
    lines++;
  tw_http_pair *fields = calloc(lines + 1, sizeof *fields);
  *count = 0;
  while (fields != NULL && *at != 0 && *at != '\r') {
    char *name = at;
    at = cut(at, "\r\n");
    char *value = cut(name, ":");
    value += strspn(value, " \t");
    trim(value);
    fields[(*count)++] = (tw_http_pair){name, value};
  }
  return fields;
}

/* Takes a head apart that the core has checked: a start line, then fields. Its bytes become the message's. */
static bool take_head(tw_text *head, tw_http_message *to, bool response) {
  char *at = head->bytes;
  to->memory = at;
  head->bytes = NULL;
  while (at[0] == '\r' && at[1] == '\n') /* RFC 9112 2.2 */
    at += 2;
  char *line = at;
  at = cut(at, "\r\n");
  char *second = cut(line, " ");
  char *third = cut(second, " ");
  to->version = response ? line : third;
  if (response) {
    to->status = (int32_t)strtol(second, NULL, 10);
    to->reason = third;
  } else {
    to->method = line;
    to->query = cut(second, "?");
    to->path = second;
  }
  to->fields = take_fields(at, &to->field_count);
  return to->fields != NULL;
}

/* ---- Receiving ----------------------------------------------------------------------------------------------- */

typedef struct reception {
  int32_t conn;
  const tw_web_expected *expected;
  tw_http_message *to;
  tw_message message;
  tw_text head;
  tw_text body;
  tw_text trailers;
  bool begun;  /* a byte of the message came */
  bool headed; /* its head is whole */
} reception;

static int32_t take_body(reception *it, const tw_message_part *part) {
  const tw_web_expected *expected = it->expected;
  if (expected->sink != NULL && it->to->status / 100 == 2)
    return part->size == 0 || expected->sink(part->data, part->size, expected->ctx) ? 0 : TW_ERR_ABORTED;
  tw_text_add(&it->body, part->data, part->size);
  return it->body.failed ? TW_ERR_MEMORY : 0;
}

/* RFC 9110 10.1.1, 15.2 */
static int32_t head_is_whole(reception *it) {
  static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
  uint16_t flags = it->message.flags;
  bool response = (it->expected->read & TW_HTTP_READ_RESPONSE) != 0;
  it->headed = true;
  if (!take_head(&it->head, it->to, response))
    return TW_ERR_MEMORY;
  it->to->keep_alive = (flags & TW_HTTP_KEEP_ALIVE) != 0;
  it->to->has_body = (flags & TW_HTTP_BODY) != 0;
  if (!response && (flags & TW_HTTP_CONTINUE) != 0 && (flags & TW_HTTP_HTTP_1_0) == 0)
    return tw_write_all(it->conn, go_on, sizeof go_on - 1);
  return 0;
}

/* RFC 9112 7.1.2 */
static int32_t trailers_are_whole(reception *it) {
  tw_http_message *to = it->to;
  if (it->trailers.size == 0)
    return 0;
  to->trailer_memory = it->trailers.bytes;
  it->trailers.bytes = NULL;
  to->trailers = take_fields(to->trailer_memory, &to->trailer_count);
  return to->trailers == NULL ? TW_ERR_MEMORY : 0;
}

static int32_t take_part(reception *it, const tw_message_part *part) {
  if (part->type == TW_MESSAGE_HEAD) {
    tw_text_add(&it->head, part->data, part->size);
    if (it->head.failed)
      return TW_ERR_MEMORY;
    return part->final ? head_is_whole(it) : 0;
  }
  if (part->type == TW_MESSAGE_BODY)
    return take_body(it, part);
  tw_text_add(&it->trailers, part->data, part->size);
  if (it->trailers.failed)
    return TW_ERR_MEMORY;
  return part->final ? trailers_are_whole(it) : 0;
}

/* Offers bytes to the parser; `*used` counts those that it took. */
static int32_t parse(reception *it, const uint8_t *data, size_t size, size_t *used) {
  *used = 0;
  while (*used < size && !it->message.over) {
    size_t took;
    tw_message_part part;
    twc_message_next(&it->message, data + *used, size - *used, &took, &part);
    *used += took;
    it->begun = it->begun || part.type != TW_MESSAGE_NONE;
    int32_t error = part.type == TW_MESSAGE_NONE ? 0 : take_part(it, &part);
    if (error != 0)
      return error;
  }
  return it->message.over ? it->message.error : 0;
}

/* The peer ended its half. */
static int32_t end(reception *it) {
  tw_message_part part;
  if (!it->begun)
    return TW_ERR_UNEXPECTED_EOF;
  twc_message_end(&it->message, &part);
  if (part.type != TW_MESSAGE_NONE)
    take_part(it, &part);
  return it->message.error;
}

static int32_t receive_one(reception *it) {
  uint8_t data[TW_WEB_PART];
  twc_message_init(&it->message, it->expected->read, it->expected->max_body, &limits);
  while (!it->message.over) {
    size_t used;
    int32_t size = tw_read(it->conn, data, sizeof data);
    if (size > 0 && it->expected->begun != NULL)
      *it->expected->begun = true;
    if (size < 0)
      return size;
    if (size == 0)
      return end(it);
    int32_t error = parse(it, data, (size_t)size, &used);
    if (error != 0)
      return error;
    if (used < (size_t)size)
      error = tw_unread(it->conn, data + used, (size_t)size - used);
    if (error != 0)
      return error;
  }
  return 0;
}

int32_t tw_web_receive(int32_t conn, const tw_web_expected *expected, tw_http_message *message) {
  reception it;
  int32_t error;
  do { /* interim responses are passed over; the last one stays */
    tw_http_free(message);
    it = (reception){.conn = conn, .expected = expected, .to = message};
    error = receive_one(&it);
    tw_text_free(&it.head);
    tw_text_free(&it.trailers);
  } while (error == 0 && message->status >= 100 && message->status < 200 && message->status != 101);
  if (error < 0 && (expected->read & TW_HTTP_READ_RESPONSE) == 0)
    message->status = (int32_t)twc_message_answer(&it.message);
  message->body_size = it.body.size;
  message->body = it.body.bytes;
  if (error == 0 && message->body == NULL && expected->sink == NULL)
    message->body = calloc(1, 1);
  return error;
}
