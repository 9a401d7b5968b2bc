/* web_send.c: an HTTP message that is sent: its head, checked and written, and its body. */
#include <stdlib.h>
#include <string.h>

#include "wait.h"
#include "web.h"

/* ---- Texts --------------------------------------------------------------------------------------------------- */

void tw_text_add(tw_text *text, const void *bytes, size_t size) {
  enum { LEAST = 1024 };
  if (text->failed)
    return;
  if (text->capacity - text->size <= size) {
    size_t capacity = text->capacity < LEAST ? LEAST : text->capacity;
    while (capacity - text->size <= size)
      capacity *= 2;
    char *grown = realloc(text->bytes, capacity);
    if (grown == NULL) {
      text->failed = true;
      return;
    }
    text->bytes = grown;
    text->capacity = capacity;
  }
  if (size > 0)
    memcpy(text->bytes + text->size, bytes, size);
  text->size += size;
  text->bytes[text->size] = 0;
}

void tw_text_put(tw_text *text, const char *terminated) { tw_text_add(text, terminated, strlen(terminated)); }

void tw_text_number(tw_text *text, uint64_t number, uint32_t base) {
  char digits[24];
  size_t at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number > 0);
  tw_text_add(text, digits + at, sizeof digits - at);
}

void tw_text_free(tw_text *text) {
  free(text->bytes);
  *text = (tw_text){0};
}

/* ---- Fields -------------------------------------------------------------------------------------------------- */

bool tw_web_same_name(const char *a, const char *b) {
  for (;; a++, b++) {
    char x = *a >= 'A' && *a <= 'Z' ? (char)(*a | 32) : *a;
    char y = *b >= 'A' && *b <= 'Z' ? (char)(*b | 32) : *b;
    if (x != y)
      return false;
    if (x == 0)
      return true;
  }
}

/* RFC 9110 5.6.2 */
bool tw_web_is_token(const char *text) {
  if (text == NULL || *text == 0)
    return false;
  for (; *text != 0; text++) {
    char lower = (char)(*text | 32);
    bool is =
        (lower >= 'a' && lower <= 'z') || (*text >= '0' && *text <= '9') || strchr("!#$%&'*+-.^_`|~", *text) != NULL;
    if (!is)
      return false;
  }
  return true;
}

/* RFC 9110 5.5 */
bool tw_web_is_value(const char *text) {
  if (text == NULL)
    return false;
  for (; *text != 0; text++)
    if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
      return false;
  return true;
}

/* A Content-Length that the application sets has to be the body's. */
static int32_t check_length(const char *value, const tw_web_message *message) {
  char *end;
  unsigned long long length = strtoull(value, &end, 10);
  if (value[0] < '0' || value[0] > '9' || *end != 0)
    return TW_ERR_HEADER;
  if (message->source != NULL || (!message->head_only && length != message->body_size))
    return TW_ERR_HTTP_LENGTH;
  return 0;
}

static int32_t add_fields(tw_text *head, const tw_web_message *message, bool *has_length, bool *has_connection) {
  if (message->fields == NULL && message->field_count > 0)
    return TW_ERR_ARGUMENT;
  for (size_t i = 0; i < message->field_count; i++) {
    const tw_http_pair *it = &message->fields[i];
    if (!tw_web_is_token(it->name) || !tw_web_is_value(it->value) || tw_web_same_name(it->name, "transfer-encoding"))
      return TW_ERR_HEADER;
    if (message->skips != NULL && message->skips(it->name))
      continue;
    if (tw_web_same_name(it->name, "content-length")) {
      int32_t error = check_length(it->value, message);
      if (error != 0)
        return error;
      *has_length = true;
    }
    *has_connection = *has_connection || tw_web_same_name(it->name, "connection");
    tw_text_put(head, it->name);
    tw_text_put(head, ": ");
    tw_text_put(head, it->value);
    tw_text_put(head, "\r\n");
  }
  return 0;
}

/* ---- Bodies -------------------------------------------------------------------------------------------------- */

static int32_t write_chunk(int32_t conn, const void *data, size_t size, bool framed) {
  tw_text text = {0};
  if (framed) {
    tw_text_number(&text, size, 16);
    tw_text_put(&text, "\r\n");
  }
  tw_text_add(&text, data, size);
  if (framed)
    tw_text_put(&text, "\r\n");
  int32_t error = text.failed ? TW_ERR_MEMORY : tw_write_all(conn, text.bytes, text.size);
  tw_text_free(&text);
  return error;
}

static int32_t send_source(int32_t conn, const tw_web_message *message) {
  char part[TW_WEB_PART];
  bool framed = !message->until_close;
  int32_t size;
  while ((size = message->source(part, sizeof part, message->ctx)) > 0) {
    if (size > (int32_t)sizeof part)
      return TW_ERR_CALLBACK;
    int32_t error = write_chunk(conn, part, (size_t)size, framed);
    if (error < 0)
      return error;
  }
  return size < 0 ? size : framed ? write_chunk(conn, "", 0, true) : 0;
}

int32_t tw_web_send(int32_t conn, tw_text *head, const tw_web_message *message) {
  bool has_length = false, has_connection = false;
  bool empty = message->source == NULL && message->body_size == 0;
  int32_t error = add_fields(head, message, &has_length, &has_connection);
  if (error != 0)
    return error;
  if (message->body == NULL && message->body_size > 0)
    return TW_ERR_ARGUMENT;
  if (message->bodiless && !empty)
    return TW_ERR_ARGUMENT;
  if (message->close && !has_connection)
    tw_text_put(head, "connection: close\r\n");
  if (message->source != NULL && !message->until_close) {
    tw_text_put(head, "transfer-encoding: chunked\r\n");
  } else if (message->source == NULL && !has_length && !message->bodiless && (!empty || message->announce_zero)) {
    tw_text_put(head, "content-length: ");
    tw_text_number(head, message->body_size, 10);
    tw_text_put(head, "\r\n");
  }
  tw_text_put(head, "\r\n");
  if (!message->head_only && message->source == NULL)
    tw_text_add(head, message->body, message->body_size);
  if (head->failed)
    return TW_ERR_MEMORY;
  error = tw_write_all(conn, head->bytes, head->size);
  return error < 0 || message->head_only || message->source == NULL ? error : send_source(conn, message);
}
