/* handshake.c: the client's side of the handshake, RFC 6455 4.1: the request, and what the response must say. */
#include <string.h>

#include "proto/ws/ws.h"
#include "src/bytes.h"
#include "src/url.h"

enum { SEEN_UPGRADE = 1, SEEN_CONNECTION = 2, SEEN_ACCEPT = 4, SEEN_PROTOCOL = 8 };

static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */

/* ---- The request --------------------------------------------------------------------------------------------- */

#define PUT(text) twc_tx_put(core, slot, text, sizeof(text) - 1)

static void put_chain(tw_core *core, tw_slot *slot, const tw_chain *chain, uint32_t at, uint32_t size) {
  for (uint32_t end = at + size, got; at < end; at += got) {
    uint8_t *to = twc_tx_extend(core, slot, end - at, &got);
    twc_chain_copy(&core->text_pool, chain, at, to, got);
  }
}

static void put_target(tw_core *core, tw_slot *slot, const tw_url *url) {
  for (uint32_t i = 0; i < url->target_size; i++) {
    uint8_t byte;
    char encoded[3];
    twc_chain_copy(&core->text_pool, &slot->target, url->target + i, &byte, 1);
    if (i == 0 && byte != '/')
      PUT("/"); /* "?query" right after the host */
    twc_tx_put(core, slot, encoded, twc_url_encode_byte(byte, encoded));
  }
  if (url->target_size == 0)
    PUT("/");
}

static void put_host(tw_core *core, tw_slot *slot, const tw_url *url) {
  if ((url->flags & TW_URL_UNIX) != 0) {
    PUT("localhost");
    return;
  }
  char port[10];
  bool bracketed = (url->flags & TW_URL_IPV6) != 0;
  if (bracketed)
    PUT("[");
  put_chain(core, slot, &slot->target, url->host, url->host_size);
  if (bracketed)
    PUT("]");
  if ((url->flags & TW_URL_DEFAULT_PORT) != 0)
    return;
  PUT(":");
  twc_tx_put(core, slot, port, twc_text_decimal(port, url->port));
}

int32_t twc_ws_request(tw_core *core, tw_slot *slot, tw_ws *ws) {
  const tw_url *url = &ws->url;
  /* At most: each byte of the target escaped; 256 for all that is fixed. */
  uint32_t most = 3 * url->target_size + url->host_size + ws->headers.size + ws->protocols.size + 256;
  if (ws->offered != 0)
    most += TW_WS_DEFLATE_TEXT;
  if (most > core->limits.sendBuffer || most > core->tx_pool.count * core->tx_pool.block_size)
    return TW_ERR_TOO_LARGE;
  if (!twc_chain_fits(&core->tx_pool, &slot->tx, most)) {
    twc_tx_owe(core, slot, most);
    return TW_ERR_BACKPRESSURE;
  }

  tw_ws_response *response = &ws->in.response;
  *response = (tw_ws_response){.seen = 0};
  twc_head_init(&response->head, TW_HEAD_RESPONSE, core->limits.maxHead);
  uint8_t nonce[16];
  twc_random_bytes(core, nonce, sizeof nonce);
  twc_base64(nonce, sizeof nonce, response->key);

  PUT("GET ");
  put_target(core, slot, url);
  PUT(" HTTP/1.1\r\nHost: ");
  put_host(core, slot, url);
  PUT("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
  twc_tx_put(core, slot, response->key, TW_WS_KEY_TEXT);
  PUT("\r\nSec-WebSocket-Version: 13\r\n");
  if (ws->offered != 0) {
    char offer[TW_WS_DEFLATE_TEXT];
    PUT("Sec-WebSocket-Extensions: ");
    twc_tx_put(core, slot, offer, core->deflate->offer(ws->offered, offer));
    PUT("\r\n");
  }
  if (ws->protocols.size > 0) {
    PUT("Sec-WebSocket-Protocol: ");
    put_chain(core, slot, &ws->protocols, 0, ws->protocols.size);
    PUT("\r\n");
  }
  put_chain(core, slot, &ws->headers, 0, ws->headers.size);
  PUT("\r\n");
  return 0;
}

/* ---- The answer ---------------------------------------------------------------------------------------------- */

void twc_ws_accept_text(const char *key, char *accept) {
  char text[TW_WS_KEY_TEXT + sizeof magic - 1];
  uint8_t digest[20];
  memcpy(text, key, TW_WS_KEY_TEXT);
  memcpy(text + TW_WS_KEY_TEXT, magic, sizeof magic - 1);
  twc_sha1(text, sizeof text, digest);
  twc_base64(digest, sizeof digest, accept);
}

static bool accept_right(const tw_ws_response *response) {
  char expected[TW_WS_ACCEPT_TEXT];
  twc_ws_accept_text(response->key, expected);
  return response->value_size == sizeof expected && memcmp(response->value, expected, sizeof expected) == 0;
}

bool twc_ws_offers(const tw_core *core, const tw_ws *ws, const char *name, uint32_t name_size, uint32_t *place) {
  uint32_t size = ws->protocols.size;
  for (uint32_t at = 0, end; at < size; at = end + 2 /* ", " */) {
    uint32_t same = 0;
    for (end = at; end < size; end++) {
      char c;
      twc_chain_copy(&core->text_pool, &ws->protocols, end, &c, 1);
      if (c == ',')
        break;
      if (end - at < name_size && name[end - at] == c)
        same++;
    }
    if (end - at == name_size && same == name_size) {
      *place = at;
      return true;
    }
  }
  return false;
}

static bool choose_protocol(const tw_core *core, tw_ws *ws, const tw_ws_response *response) {
  if (response->value_size > sizeof response->value)
    return false;
  ws->chosen_size = response->value_size;
  return twc_ws_offers(core, ws, response->value, response->value_size, &ws->chosen_at);
}

/* RFC 6455 11.3.2: may come more than once; nothing but the one extension that was offered may be in it, and once. */
static bool take_extensions(const tw_core *core, tw_ws *ws, const tw_ws_response *response) {
  if (response->value_size == 0)
    return true;
  if (ws->offered == 0 || ws->deflate != 0 || response->value_size > sizeof response->value)
    return false;
  int32_t agreed = core->deflate->answered(ws->offered, response->value, response->value_size);
  if (agreed < 0)
    return false;
  ws->deflate = (uint16_t)agreed;
  return true;
}

static bool name_is(const tw_ws_response *response, const char *name, uint32_t size) {
  return response->name_size == size && memcmp(response->name, name, size) == 0;
}
#define NAME_IS(name) name_is(response, name, sizeof(name) - 1)

static void put_value(tw_ws_response *response, char c) {
  if (response->value_size < sizeof response->value)
    response->value[response->value_size] = c;
  response->value_size++;
}

static bool is_space(char c) { return c == ' ' || c == '\t'; }

/* Whether more white space behind the value means nothing. */
static bool ends_in_space(const tw_ws_response *response) {
  return response->value_size == 0 || is_space(response->value[response->value_size - 1]);
}

/* Takes the trailing white space off, which belongs to no value (RFC 9112 5.1). */
static void trim_value(tw_ws_response *response) {
  if (response->value_size > 0 && response->value_size <= sizeof response->value && ends_in_space(response))
    response->value_size--;
}

/* An element of Connection is whole, RFC 9110 5.6.1. Such a list can be of any length: each element is looked at by
 * itself. */
static void end_element(tw_ws_response *response) {
  trim_value(response);
  if (twc_bytes_equal_nocase(response->value, response->value_size, "upgrade", 7))
    response->seen |= SEEN_CONNECTION;
  response->value_size = 0;
}

static void take_value(tw_ws_response *response, const tw_head_token *token) {
  const bool list = NAME_IS("connection");
  for (size_t i = 0; i < token->size; i++) {
    char c = (char)token->data[i];
    if (list && c == ',')
      end_element(response);
    else if (response->value_size <= sizeof response->value && !(is_space(c) && ends_in_space(response)))
      put_value(response, c);
  }
}

/* One whole field. False: it breaks the handshake. */
static bool take_field(tw_core *core, tw_ws *ws, tw_ws_response *response) {
  const uint32_t size = response->value_size;
  if (NAME_IS("upgrade")) {
    response->seen |= SEEN_UPGRADE;
    return twc_bytes_equal_nocase(response->value, size, "websocket", 9);
  }
  if (NAME_IS("connection")) {
    end_element(response);
    return true;
  }
  if (NAME_IS("sec-websocket-accept")) {
    bool again = (response->seen & SEEN_ACCEPT) != 0; /* RFC 6455 11.3.3: at most once */
    response->seen |= SEEN_ACCEPT;
    return !again && accept_right(response);
  }
  if (NAME_IS("sec-websocket-extensions"))
    return take_extensions(core, ws, response);
  if (NAME_IS("sec-websocket-protocol")) {
    bool again = (response->seen & SEEN_PROTOCOL) != 0; /* RFC 6455 11.3.4 */
    response->seen |= SEEN_PROTOCOL;
    return !again && choose_protocol(core, ws, response);
  }
  return true;
}

/* The head is whole: is all there that must be? RFC 6455 4.1; an offered subprotocol that is not taken up fails the
 * connection, as the WHATWG WebSocket does. */
static bool complete(const tw_ws *ws, const tw_ws_response *response) {
  uint32_t must = SEEN_UPGRADE | SEEN_CONNECTION | SEEN_ACCEPT;
  if (ws->protocols.size > 0)
    must |= SEEN_PROTOCOL;
  return (response->seen & must) == must;
}

/* RFC 9110 15.2: any number of 1xx answers may precede the one that counts; handshakeTimeoutMs bounds them. */
static bool is_interim(const tw_ws_response *response) {
  return response->status >= 100 && response->status < 200 && response->status != 101;
}

static void take_name(tw_ws_response *response, const tw_head_token *token) {
  for (size_t i = 0; i < token->size && response->name_size <= sizeof response->name; i++) {
    if (response->name_size < sizeof response->name)
      response->name[response->name_size] = twc_ascii_lower((char)token->data[i]);
    response->name_size++;
  }
}

/* One token of the head. Returns 0 to go on, or what is wrong. */
static int32_t take_token(tw_core *core, tw_ws *ws, tw_ws_response *response, const tw_head_token *token) {
  const bool matters = !is_interim(response) && response->status == 101;
  switch (token->type) {
  case TW_HEAD_STATUS:
    response->status = token->number;
    return token->number == 101 && token->minor == 0 ? TW_ERR_WS_HANDSHAKE : 0;
  case TW_HEAD_NAME:
    take_name(response, token);
    return 0;
  case TW_HEAD_VALUE:
    take_value(response, token);
    return 0;
  case TW_HEAD_FIELD_END: {
    trim_value(response);
    bool right = !matters || take_field(core, ws, response);
    response->name_size = response->value_size = 0;
    return right ? 0 : TW_ERR_WS_HANDSHAKE;
  }
  case TW_HEAD_END:
    return !matters || complete(ws, response) ? 0 : TW_ERR_WS_HANDSHAKE;
  default:
    return 0;
  }
}

/* Reports a piece of the head, for those who want to know what else the server said. */
static void report_head(tw_core *core, const tw_slot *slot, tw_ws_response *response, const uint8_t *data,
                        uint32_t size, bool whole) {
  tw_event *event = twc_event_make(core, slot, TW_EVENT_HTTP_HEAD);
  event->data = (uint32_t)(data - core->arena);
  event->size = size;
  event->flags = (uint16_t)((response->reported ? 0 : TW_FLAG_FIRST) | (whole ? TW_FLAG_FINAL : 0));
  event->code = whole ? response->status : 0;
  response->reported = true;
}

uint32_t twc_ws_answer(tw_core *core, tw_slot *slot, tw_ws *ws, const uint8_t *data, uint32_t size) {
  tw_ws_response *response = &ws->in.response;
  const bool report = (ws->options & TW_WS_OPTION_REPORT_HEAD) != 0;
  uint32_t at = 0;
  uint32_t start = 0;
  int32_t error = 0;
  tw_head_token token = {.type = TW_HEAD_REASON};
  while (error == 0 && token.type != TW_HEAD_NEED && token.type != TW_HEAD_END) {
    size_t used;
    error = twc_head_next(&response->head, data + at, size - at, &used, &token);
    at += (uint32_t)used;
    if (token.type == TW_HEAD_EMPTY_LINE)
      start = at;
    if (error == 0)
      error = take_token(core, ws, response, &token);
    /* What else a refusal says is of interest only to those who asked for it. */
    if (error == 0 && token.type == TW_HEAD_STATUS && response->status != 101 && !is_interim(response) && !report)
      error = TW_ERR_WS_REFUSED;
  }
  const bool whole = error == 0 && token.type == TW_HEAD_END;
  if (report && at > start && twc_head_begun(&response->head))
    report_head(core, slot, response, data + start, at - start, whole);
  if (whole && is_interim(response)) {
    twc_head_init(&response->head, TW_HEAD_RESPONSE, core->limits.maxHead);
    response->reported = false;
    return at;
  }
  if (whole && response->status != 101)
    error = TW_ERR_WS_REFUSED;
  if (error != 0) {
    twc_ws_refused(core, slot, error, response->status);
    return size;
  }
  if (whole)
    twc_ws_ready(core, slot, ws);
  return at;
}
