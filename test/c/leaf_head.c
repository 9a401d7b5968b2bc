/* leaf_head.c: steps that read an HTTP head, split at every place. */
#include "leaf_head.h"

#include <stdlib.h>
#include <string.h>

#include "twinwire/abi.gen.h"

typedef struct reader {
  tw_head head;
  test_buffer *out;
  test_buffer pending; /* an item whose parts are still coming */
  const char *label;   /* of that item, or NULL */
  test_buffer name;    /* the field's name, while its value is coming */
  bool over;
} reader;

static void put_line(reader *r, const char *label, const test_buffer *text) {
  buffer_text(r->out, label);
  buffer_append(r->out, text->data, text->size);
  buffer_text(r->out, "\n");
}

static void put_count(reader *r, const char *label, size_t number) {
  buffer_text(r->out, label);
  buffer_number(r->out, (long long)number);
  buffer_text(r->out, "\n");
}

static void broken(reader *r, const char *why) {
  buffer_text(r->out, "broken: ");
  buffer_text(r->out, why);
  buffer_text(r->out, "\n");
  r->over = true;
}

/* Lists the item whose parts are whole, if there is one. */
static void flush_item(reader *r) {
  if (r->label != NULL)
    put_line(r, r->label, &r->pending);
  r->label = NULL;
  buffer_clear(&r->pending);
}

static void add_part(reader *r, const char *label, const tw_head_token *token) {
  if (r->label != label)
    flush_item(r);
  r->label = label;
  buffer_append(&r->pending, token->data, token->size);
}

static void end_field(reader *r) {
  while (r->pending.size > 0 && strchr(" \t", r->pending.data[r->pending.size - 1]) != NULL)
    r->pending.size--;
  put_line(r, "name ", &r->name);
  put_line(r, "value ", &r->pending);
  buffer_clear(&r->name);
  buffer_clear(&r->pending);
}

static void take(reader *r, const tw_head_token *token, size_t consumed) {
  switch (token->type) {
  case TW_HEAD_NEED:
  case TW_HEAD_EMPTY_LINE:
    break;
  case TW_HEAD_STATUS:
    buffer_text(r->out, "status ");
    buffer_number(r->out, token->number);
    put_count(r, " ", token->minor);
    break;
  case TW_HEAD_VERSION:
    flush_item(r);
    put_count(r, "version ", token->minor);
    break;
  case TW_HEAD_REASON:
    add_part(r, "reason ", token);
    break;
  case TW_HEAD_METHOD:
    add_part(r, "method ", token);
    break;
  case TW_HEAD_TARGET:
    add_part(r, "target ", token);
    break;
  case TW_HEAD_NAME:
    flush_item(r);
    buffer_append(&r->name, token->data, token->size);
    break;
  case TW_HEAD_VALUE:
    buffer_append(&r->pending, token->data, token->size);
    break;
  case TW_HEAD_FIELD_END:
    end_field(r);
    break;
  case TW_HEAD_END:
    flush_item(r);
    put_count(r, "end at ", consumed);
    r->over = true;
    break;
  }
}

static bool is_part(tw_head_type type) {
  return type == TW_HEAD_REASON || type == TW_HEAD_METHOD || type == TW_HEAD_TARGET || type == TW_HEAD_NAME ||
         type == TW_HEAD_VALUE;
}

static void put_error(reader *r, int32_t error, size_t index) {
  if (error == TW_ERR_HTTP)
    put_count(r, "error ERR_HTTP at ", index);
  else if (error == TW_ERR_HTTP_VERSION)
    put_count(r, "error ERR_HTTP_VERSION at ", index);
  else if (error == TW_ERR_HEAD_TOO_LARGE)
    put_count(r, "error ERR_HEAD_TOO_LARGE at ", index);
  else
    broken(r, "an error it does not name");
  r->over = true;
}

/* Offers one piece; `before` bytes came earlier. */
static void offer(reader *r, const uint8_t *data, size_t size, size_t before) {
  size_t at = 0;
  while (!r->over) {
    size_t used = SIZE_MAX;
    tw_head_token token;
    int32_t error = twc_head_next(&r->head, data + at, size - at, &used, &token);
    if (used > size - at) {
      broken(r, "used more than it was given");
      return;
    }
    bool inside = token.size > 0 && token.data >= data + at && token.data + token.size == data + at + used;
    if (is_part(token.type) != inside) {
      broken(r, "a part is not the end of what was consumed");
      return;
    }
    at += used;
    if (error != 0) {
      if (token.type != TW_HEAD_NEED)
        broken(r, "a token beside an error");
      put_error(r, error, before + at);
      return;
    }
    take(r, &token, before + at);
    if (token.type != TW_HEAD_NEED)
      continue;
    if (at < size)
      broken(r, "wants more, yet did not consume all");
    return;
  }
}

/* What was final must stay: no byte is consumed after an end or an error. */
static void check_final(reader *r, int32_t error) {
  size_t used = SIZE_MAX;
  tw_head_token token;
  int32_t again = twc_head_next(&r->head, (const uint8_t *)"A", 1, &used, &token);
  if (again != error || used != 0 || (error == 0 && token.type != TW_HEAD_END))
    broken(r, "the end was not final");
}

void leaf_head_run(test_buffer *out, tw_head_kind kind, uint32_t max, const uint8_t *data, size_t size,
                   const size_t *pieces, size_t count) {
  reader r = {.out = out};
  twc_head_init(&r.head, kind, max);
  size_t at = 0;
  for (size_t i = 0; at < size && !r.over; i = (i + 1) % count) {
    size_t piece = pieces[i] == 0 || pieces[i] > size - at ? size - at : pieces[i];
    /* A block of its own, so that a sanitizer sees every byte read beyond it. */
    uint8_t *copy = malloc(piece);
    if (copy == NULL)
      abort();
    memcpy(copy, data + at, piece);
    offer(&r, copy, piece, at);
    free(copy);
    at += piece;
  }
  if (r.over)
    check_final(&r, r.head.error);
  else
    buffer_text(out, "need\n");
  buffer_free(&r.pending);
  buffer_free(&r.name);
}
