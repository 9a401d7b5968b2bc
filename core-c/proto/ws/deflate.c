/* deflate.c: agreeing on permessage-deflate, RFC 7692 5, 7.1. What is compressed is the host's business; here is only
 * who may do what. The grammar of the field is that of RFC 6455 9, 9.1. */
#include <string.h>

#include "proto/ws/ws.h"
#include "src/bytes.h"

enum { MIN_BITS = 8, MAX_BITS = 15 };
enum { CLIENT_SHIFT = 4, BITS = 15 };

typedef struct text {
  const char *at;
  const char *end;
} text;

/* What one offer or one answer says. */
typedef struct parameters {
  uint32_t server_bits; /* 0: not given */
  uint32_t client_bits; /* 0: not given, or given without a value */
  bool client_bits_given;
  bool server_no_context;
  bool client_no_context;
} parameters;

static uint32_t server_bits(uint32_t deflate) { return deflate & BITS; }
static uint32_t client_bits(uint32_t deflate) { return deflate >> CLIENT_SHIFT & BITS; }

static uint32_t word(uint32_t server, uint32_t client, bool server_no_context, bool client_no_context) {
  return server | client << CLIENT_SHIFT | (server_no_context ? TW_DEFLATE_SERVER_NO_CONTEXT_TAKEOVER : 0) |
         (client_no_context ? TW_DEFLATE_CLIENT_NO_CONTEXT_TAKEOVER : 0);
}

bool twc_ws_deflate_valid(uint32_t deflate) {
  const uint32_t known = word(BITS, BITS, true, true);
  if (deflate == 0)
    return true;
  /* 8 is left out: zlib compresses nothing with so small a window. */
  return (deflate & ~known) == 0 && server_bits(deflate) > MIN_BITS && client_bits(deflate) > MIN_BITS;
}

/* ---- Reading ------------------------------------------------------------------------------------------------- */

static void skip_space(text *from) {
  while (from->at < from->end && (*from->at == ' ' || *from->at == '\t'))
    from->at++;
}

/* Takes the character if it comes next, white space around it aside. */
static bool take(text *from, char c) {
  skip_space(from);
  if (from->at == from->end || *from->at != c)
    return false;
  from->at++;
  skip_space(from);
  return true;
}

static text take_token(text *from) {
  text token = {from->at, from->at};
  while (token.end < from->end && twc_is_token_char((uint8_t)*token.end))
    token.end++;
  from->at = token.end;
  return token;
}

static bool is(text token, const char *name, size_t name_size) {
  return twc_bytes_equal_nocase(token.at, (size_t)(token.end - token.at), name, name_size);
}
#define IS(token, literal) is(token, literal, sizeof(literal) - 1)

/* "=8" to "=15", quoted or not: RFC 7692 7.1.2, no leading zero. 0: it is something else. */
static uint32_t take_bits(text *from) {
  bool quoted = take(from, '"');
  text token = take_token(from);
  if (quoted && !take(from, '"'))
    return 0;
  size_t size = (size_t)(token.end - token.at);
  if (size == 1 && (token.at[0] == '8' || token.at[0] == '9'))
    return (uint32_t)(token.at[0] - '0');
  if (size == 2 && token.at[0] == '1' && token.at[1] >= '0' && token.at[1] <= '5')
    return 10 + (uint32_t)(token.at[1] - '0');
  return 0;
}

/* One parameter behind its ";". False: unknown, twice, or with a value that it may not have. */
static bool take_parameter(text *from, parameters *out) {
  text name = take_token(from);
  bool valued = take(from, '=');
  if (IS(name, "server_no_context_takeover")) {
    bool again = out->server_no_context;
    out->server_no_context = true;
    return !again && !valued;
  }
  if (IS(name, "client_no_context_takeover")) {
    bool again = out->client_no_context;
    out->client_no_context = true;
    return !again && !valued;
  }
  uint32_t bits = valued ? take_bits(from) : 0;
  if (valued && bits == 0)
    return false;
  if (IS(name, "server_max_window_bits")) {
    bool again = out->server_bits != 0;
    out->server_bits = bits;
    return !again && valued;
  }
  if (IS(name, "client_max_window_bits")) {
    bool again = out->client_bits_given;
    out->client_bits_given = true;
    out->client_bits = bits;
    return !again;
  }
  return false;
}

/* To the comma that ends an element which is not understood; one in quotes ends nothing. */
static void skip_element(text *from) {
  bool quoted = false;
  for (; from->at < from->end && (quoted || *from->at != ','); from->at++)
    if (*from->at == '"')
      quoted = !quoted;
}

/* The next element of the list. False: it is not permessage-deflate, or says what may not be said. */
static bool take_element(text *from, parameters *out) {
  *out = (parameters){.server_bits = 0};
  bool right = IS(take_token(from), "permessage-deflate");
  while (right && take(from, ';'))
    right = take_parameter(from, out);
  skip_space(from);
  right = right && (from->at == from->end || *from->at == ',');
  if (!right)
    skip_element(from);
  return right;
}

/* ---- The client's side --------------------------------------------------------------------------------------- */

static uint32_t put(char *to, uint32_t at, const char *from, uint32_t size) {
  memcpy(to + at, from, size);
  return at + size;
}
#define PUT(to, at, literal) put(to, at, literal, sizeof(literal) - 1)

static uint32_t put_bits(char *to, uint32_t at, uint32_t bits) {
  to[at++] = '=';
  return at + twc_text_decimal(to + at, bits);
}

static uint32_t put_flags(char *to, uint32_t at, uint32_t deflate) {
  if ((deflate & TW_DEFLATE_SERVER_NO_CONTEXT_TAKEOVER) != 0)
    at = PUT(to, at, "; server_no_context_takeover");
  if ((deflate & TW_DEFLATE_CLIENT_NO_CONTEXT_TAKEOVER) != 0)
    at = PUT(to, at, "; client_no_context_takeover");
  return at;
}

static uint32_t offer(uint32_t deflate, char *to) {
  uint32_t at = put_flags(to, PUT(to, 0, "permessage-deflate"), deflate);
  if (server_bits(deflate) < MAX_BITS)
    at = put_bits(to, PUT(to, at, "; server_max_window_bits"), server_bits(deflate));
  if (client_bits(deflate) < MAX_BITS)
    return put_bits(to, PUT(to, at, "; client_max_window_bits"), client_bits(deflate));
  return PUT(to, at, "; client_max_window_bits"); /* RFC 7692 7.1.2.2: says that the server may choose */
}

static int32_t answered(uint32_t offered, const char *value, uint32_t size) {
  text from = {value, value + size};
  parameters said;
  skip_space(&from);
  if (!take_element(&from, &said) || from.at != from.end)
    return TW_ERR_WS_HANDSHAKE;
  /* What was asked of the server it has to promise, RFC 7692 7.1.1.1 and 7.1.2.1; it may promise more. */
  if ((offered & TW_DEFLATE_SERVER_NO_CONTEXT_TAKEOVER) != 0 && !said.server_no_context)
    return TW_ERR_WS_HANDSHAKE;
  uint32_t server = said.server_bits == 0 ? MAX_BITS : said.server_bits;
  if (server > server_bits(offered) || (said.client_bits_given && said.client_bits == 0))
    return TW_ERR_WS_HANDSHAKE;
  uint32_t client = client_bits(offered);
  if (said.client_bits_given && said.client_bits < client)
    client = said.client_bits;
  bool client_no_context = said.client_no_context || (offered & TW_DEFLATE_CLIENT_NO_CONTEXT_TAKEOVER) != 0;
  return (int32_t)word(server, client, said.server_no_context, client_no_context);
}

/* ---- The server's side --------------------------------------------------------------------------------------- */

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* What the two make together, or 0 if they don't go together. */
static uint32_t combine(uint32_t accepted, const parameters *offer) {
  uint32_t server = least(server_bits(accepted), offer->server_bits == 0 ? MAX_BITS : offer->server_bits);
  if (server == MIN_BITS)
    return 0; /* see twc_ws_deflate_valid */
  uint32_t client = client_bits(accepted);
  if (!offer->client_bits_given && client < MAX_BITS)
    return 0; /* RFC 7692 7.1.2.2: a client that does not say so cannot be limited */
  if (offer->client_bits != 0)
    client = least(client, offer->client_bits);
  return word(server, client, offer->server_no_context || (accepted & TW_DEFLATE_SERVER_NO_CONTEXT_TAKEOVER) != 0,
              offer->client_no_context || (accepted & TW_DEFLATE_CLIENT_NO_CONTEXT_TAKEOVER) != 0);
}

uint32_t twc_ws_deflate_choose(uint32_t accepted, const char *value, uint32_t size) {
  text from = {value, value + size};
  skip_space(&from);
  while (from.at < from.end) {
    parameters offer;
    uint32_t agreed = take_element(&from, &offer) ? combine(accepted, &offer) : 0;
    if (agreed != 0)
      return agreed;
    take(&from, ',');
  }
  return 0;
}

uint32_t twc_ws_deflate_answer(uint32_t agreed, char *to) {
  uint32_t at = put_flags(to, PUT(to, 0, "permessage-deflate"), agreed);
  if (server_bits(agreed) < MAX_BITS)
    at = put_bits(to, PUT(to, at, "; server_max_window_bits"), server_bits(agreed));
  if (client_bits(agreed) < MAX_BITS)
    at = put_bits(to, PUT(to, at, "; client_max_window_bits"), client_bits(agreed));
  return at;
}

/* ---- Calls --------------------------------------------------------------------------------------------------- */

static void put_offer(tw_core *core, tw_slot *slot, uint32_t deflate) {
  static const char name[] = "Sec-WebSocket-Extensions: ";
  char value[TW_WS_DEFLATE_TEXT];
  twc_tx_put(core, slot, name, sizeof name - 1);
  twc_tx_put(core, slot, value, offer(deflate, value));
  twc_tx_put(core, slot, "\r\n", 2);
}

static void keep_one(tw_ws_response *response, char byte) {
  if (response->kept_size < sizeof response->kept)
    response->kept[response->kept_size] = byte;
  if (response->kept_size <= sizeof response->kept)
    response->kept_size++;
}

static void keep(tw_ws_response *response, char byte, bool space) {
  if (space)
    keep_one(response, ' ');
  keep_one(response, byte);
}

static bool take_answer(tw_ws *ws) {
  const tw_ws_response *response = &ws->in.response;
  if (ws->deflate != 0 || response->kept_size > sizeof response->kept)
    return false;
  int32_t agreed = answered(ws->offered, response->kept, response->kept_size);
  if (agreed < 0)
    return false;
  ws->deflate = (uint16_t)agreed;
  return true;
}

static const tw_ws_deflate_ops client = {
    .write_offer = put_offer,
    .keep_answer = keep,
    .read_answer = take_answer,
};

int32_t twc_ws_set_deflate(tw_core *core, int32_t handle, uint32_t deflate) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_WS);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (!twc_ws_deflate_valid(deflate))
    return TW_ERR_ARGUMENT;
  if (slot->state != TW_STATE_CONNECTING && slot->state != TW_STATE_WAITING)
    return TW_ERR_STATE;
  core->deflate = &client;
  twc_ws_of(core, slot)->offered = (uint16_t)deflate;
  return 0;
}

int32_t twc_ws_deflate(tw_core *core, int32_t handle) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_WS);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  return twc_ws_is_agreed(slot) ? twc_ws_of(core, slot)->deflate : TW_ERR_STATE;
}
