#include <stdio.h>
#include <string.h>

#include "proto/http1/message.h"
#include "verdict.h"

/* The line of the head in which an error was found; one that is found behind a line is that line's. */
static size_t line_start(const uint8_t *data, size_t at) {
  size_t start = at;
  if (start > 0 && data[start - 1] == '\n')
    start--;
  while (start > 0 && data[start - 1] != '\n')
    start--;
  return start;
}

/* "ERR_HTTP behind host": the error, the part of the message, and whether a byte of it or all of it proved that. */
static void explain(const test_sample *sample, const tw_message *message, const char *part, size_t at, char *why,
                    size_t size) {
  static const char *const names[] = {"host", "content-length", "transfer-encoding"};
  static const struct {
    int32_t error;
    const char *name;
  } errors[] = {{TW_ERR_HTTP, "ERR_HTTP"},
                {TW_ERR_HTTP_VERSION, "ERR_HTTP_VERSION"},
                {TW_ERR_HTTP_CODING, "ERR_HTTP_CODING"},
                {TW_ERR_BODY_TOO_LARGE, "ERR_BODY_TOO_LARGE"}};
  size_t start = line_start(sample->data, at);
  const char *error = "?";
  const char *where = part;
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
    if (errors[i].error == message->error)
      error = errors[i].name;
  if (part == NULL)
    where = start == 0 || (start == 2 && sample->data[0] == '\r') ? "line one"
            : at == start + 2 && sample->data[start] == '\r'      ? "head"
                                                                  : "field";
  bool behind = at > 0 && sample->data[at - 1] == '\n';
  for (size_t i = 0; part == NULL && behind && i < sizeof names / sizeof names[0]; i++) {
    size_t length = strlen(names[i]);
    bool same = at - start > length && sample->data[start + length] == ':';
    for (size_t k = 0; same && k < length; k++)
      same = (sample->data[start + k] | 0x20) == (names[i][k] | 0x20);
    if (same)
      where = names[i];
  }
  snprintf(why, size, "%s %s %s", error, behind ? "behind" : "in", where);
}

/* What kind of message it is. */
static const char *kind_of(const test_sample *sample, const tw_message *message) {
  uint32_t status = message->head.number;
  if ((sample->read & TW_HTTP_READ_RESPONSE) == 0)
    return (message->flags & TW_HTTP_HTTP_1_0) != 0 ? "request of 1.0" : "request";
  if (status < 200 || status == 204 || status == 304)
    return "response of 1xx, 204, 304";
  if ((message->flags & TW_HTTP_UPGRADE) != 0)
    return "response that opens a tunnel";
  if ((sample->read & TW_HTTP_READ_NO_BODY) != 0)
    return "response to HEAD";
  return (message->flags & TW_HTTP_HTTP_1_0) != 0 ? "response of 1.0" : "response";
}

void judge_ours(const test_sample *sample, test_verdict *verdict) {
  static const tw_limits limits = TW_LIMITS_HOST;
  tw_message message;
  const char *part = NULL; /* that is passing, if the head is whole */
  const char *kind = "";
  size_t at = 0;
  twc_message_init(&message, sample->read, UINT32_MAX, &limits);
  while (at < sample->size && !message.over) {
    size_t used;
    tw_message_part one;
    twc_message_next(&message, sample->data + at, sample->size - at, &used, &one);
    at += used;
    if (one.type == TW_MESSAGE_HEAD && one.final) {
      part = "chunks";
      kind = kind_of(sample, &message);
    }
    if (one.type == TW_MESSAGE_BODY) {
      buffer_append(&verdict->body, one.data, one.size);
      part = one.final ? "trailers" : "chunks";
    }
  }
  verdict->end = at;
  verdict->keep_alive = (message.flags & TW_HTTP_KEEP_ALIVE) != 0;
  verdict->upgrade = (message.flags & TW_HTTP_UPGRADE) != 0 && (sample->read & TW_HTTP_READ_RESPONSE) != 0;
  verdict->kind = !message.over ? VERDICT_WAITS : message.error == 0 ? VERDICT_TAKES : VERDICT_REFUSES;
  if (verdict->kind == VERDICT_REFUSES)
    explain(sample, &message, part, at, verdict->why, sizeof verdict->why);
  else
    snprintf(verdict->why, sizeof verdict->why, "%s", kind);
}
