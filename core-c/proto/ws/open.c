/* open.c: what the application says before the handshake. */
#include <string.h>

#include "proto/ws/ws.h"
#include "src/base64.h"
#include "src/bytes.h"
#include "src/life.h"

tw_slot *twc_ws_make(tw_core *core, const char *text, uint32_t size, int32_t *error) {
  tw_url url;
  *error = size > TW_MAX_URL ? TW_ERR_URL : twc_url_parse(text, size, &url);
  if (*error != 0)
    return NULL;
  *error = TW_ERR_LIMIT;
  tw_slot *slot = twc_slot_take(core, TW_KIND_WS, &twc_ws_protocol_ops);
  if (slot == NULL)
    return NULL;
  tw_ws *ws = twc_ws_take(core, slot);
  if (ws == NULL) {
    twc_slot_discard(core, slot);
    return NULL;
  }
  twc_ws_init(core, ws);
  ws->url = url;
  slot->port = url.port;
  if ((url.flags & TW_URL_SECURE) != 0)
    slot->flags |= TW_SLOT_TLS;
  if ((url.flags & TW_URL_UNIX) != 0)
    slot->flags |= TW_SLOT_UNIX;
  *error = TW_ERR_MEMORY;
  if (twc_text_put(core, &slot->target, text, size))
    return slot;
  twc_slot_discard(core, slot);
  return NULL;
}

int32_t twc_ws_connect(tw_core *core, const char *text, uint32_t size) {
  int32_t error;
  tw_slot *slot = twc_ws_make(core, text, size, &error);
  return slot == NULL ? error : twc_life_open(core, slot);
}

/* A WebSocket whose next request has yet to be written. */
static tw_slot *unopened_slot(tw_core *core, int32_t handle, int32_t *error) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_WS);
  bool early = slot != NULL && (slot->state == TW_STATE_CONNECTING || slot->state == TW_STATE_WAITING);
  *error = slot == NULL ? TW_ERR_HANDLE : early ? 0 : TW_ERR_STATE;
  return slot;
}

static bool is_token(const char *text, uint32_t size) {
  for (uint32_t i = 0; i < size; i++)
    if (!twc_is_token_char((uint8_t)text[i]))
      return false;
  return size > 0;
}

static bool fits_all(const tw_core *core, const tw_chain *chain, uint32_t a, uint32_t b) {
  enum { MOST = 1 << 24, PUNCTUATION = 4 };
  return a < MOST && b < MOST && twc_chain_fits(&core->text_pool, chain, a + b + PUNCTUATION);
}

int32_t twc_ws_header(tw_core *core, int32_t handle, const char *name, uint32_t name_size, const char *value,
                      uint32_t value_size) {
  int32_t error;
  tw_slot *slot = unopened_slot(core, handle, &error);
  if (error != 0)
    return error;
  if (!is_token(name, name_size) || twc_words_find(twc_ws_words, TW_WS_WORDS_OF_REQUEST, name, name_size) != 0)
    return TW_ERR_HEADER;
  for (uint32_t i = 0; i < value_size; i++)
    if (!twc_is_value_char((uint8_t)value[i]))
      return TW_ERR_HEADER;
  tw_chain *headers = &twc_ws_of(core, slot)->headers;
  if (!fits_all(core, headers, name_size, value_size))
    return TW_ERR_MEMORY;
  twc_chain_append(&core->text_pool, headers, name, name_size);
  twc_chain_append(&core->text_pool, headers, ": ", 2);
  twc_chain_append(&core->text_pool, headers, value, value_size);
  twc_chain_append(&core->text_pool, headers, "\r\n", 2);
  return 0;
}

static bool is_credential(const char *text, uint32_t size, bool colon) {
  if (size > TW_MAX_CREDENTIAL)
    return false;
  for (uint32_t i = 0; i < size; i++)
    if ((uint8_t)text[i] < ' ' || text[i] == 0x7f || (!colon && text[i] == ':'))
      return false;
  return true;
}

int32_t twc_ws_basic_auth(tw_core *core, int32_t handle, const char *user, uint32_t user_size, const char *password,
                          uint32_t password_size) {
  static const char scheme[] = "Basic ";
  enum { SCHEME = sizeof scheme - 1, PAIR = 2 * TW_MAX_CREDENTIAL + 1 };
  if (!is_credential(user, user_size, false) || !is_credential(password, password_size, true))
    return twc_slot_owned(core, handle, TW_KIND_WS) == NULL ? TW_ERR_HANDLE : TW_ERR_HEADER;
  char pair[PAIR];
  char value[SCHEME + TW_BASE64_SIZE(PAIR)];
  memcpy(pair, user, user_size);
  pair[user_size] = ':'; /* RFC 7617 2 */
  memcpy(pair + user_size + 1, password, password_size);
  memcpy(value, scheme, SCHEME);
  uint32_t size = twc_base64(pair, user_size + 1 + password_size, value + SCHEME);
  return twc_ws_header(core, handle, "Authorization", 13, value, SCHEME + size);
}

/* Reports a piece of the answer's head, for those who want to know what else the server said. */
static void report_head(tw_core *core, const tw_slot *slot, const uint8_t *from, const uint8_t *to, bool whole) {
  tw_ws_response *response = &twc_ws_of(core, slot)->in.response;
  if (from == to || !twc_head_begun(&response->head))
    return;
  tw_event *event = twc_event_make(core, slot, TW_EVENT_HTTP_HEAD);
  event->data = (uint32_t)(from - core->arena);
  event->size = (uint32_t)(to - from);
  event->flags = (uint16_t)((response->reported ? 0 : TW_FLAG_FIRST) | (whole ? TW_FLAG_FINAL : 0));
  event->code = whole ? response->status : 0;
  response->reported = true;
}

int32_t twc_ws_set_options(tw_core *core, int32_t handle, uint32_t options, uint32_t max_message,
                           uint32_t max_fragments) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_WS);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  const uint32_t known = TW_WS_OPTION_NO_AUTO_PONG | TW_WS_OPTION_REPORT_HEAD | TW_WS_OPTION_RECEIVE_WHILE_CLOSING;
  if ((options & ~known) != 0 || max_message > INT32_MAX)
    return TW_ERR_ARGUMENT;
  tw_ws *ws = twc_ws_of(core, slot);
  core->report_head = report_head;
  ws->options = (uint8_t)options;
  ws->max_message = max_message == 0 ? core->limits.maxMessage : max_message;
  ws->max_fragments = max_fragments == 0 ? core->limits.maxFragments : max_fragments;
  return 0;
}

int32_t twc_ws_clear_headers(tw_core *core, int32_t handle) {
  int32_t error;
  tw_slot *slot = unopened_slot(core, handle, &error);
  if (error == 0)
    twc_chain_clear(&core->text_pool, &twc_ws_of(core, slot)->headers);
  return error;
}

static uint32_t terminated_size(const char *text) {
  uint32_t size = 0;
  while (text != NULL && text[size] != 0)
    size++;
  return size;
}

int32_t twc_ws_set_headers(tw_core *core, int32_t handle, const tw_ws_field *fields, uint32_t count) {
  int32_t error;
  tw_slot *slot = unopened_slot(core, handle, &error);
  if (error != 0)
    return error;
  tw_chain *headers = &twc_ws_of(core, slot)->headers;
  tw_chain before = *headers;
  twc_chain_init(headers);
  for (uint32_t i = 0; error == 0 && i < count; i++)
    error = twc_ws_header(core, handle, fields[i].name, terminated_size(fields[i].name), fields[i].value,
                          terminated_size(fields[i].value));
  twc_chain_clear(&core->text_pool, error == 0 ? &before : headers);
  if (error != 0)
    *headers = before;
  return error;
}

int32_t twc_ws_protocol(tw_core *core, int32_t handle, const char *name, uint32_t name_size) {
  int32_t error;
  tw_slot *slot = unopened_slot(core, handle, &error);
  if (error != 0)
    return error;
  if (!is_token(name, name_size))
    return TW_ERR_HEADER;
  tw_ws *ws = twc_ws_of(core, slot);
  if (twc_ws_offers(core, ws, name, name_size))
    return TW_ERR_ARGUMENT; /* RFC 6455 4.1: no name twice */
  if (!fits_all(core, &ws->protocols, name_size, 0))
    return TW_ERR_MEMORY;
  if (ws->protocols.size > 0)
    twc_chain_append(&core->text_pool, &ws->protocols, ", ", 2);
  twc_chain_append(&core->text_pool, &ws->protocols, name, name_size);
  return 0;
}

int32_t twc_protocol(tw_core *core, int32_t handle, char *text, uint32_t capacity) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_WS);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (!twc_ws_is_agreed(slot))
    return TW_ERR_STATE;
  const tw_ws *ws = twc_ws_of(core, slot);
  uint32_t size = ws->chosen_size < capacity ? ws->chosen_size : capacity;
  if (size > 0)
    twc_chain_copy(&core->text_pool, &ws->protocols, ws->chosen_at, text, size);
  return (int32_t)size;
}
