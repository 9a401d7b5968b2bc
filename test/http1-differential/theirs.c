#include <llhttp.h>
#include <stdio.h>
#include <string.h>

#include "twinwire/abi.gen.h"
#include "verdict.h"

typedef struct context {
  const test_sample *sample;
  test_verdict *verdict;
  bool complete;
} context;

/* What an HTTP client passes to llhttp about the request that is answered: 1: no body, 2: no HTTP follows. */
static int on_headers_complete(llhttp_t *parser) {
  const context *c = parser->data;
  if ((c->sample->read & TW_HTTP_READ_NO_BODY) != 0)
    return 1;
  bool tunnel = (c->sample->read & TW_HTTP_READ_TUNNEL) != 0 && parser->status_code / 100 == 2;
  return tunnel ? 2 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size) {
  const context *c = parser->data;
  buffer_append(&c->verdict->body, at, size);
  return 0;
}

static int on_message_complete(llhttp_t *parser) {
  context *c = parser->data;
  c->complete = true;
  c->verdict->keep_alive = llhttp_should_keep_alive(parser) != 0;
  return HPE_PAUSED;
}

void judge_llhttp(const test_sample *sample, test_verdict *verdict) {
  llhttp_settings_t settings;
  llhttp_t parser;
  context c = {.sample = sample, .verdict = verdict};
  llhttp_settings_init(&settings);
  settings.on_headers_complete = on_headers_complete;
  settings.on_body = on_body;
  settings.on_message_complete = on_message_complete;
  llhttp_init(&parser, (sample->read & TW_HTTP_READ_RESPONSE) != 0 ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
  parser.data = &c;
  const char *data = (const char *)sample->data;
  llhttp_errno_t error = llhttp_execute(&parser, data, sample->size);
  const char *at = llhttp_get_error_pos(&parser);
  verdict->end = at == NULL ? sample->size : (size_t)(at - data);
  verdict->kind = c.complete ? VERDICT_TAKES : error == HPE_OK ? VERDICT_WAITS : VERDICT_REFUSES;
  if (verdict->kind == VERDICT_REFUSES)
    snprintf(verdict->why, sizeof verdict->why, "%s", llhttp_errno_name(error));
}
