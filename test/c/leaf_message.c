/* leaf_message.c: random HTTP messages against the parser. */
#include "leaf_message.h"

#include <stdlib.h>
#include <string.h>

typedef struct reader {
  tw_message message;
  test_buffer *out;
  tw_message_type section; /* whose parts are coming */
  size_t at;
  bool broken;
} reader;

static void broken(reader *r, const char *why) {
  buffer_text(r->out, "broken: ");
  buffer_text(r->out, why);
  buffer_text(r->out, "\n");
  r->message.over = r->broken = true;
}

static void take(reader *r, const tw_message_part *part) {
  static const char *const names[] = {"none ", "head ", "body ", "trailer "};
  if (part->first != (r->section == TW_MESSAGE_NONE) || (!part->first && part->type != r->section)) {
    broken(r, "a part of another section");
    return;
  }
  if (part->first)
    buffer_text(r->out, names[part->type]);
  buffer_append(r->out, part->data, part->size);
  r->section = part->final ? TW_MESSAGE_NONE : part->type;
  if (part->final)
    buffer_text(r->out, " whole\n");
}

static void offer(reader *r, const uint8_t *data, size_t size) {
  size_t at = 0;
  while (at < size && !r->message.over) {
    size_t used = SIZE_MAX;
    tw_message_part part;
    twc_message_next(&r->message, data + at, size - at, &used, &part);
    if (used > size - at) {
      broken(r, "used more than it was given");
      return;
    }
    bool some = part.type != TW_MESSAGE_NONE;
    if (part.size > 0 && (part.data < data + at || part.data + part.size != data + at + used))
      broken(r, "a part is not the end of what was consumed");
    if (!some && !r->message.over && used != size - at)
      broken(r, "wants more, yet did not consume all");
    if (used == 0 && !r->message.over)
      broken(r, "consumes nothing");
    if (some)
      take(r, &part);
    at += used;
  }
  r->at += at;
}

bool leaf_message_run(test_buffer *out, uint32_t read, uint32_t max_body, const tw_limits *limits, const uint8_t *data,
                      size_t size, const size_t *pieces, size_t count, bool ended) {
  reader r = {.out = out};
  tw_message_part part = {.type = TW_MESSAGE_NONE};
  twc_message_init(&r.message, read, max_body, limits);
  size_t at = 0;
  for (size_t i = 0; at < size && !r.message.over; i = (i + 1) % count) {
    size_t piece = pieces[i] == 0 || pieces[i] > size - at ? size - at : pieces[i];
    /* A block of its own, so that a sanitizer sees every byte read beyond it. */
    uint8_t *copy = malloc(piece);
    if (copy == NULL)
      abort();
    memcpy(copy, data + at, piece);
    offer(&r, copy, piece);
    free(copy);
    at += piece;
  }
  if (ended)
    twc_message_end(&r.message, &part);
  if (part.type != TW_MESSAGE_NONE)
    take(&r, &part);
  if (r.message.over && r.message.error == 0 && r.section != TW_MESSAGE_NONE)
    broken(&r, "a good message ends in a section");
  buffer_text(out, r.message.over ? "\nover " : "\nneed ");
  buffer_number(out, r.message.error);
  buffer_text(out, " ");
  buffer_number(out, twc_message_answer(&r.message));
  buffer_text(out, " ");
  buffer_number(out, r.message.flags);
  buffer_text(out, " at ");
  buffer_number(out, (long long)r.at);
  buffer_text(out, "\n");
  return !r.broken;
}
