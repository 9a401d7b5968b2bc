/* tunnel.c: connections through an HTTP proxy: CONNECT, RFC 9110 9.3.6. */
#include "proto/http1/head.h"
#include "proto/http1/interpret.h"
#include "proto/stream/stream.h"
#include "proto/ws/ws.h"
#include "src/base64.h"
#include "src/ip.h"
#include "src/life.h"

_Static_assert(sizeof(tw_head) <= TW_READER_STATE, "a reader's state is one block");

/* ---- The answer ----------------------------------------------------------------------------------------------- */

static void fail(tw_core *core, tw_slot *slot, int32_t error, uint32_t status) {
  /* As with a refused handshake: the proxy understood and will not; 408 and 429 are about the moment. */
  bool final = status >= 400 && status < 500 && status != 408 && status != 429;
  tw_end end = {.error = error,
                .step = TW_STEP_PROXY,
                .detail = status,
                .close_code = slot->kind == TW_KIND_WS ? TW_WS_ABNORMAL : error,
                .final = final};
  twc_life_drop(core, slot, &end);
}

static bool is_interim(uint32_t status) { return status >= 100 && status < 200 && status != 101; }

static void await_answer(tw_core *core, tw_head *head) {
  twc_head_init(head, TW_HEAD_RESPONSE, core->limits.maxHead);
  twc_head_bound(head, core->limits.maxLine, core->limits.maxFields);
}

/* The head of the answer is whole; `left` bytes came behind it. */
static void answered(tw_core *core, tw_slot *slot, tw_head *head, uint32_t status, uint32_t left) {
  if (is_interim(status)) {
    await_answer(core, head);
  } else if (status < 200 || status > 299) {
    fail(core, slot, TW_ERR_PROXY, status);
  } else if (left > 0 && (slot->flags & TW_SLOT_TLS) != 0) {
    fail(core, slot, TW_ERR_TLS_BUFFERED, 0); /* the server speaks second; these bytes are the proxy's own */
  } else {
    twc_advance(core, slot);
  }
}

static uint32_t received(tw_core *core, tw_slot *slot, uint8_t *data, uint32_t size) {
  tw_head *head = twc_reader_state(core, slot);
  uint32_t at = 0;
  if (slot->phase == TW_PHASE_TUNNELED) /* TLS is to begin */
    fail(core, slot, TW_ERR_TLS_BUFFERED, 0);
  while (at < size && slot->reader != NULL) {
    size_t used;
    tw_head_token token;
    int32_t error = twc_head_next(head, data + at, size - at, &used, &token);
    at += (uint32_t)used;
    if (error != 0) {
      fail(core, slot, error, 0);
      return size;
    }
    if (token.type == TW_HEAD_END)
      answered(core, slot, head, token.number, size - at);
  }
  return at;
}

static void ended(tw_core *core, tw_slot *slot) {
  (void)core; /* the attempt fails with it */
  (void)slot;
}

static const tw_reader_ops reader = {.received = received, .ended = ended};

/* ---- The request ---------------------------------------------------------------------------------------------- */

#define PUT(text) twc_tx_put(core, slot, text, sizeof(text) - 1)

static void put_kept(tw_core *core, tw_slot *slot, uint32_t at, uint32_t size) {
  for (uint32_t end = at + size, got; at < end; at += got) {
    uint8_t *to = twc_tx_extend(core, slot, end - at, &got);
    twc_chain_copy(&core->text_pool, &slot->route.text, at, to, got);
  }
}

/* RFC 9112 3.2.3. */
static void put_authority(tw_core *core, tw_slot *slot) {
  uint32_t size = slot->route.target_size;
  char host[TW_MAX_HOST];
  char digits[10];
  twc_chain_copy(&core->text_pool, &slot->route.text, slot->route.host_size, host, size);
  bool literal = twc_ip_family(host, size) == 6;
  if (literal)
    PUT("[");
  twc_tx_put(core, slot, host, size);
  if (literal)
    PUT("]");
  PUT(":");
  twc_tx_put(core, slot, digits, twc_text_decimal(digits, slot->port));
}

/* Bytes of the request, at most. */
static uint32_t request_size(const tw_slot *slot) {
  enum { FIXED = 96 }; /* its words, two ports, brackets */
  return FIXED + 2u * slot->route.target_size + slot->route.text.size;
}

static bool ask(tw_core *core, tw_slot *slot) {
  uint32_t kept = (uint32_t)slot->route.host_size + slot->route.target_size;
  if (slot->phase == TW_PHASE_CONNECT) { /* else it comes again, with room */
    slot->phase = TW_PHASE_TUNNEL;
    twc_timer_arm(core, slot, core->limits.handshakeTimeoutMs);
  }
  if (!twc_chain_fits(&core->tx_pool, &slot->tx, request_size(slot))) {
    twc_tx_owe(core, slot, request_size(slot));
    return false;
  }
  tw_head *head = twc_reader_begin(core, slot, &reader);
  if (head == NULL) {
    fail(core, slot, TW_ERR_MEMORY, 0);
    return false;
  }
  await_answer(core, head);
  PUT("CONNECT ");
  put_authority(core, slot);
  PUT(" HTTP/1.1\r\nHost: ");
  put_authority(core, slot);
  if (slot->route.text.size > kept) {
    PUT("\r\nProxy-Authorization: Basic "); /* RFC 7617 */
    put_kept(core, slot, kept, slot->route.text.size - kept);
  }
  PUT("\r\n\r\n");
  return false; /* until it is answered */
}

/* The policy of a target is not the proxy's. */
static bool permits(const tw_core *core, const tw_slot *slot, const char *address, uint32_t size) {
  (void)core;
  (void)slot;
  (void)address;
  (void)size;
  return true;
}

static const tw_route_ops route = {.begin_route = ask, .permits = permits};

/* ---- Opening -------------------------------------------------------------------------------------------------- */

typedef struct proxy_of {
  const char *host;
  const char *credentials;
  uint32_t host_size;
  uint32_t credentials_size;
  int32_t port;
} proxy_of;

static int32_t check_proxy(const proxy_of *proxy) {
  bool colon = proxy->credentials_size == 0;
  if (!twc_text_is_host(proxy->host, proxy->host_size) || proxy->credentials_size > 2 * TW_MAX_CREDENTIAL + 1)
    return TW_ERR_ARGUMENT;
  if (proxy->port < 1 || proxy->port > TW_MAX_PORT)
    return TW_ERR_PORT;
  for (uint32_t i = 0; i < proxy->credentials_size; i++) {
    uint8_t byte = (uint8_t)proxy->credentials[i];
    if (byte < ' ' || byte == 0x7f)
      return TW_ERR_HEADER;
    colon = colon || byte == ':';
  }
  return colon ? 0 : TW_ERR_ARGUMENT;
}

/* Whether it may stand in a request line; a zone means something here only. */
static bool is_target(const char *host, uint32_t size) {
  uint32_t state = TW_HOST_START;
  bool zone = false;
  if (!twc_text_is_host(host, size))
    return false;
  for (uint32_t i = 0; i < size; i++) {
    state = twc_host_take(state, (uint8_t)host[i]);
    zone = zone || host[i] == '%';
  }
  return state == TW_HOST_NAME || (!zone && twc_ip_family(host, size) == 6);
}

/* Keeps what each attempt needs: the proxy's host, the target's, the credentials in base64. */
static bool keep(tw_core *core, tw_slot *slot, const char *host, uint32_t host_size, const proxy_of *proxy) {
  enum { STEP = 48, TEXT = TW_BASE64_SIZE(STEP) };
  uint32_t text_size = (proxy->credentials_size + 2) / 3 * 4;
  if (!twc_chain_fits(&core->text_pool, &slot->route.text, proxy->host_size + host_size + text_size))
    return false;
  twc_chain_append(&core->text_pool, &slot->route.text, proxy->host, proxy->host_size);
  twc_chain_append(&core->text_pool, &slot->route.text, host, host_size);
  for (uint32_t at = 0; at < proxy->credentials_size; at += STEP) {
    char text[TEXT];
    uint32_t left = proxy->credentials_size - at;
    twc_chain_append(&core->text_pool, &slot->route.text, text,
                     twc_base64(proxy->credentials + at, left < STEP ? left : STEP, text));
  }
  slot->route.host_size = (uint8_t)proxy->host_size;
  slot->route.target_size = (uint8_t)host_size;
  slot->route.port = (uint16_t)proxy->port;
  slot->route.ops = &route;
  return true;
}

static int32_t open_via(tw_core *core, tw_slot *slot, const char *host, uint32_t host_size, const proxy_of *proxy) {
  int32_t error = TW_ERR_MEMORY;
  if (keep(core, slot, host, host_size, proxy)) {
    uint32_t size = request_size(slot);
    if (size <= core->limits.sendBuffer && size <= (uint64_t)core->tx_pool.count * core->tx_pool.block_size)
      return twc_life_open(core, slot);
    error = TW_ERR_TOO_LARGE;
  }
  twc_slot_discard(core, slot);
  return error;
}

int32_t twc_tcp_connect_via(tw_core *core, const char *host, uint32_t host_size, int32_t port, const char *proxy,
                            uint32_t proxy_size, int32_t proxy_port, const char *credentials,
                            uint32_t credentials_size) {
  const proxy_of by = {proxy, credentials, proxy_size, credentials_size, proxy_port};
  if (!is_target(host, host_size))
    return TW_ERR_ARGUMENT;
  int32_t error = port < 1 || port > TW_MAX_PORT ? TW_ERR_PORT : check_proxy(&by);
  if (error != 0)
    return error;
  tw_slot *slot = twc_stream_make(core, host, host_size, (uint16_t)port, &error);
  return slot == NULL ? error : open_via(core, slot, host, host_size, &by);
}

int32_t twc_ws_connect_via(tw_core *core, const char *url, uint32_t url_size, const char *proxy, uint32_t proxy_size,
                           int32_t proxy_port, const char *credentials, uint32_t credentials_size) {
  const proxy_of by = {proxy, credentials, proxy_size, credentials_size, proxy_port};
  int32_t error = check_proxy(&by);
  if (error != 0)
    return error;
  tw_slot *slot = twc_ws_make(core, url, url_size, &error);
  if (slot == NULL)
    return error;
  const tw_url *parts = &twc_ws_of(core, slot)->url;
  if ((parts->flags & TW_URL_UNIX) == 0)
    return open_via(core, slot, url + parts->host, parts->host_size, &by);
  twc_slot_discard(core, slot);
  return TW_ERR_URL;
}
