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
  twc_base64(nonce, sizeof nonce, response->accept);

  PUT("GET ");
  put_target(core, slot, url);
  PUT(" HTTP/1.1\r\nHost: ");
  put_host(core, slot, url);
  /* RFC 9110 7.6.1, 7.8 */
  PUT("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
  twc_tx_put(core, slot, response->accept, TW_WS_KEY_TEXT);
  PUT("\r\nSec-WebSocket-Version: 13\r\n");
  if (ws->offered != 0) {
    core->deflate->write_offer(core, slot, ws->offered);
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

/* In the order of their bits. */
const char *const twc_ws_words[] = {"host",
                                    "upgrade",
                                    "connection",
                                    "sec-websocket-key",
                                    "sec-websocket-accept",
                                    "sec-websocket-version",
                                    "sec-websocket-protocol",
                                    "sec-websocket-extensions",
                                    "content-length",
                                    "transfer-encoding",
                                    "websocket"};

/* tw_ws_response.field while a name passes; no word has this bit. */
enum { IN_NAME = 32768 };

/* ---- The subprotocol ------------------------------------------------------------------------------------------- */

/* The byte at this place of the list of offers; 0 for the end of an offer. */
static char offered_at(const tw_core *core, const tw_ws *ws, uint32_t at) {
  char c = 0;
  if (at < ws->protocols.size)
    twc_chain_copy(&core->text_pool, &ws->protocols, at, &c, 1);
  return c == ',' ? 0 : c;
}

/* Takes the next byte of a name, 0 for its end, of which `at` bytes have passed; they are those of the offer at *place.
 * Moves *place to the first offer from there on that goes on so. Returns at + 1; TW_MISMATCH: there is none. */
static uint32_t offer_take(const tw_core *core, const tw_ws *ws, uint32_t at, uint32_t *place, char c) {
  const uint32_t begun = *place;
  for (uint32_t next = begun; at != TW_MISMATCH && next < ws->protocols.size; next += 2 /* ", " */) {
    uint32_t same = next == begun ? at : 0;
    while (same <= at && offered_at(core, ws, next + same) == (same < at ? offered_at(core, ws, begun + same) : c))
      same++;
    if (same > at) {
      *place = next;
      return same;
    }
    while (offered_at(core, ws, next) != 0)
      next++;
  }
  return TW_MISMATCH;
}

bool twc_ws_offers(const tw_core *core, const tw_ws *ws, const char *name, uint32_t name_size) {
  uint32_t place = 0;
  uint32_t at = 0;
  for (uint32_t i = 0; i <= name_size; i++)
    at = offer_take(core, ws, at, &place, i < name_size ? name[i] : 0);
  return at != TW_MISMATCH;
}

/* ---- Fields ---------------------------------------------------------------------------------------------------- */

static void begin_text(tw_ws_response *response) {
  twc_words_begin(&response->words, TW_WS_WORD_UPGRADE | TW_WS_WORD_WEBSOCKET);
  response->place = TW_VALUE_START;
}

/* The name of a field is whole. */
static void begin_value(tw_ws *ws, tw_ws_response *response) {
  if (response->field != IN_NAME)
    return;
  response->field = (uint16_t)twc_words_end(&response->words, twc_ws_words);
  response->at = response->kept_size = 0;
  if (response->field == TW_WS_WORD_PROTOCOL)
    ws->chosen_at = 0;
  begin_text(response);
}

/* An element of Connection is whole. */
static void end_element(tw_ws_response *response) {
  if (twc_words_end(&response->words, twc_ws_words) == TW_WS_WORD_UPGRADE)
    response->seen |= SEEN_CONNECTION;
  begin_text(response);
}

/* `more`: white space is in front of the byte, so that the text is more than one word. */
static void take_text(const tw_core *core, tw_ws *ws, tw_ws_response *response, uint8_t byte, bool more) {
  const uint32_t at = more ? TW_MISMATCH : response->at;
  if (more)
    response->words.matching = 0;
  switch (response->field) {
  case TW_WS_WORD_ACCEPT:
    response->at = at < sizeof response->accept && response->accept[at] == (char)byte ? at + 1 : TW_MISMATCH;
    break;
  case TW_WS_WORD_PROTOCOL:
    response->at = offer_take(core, ws, at, &ws->chosen_at, (char)byte);
    break;
  case TW_WS_WORD_EXTENSIONS:
    if (ws->offered != 0)
      core->deflate->keep_answer(response, (char)byte, more);
    response->at = TW_MISMATCH; /* not empty */
    break;
  default:
    twc_words_take(&response->words, twc_ws_words, &byte, 1);
    break;
  }
}

static void take_value(const tw_core *core, tw_ws *ws, tw_ws_response *response, const tw_head_token *token) {
  const bool list = response->field == TW_WS_WORD_CONNECTION;
  for (size_t i = 0; i < token->size; i++) {
    const tw_value_part part = twc_value_next(&response->place, list, token->data[i]);
    switch (part) {
    case TW_VALUE_TEXT:
    case TW_VALUE_MORE:
      take_text(core, ws, response, token->data[i], part == TW_VALUE_MORE);
      break;
    case TW_VALUE_COMMA:
      end_element(response);
      break;
    default:
      break;
    }
  }
}

/* Nothing but the one extension that was offered may be in it. */
static bool take_extensions(const tw_core *core, tw_ws *ws, const tw_ws_response *response) {
  return response->at == 0 || (ws->offered != 0 && core->deflate->read_answer(ws));
}

/* Notes a field that may come once. False: it came before. */
static bool first_time(tw_ws_response *response, uint8_t seen) {
  bool again = (response->seen & seen) != 0;
  response->seen |= seen;
  return !again;
}

/* A field is whole. False: it breaks the handshake. */
static bool end_field(tw_core *core, tw_ws *ws, tw_ws_response *response) {
  switch (response->field) {
  case TW_WS_WORD_UPGRADE:
    response->seen |= SEEN_UPGRADE;
    return twc_words_end(&response->words, twc_ws_words) == TW_WS_WORD_WEBSOCKET;
  case TW_WS_WORD_CONNECTION:
    end_element(response);
    return true;
  case TW_WS_WORD_ACCEPT: /* RFC 6455 11.3.3: at most once */
    return first_time(response, SEEN_ACCEPT) && response->at == sizeof response->accept;
  case TW_WS_WORD_EXTENSIONS:
    return take_extensions(core, ws, response);
  case TW_WS_WORD_PROTOCOL: /* RFC 6455 11.3.4 */
    ws->chosen_size = response->at;
    return first_time(response, SEEN_PROTOCOL) && offer_take(core, ws, response->at, &ws->chosen_at, 0) != TW_MISMATCH;
  default:
    return true;
  }
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

/* One token of the head. Returns 0 to go on, or what is wrong. */
static int32_t take_token(tw_core *core, tw_ws *ws, tw_ws_response *response, const tw_head_token *token) {
  const bool matters = response->status == 101;
  switch (token->type) {
  case TW_HEAD_STATUS:
    response->status = token->number;
    if (token->number != 101)
      return 0;
    twc_ws_accept_text(response->accept, response->accept);
    return token->minor == 0 ? TW_ERR_WS_HANDSHAKE : 0;
  case TW_HEAD_NAME:
    if (response->field != IN_NAME)
      twc_words_begin(&response->words, TW_WS_WORDS_OF_REQUEST);
    response->field = IN_NAME;
    twc_words_take(&response->words, twc_ws_words, token->data, token->size);
    return 0;
  case TW_HEAD_VALUE:
  case TW_HEAD_FIELD_END: {
    begin_value(ws, response);
    if (token->type == TW_HEAD_VALUE) {
      take_value(core, ws, response, token);
      return 0;
    }
    bool right = !matters || end_field(core, ws, response);
    response->field = 0;
    return right ? 0 : TW_ERR_WS_HANDSHAKE;
  }
  case TW_HEAD_END:
    return !matters || complete(ws, response) ? 0 : TW_ERR_WS_HANDSHAKE;
  default:
    return 0;
  }
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
  if (report)
    core->report_head(core, slot, data + start, data + at, whole);
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
