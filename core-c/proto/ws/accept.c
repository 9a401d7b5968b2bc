/* accept.c: the server's side of the handshake, RFC 6455 4.2. The head was checked by the HTTP parser and is whole. */
#include <string.h>

#include "proto/http1/fields.h"
#include "proto/ws/ws.h"
#include "src/base64.h"
#include "src/bytes.h"

enum { OK = 101, BAD = 400, NOT_GET = 405, NOT_THIS = 426 };

typedef struct text {
  const char *at;
  uint32_t size;
} text;

/* What the head says, and what has been answered so far if it is not 101. */
typedef struct opening {
  uint16_t status;
  bool upgrade;    /* Upgrade: websocket */
  bool connection; /* Connection: Upgrade */
  uint8_t hosts;
  uint8_t keys;
  uint8_t versions;
  text key;
  text version;
  bool offered;     /* the subprotocol that was looked for */
  uint32_t deflate; /* what was agreed upon */
} opening;

/* The elements of a list: the words among them, and whether one is `name`, case included. */
typedef struct elements {
  uint32_t words;
  bool name;
} elements;

static elements read_list(text list, text name) {
  enum { VALUES = TW_WS_WORD_UPGRADE | TW_WS_WORD_WEBSOCKET };
  elements found = {0, false};
  uint8_t place = TW_VALUE_START;
  uint32_t at = 0; /* bytes that are those of the name */
  tw_words words;
  twc_words_begin(&words, VALUES);
  for (uint32_t i = 0; i <= list.size; i++) {
    const uint8_t byte = i < list.size ? (uint8_t)list.at[i] : ','; /* the end is one, too */
    switch (twc_value_next(&place, true, byte)) {
    case TW_VALUE_TEXT:
      twc_words_take(&words, twc_ws_words, &byte, 1);
      at = at < name.size && name.at[at] == (char)byte ? at + 1 : TW_MISMATCH;
      break;
    case TW_VALUE_MORE:
      words.matching = 0;
      at = TW_MISMATCH;
      break;
    case TW_VALUE_COMMA:
      found.words |= twc_words_end(&words, twc_ws_words);
      found.name |= place != TW_VALUE_START && at == name.size;
      place = TW_VALUE_START;
      at = 0;
      twc_words_begin(&words, VALUES);
      break;
    default:
      break;
    }
  }
  return found;
}

/* RFC 6455 4.1 item 7: Base64 of 16 bytes. */
static bool is_key(text key) {
  if (key.size != TW_WS_KEY_TEXT || key.at[22] != '=' || key.at[23] != '=')
    return false;
  for (uint32_t i = 0; i < 22; i++) {
    uint8_t c = (uint8_t)key.at[i];
    if (!twc_is_letter(c) && !twc_is_digit(c) && c != '+' && c != '/')
      return false;
  }
  return true;
}

static void take_field(opening *out, text name, text value, text protocol, uint32_t accepted) {
  switch (twc_words_find(twc_ws_words, TW_WS_WORDS_OF_REQUEST, name.at, name.size)) {
  case TW_WS_WORD_HOST:
    out->hosts++;
    break;
  case TW_WS_WORD_UPGRADE:
    out->upgrade |= (read_list(value, protocol).words & TW_WS_WORD_WEBSOCKET) != 0;
    break;
  case TW_WS_WORD_CONNECTION:
    out->connection |= (read_list(value, protocol).words & TW_WS_WORD_UPGRADE) != 0;
    break;
  case TW_WS_WORD_KEY:
    out->keys++;
    out->key = value;
    break;
  case TW_WS_WORD_VERSION:
    out->versions++;
    out->version = value;
    break;
  case TW_WS_WORD_PROTOCOL:
    out->offered |= read_list(value, protocol).name;
    break;
  case TW_WS_WORD_EXTENSIONS:
    if (accepted != 0 && out->deflate == 0)
      out->deflate = twc_ws_deflate_choose(accepted, value.at, value.size);
    break;
  default:
    break;
  }
}

static text trimmed(const tw_head_token *token) {
  text value = {(const char *)token->data, (uint32_t)token->size};
  while (value.size > 0 && (value.at[value.size - 1] == ' ' || value.at[value.size - 1] == '\t'))
    value.size--;
  return value;
}

static uint16_t verdict(const opening *said) {
  if (!said->upgrade)
    return NOT_THIS;
  if (said->versions == 1 && (said->version.size != 2 || memcmp(said->version.at, "13", 2) != 0))
    return NOT_THIS; /* RFC 6455 4.4 */
  bool right = said->connection && said->hosts == 1 && said->versions == 1 && said->keys == 1 && is_key(said->key);
  return right ? OK : BAD;
}

static opening read_head(const char *head, uint32_t size, text protocol, uint32_t accepted) {
  opening said = {.status = BAD};
  tw_head parser;
  text name = {NULL, 0};
  text value = {"", 0};
  const uint8_t *at = (const uint8_t *)head;
  twc_head_init(&parser, TW_HEAD_REQUEST, size);
  for (;;) {
    size_t used;
    tw_head_token token;
    if (twc_head_next(&parser, at, size - (size_t)(at - (const uint8_t *)head), &used, &token) != 0)
      return said;
    at += used;
    switch (token.type) {
    case TW_HEAD_METHOD:
      if (token.size != 3 || memcmp(token.data, "GET", 3) != 0) {
        said.status = NOT_GET;
        return said;
      }
      break;
    case TW_HEAD_VERSION:
      if (token.minor == 0)
        return said; /* RFC 6455 4.2.1 item 1: HTTP/1.1 or higher */
      break;
    case TW_HEAD_NAME:
      name = (text){(const char *)token.data, (uint32_t)token.size};
      value = (text){"", 0};
      break;
    case TW_HEAD_VALUE:
      value = trimmed(&token);
      break;
    case TW_HEAD_FIELD_END:
      take_field(&said, name, value, protocol, accepted);
      break;
    case TW_HEAD_END:
      said.status = verdict(&said);
      return said;
    case TW_HEAD_NEED:
      return said; /* not whole */
    default:
      break;
    }
  }
}

int32_t twc_ws_judge(const char *head, uint32_t head_size) {
  return read_head(head, head_size, (text){"", 0}, 0).status;
}

/* ---- The answer ---------------------------------------------------------------------------------------------- */

#define PUT(text) twc_tx_put(core, slot, text, sizeof(text) - 1)

static bool fields_right(const char *fields, uint32_t size, uint32_t count) {
  if (!twc_fields_valid(fields, size, count))
    return false;
  const char *at = fields;
  tw_field field;
  while (twc_field_next(&at, fields + size, &field))
    if (twc_words_find(twc_ws_words, TW_WS_WORDS_OF_ANSWER, field.name, field.name_size) != 0)
      return false;
  return true;
}

static void put_fields(tw_core *core, tw_slot *slot, const char *fields, uint32_t size) {
  const char *at = fields;
  tw_field field;
  while (twc_field_next(&at, fields + size, &field)) {
    twc_tx_put(core, slot, field.name, field.name_size);
    PUT(": ");
    twc_tx_put(core, slot, field.value, field.value_size);
    PUT("\r\n");
  }
}

static int32_t stream_ready(tw_core *core, int32_t handle, tw_slot **out) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_TCP);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  bool idle = twc_is_sending(slot) && slot->reader == NULL && slot->sending == 0;
  *out = slot;
  const uint32_t matter = TW_SLOT_ACCEPTED | TW_SLOT_ENDED;
  return idle && (slot->flags & matter) == TW_SLOT_ACCEPTED ? 0 : TW_ERR_STATE;
}

int32_t twc_ws_accept(tw_core *core, int32_t handle, const char *head, uint32_t head_size, const char *protocol,
                      uint32_t protocol_size, const char *fields, uint32_t fields_size, uint32_t field_count,
                      uint32_t deflate) {
  tw_slot *slot;
  int32_t error = stream_ready(core, handle, &slot);
  if (error != 0)
    return error;
  if (!twc_ws_deflate_valid(deflate))
    return TW_ERR_ARGUMENT;
  opening said = read_head(head, head_size, (text){protocol, protocol_size}, deflate);
  if (said.status != OK)
    return TW_ERR_WS_HANDSHAKE;
  if (protocol_size > 0 && !said.offered)
    return TW_ERR_ARGUMENT; /* RFC 6455 4.2.2 item 5: one that the client asked for */
  if (!fields_right(fields, fields_size, field_count))
    return TW_ERR_HEADER;
  enum { FIXED = 256 };
  if (protocol_size > core->limits.sendBuffer || fields_size > core->limits.sendBuffer / 4)
    return TW_ERR_TOO_LARGE;
  uint32_t most = protocol_size + 3 * fields_size + TW_WS_DEFLATE_TEXT + FIXED;
  if (most > core->limits.sendBuffer || !twc_chain_fits(&core->tx_pool, &slot->tx, most)) { /* else from the reserve */
    error = twc_tx_admit(core, slot, most);
    if (error != 0)
      return error;
  }
  if (protocol_size > 0 && !twc_text_fits(core, protocol_size))
    return TW_ERR_MEMORY;
  tw_ws *ws = twc_ws_take(core, slot);
  if (ws == NULL)
    return TW_ERR_LIMIT;
  if (protocol_size > 0) {
    twc_text_put(core, &ws->protocols, protocol, protocol_size);
    ws->chosen_size = protocol_size;
  }
  ws->deflate = (uint16_t)said.deflate;

  char accept[TW_WS_ACCEPT_TEXT];
  twc_ws_accept_text(said.key.at, accept);
  PUT("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
  twc_tx_put(core, slot, accept, sizeof accept);
  PUT("\r\n");
  if (protocol_size > 0) {
    PUT("Sec-WebSocket-Protocol: ");
    twc_tx_put(core, slot, protocol, protocol_size);
    PUT("\r\n");
  }
  if (said.deflate != 0) {
    char agreed[TW_WS_DEFLATE_TEXT];
    PUT("Sec-WebSocket-Extensions: ");
    twc_tx_put(core, slot, agreed, twc_ws_deflate_answer(said.deflate, agreed));
    PUT("\r\n");
  }
  put_fields(core, slot, fields, fields_size);
  PUT("\r\n");
  twc_ws_adopt(core, slot, ws, true);
  return 0;
}

int32_t twc_ws_attach(tw_core *core, int32_t handle, uint32_t client, uint32_t deflate) {
  tw_slot *slot;
  int32_t error = stream_ready(core, handle, &slot);
  if (error != 0)
    return error;
  if (!twc_ws_deflate_valid(deflate))
    return TW_ERR_ARGUMENT;
  tw_ws *ws = twc_ws_take(core, slot);
  if (ws == NULL)
    return TW_ERR_LIMIT;
  ws->deflate = (uint16_t)deflate;
  twc_ws_adopt(core, slot, ws, client == 0);
  return 0;
}
