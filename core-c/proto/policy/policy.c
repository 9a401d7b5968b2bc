/* policy.c: connections that go only to addresses which a policy allows, so that a name, a redirect or a name server
 * that strangers control leads to no host of the inner network.
 *
 * A literal address is checked when the connection is opened, a resolved one by the host before it connects
 * (twc_check_address), and what the socket is connected to before a byte is sent, whatever the host did. */
#include <string.h>

#include "proto/stream/stream.h"
#include "proto/ws/ws.h"
#include "src/bytes.h"
#include "src/ip.h"
#include "src/life.h"

/* Behind the host's name in tw_route.text. */
typedef struct rule {
  bool allow;
  bool private; /* instead of the prefix */
  uint8_t bits;
  uint8_t address[TW_IP_BYTES]; /* of IPv4: IPv4-mapped */
} rule;

/* ---- Addresses ------------------------------------------------------------------------------------------------ */

enum { MAPPED_BITS = 96 };
static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};   /* RFC 4291 2.5.5.2 */
static const uint8_t nat64[] = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}; /* RFC 6052 2.1 */

static bool has_prefix(const uint8_t *address, const uint8_t *prefix, uint32_t bits) {
  uint32_t whole = bits / 8;
  uint8_t mask = (uint8_t)(0xff00u >> bits % 8);
  return memcmp(address, prefix, whole) == 0 && (mask == 0 || ((address[whole] ^ prefix[whole]) & mask) == 0);
}

/* What the registries of IANA (RFC 6890) call not globally reachable, and multicast. */
static bool is_private_ipv4(const uint8_t address[4]) {
  static const uint8_t prefixes[][5] = {
      {0, 0, 0, 0, 8},       {10, 0, 0, 0, 8},     {100, 64, 0, 0, 10}, {127, 0, 0, 0, 8},    {169, 254, 0, 0, 16},
      {172, 16, 0, 0, 12},   {192, 0, 0, 0, 24},   {192, 0, 2, 0, 24},  {192, 168, 0, 0, 16}, {198, 18, 0, 0, 15},
      {198, 51, 100, 0, 24}, {203, 0, 113, 0, 24}, {224, 0, 0, 0, 4},   {240, 0, 0, 0, 4},
  };
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (has_prefix(address, prefixes[i], prefixes[i][4]))
      return true;
  return false;
}

/* Of IPv6 only 2000::/3 is in use, and parts of it are not reachable either. What carries an IPv4 address is judged by
 * that (is_allowed). */
static bool is_private(const uint8_t address[TW_IP_BYTES]) {
  static const uint8_t prefixes[][5] = {
      {0x20, 0x01, 0, 0, 23},       /* RFC 2928: protocol assignments, Teredo among them */
      {0x20, 0x01, 0x0d, 0xb8, 32}, /* RFC 3849: documentation */
      {0x3f, 0xff, 0, 0, 20},       /* RFC 9637: documentation */
  };
  if (has_prefix(address, mapped, MAPPED_BITS))
    return is_private_ipv4(address + sizeof mapped);
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (has_prefix(address, prefixes[i], prefixes[i][4]))
      return true;
  return (address[0] & 0xe0) != 0x20 && !has_prefix(address, nat64, MAPPED_BITS);
}

/* The IPv4 address that packets to this IPv6 address are translated or tunneled to, if there is one, as IPv4-mapped. */
static bool inner_address(const uint8_t address[TW_IP_BYTES], uint8_t inner[TW_IP_BYTES]) {
  const uint8_t *from = has_prefix(address, nat64, MAPPED_BITS) ? address + 12
                        : address[0] == 0x20 && address[1] == 2 ? address + 2 /* RFC 3056: 2002::/16 */
                                                                : NULL;
  if (from == NULL)
    return false;
  memcpy(inner, mapped, sizeof mapped);
  memcpy(inner + sizeof mapped, from, 4);
  return true;
}

/* ---- Rules ---------------------------------------------------------------------------------------------------- */

static bool read_bits(const char *text, size_t size, uint32_t most, uint32_t *bits) {
  *bits = 0;
  for (size_t i = 0; i < size; i++) {
    if (!twc_is_digit((uint8_t)text[i]) || i == 3)
      return false;
    *bits = *bits * 10 + (uint32_t)(text[i] - '0');
  }
  return size > 0 && *bits <= most;
}

/* Reads "-private", "+10.0.0.0/8", "-2001:db8::1" ... */
static bool read_rule(const char *text, size_t size, rule *out) {
  *out = (rule){.allow = size > 0 && text[0] == '+'};
  if (!out->allow && (size == 0 || text[0] != '-'))
    return false;
  text++;
  size--;
  out->private = twc_bytes_equal_nocase(text, size, "private", 7);
  if (out->private)
    return true;
  size_t slash = 0;
  while (slash < size && text[slash] != '/' && text[slash] != '%') /* an address with a zone is none of a prefix */
    slash++;
  uint32_t most = twc_ip_parse(text, slash, out->address) == 4 ? 32 : 8 * TW_IP_BYTES;
  uint32_t bits = most;
  if (twc_ip_family(text, slash) == 0 ||
      (slash < size && (text[slash] == '%' || !read_bits(text + slash + 1, size - slash - 1, most, &bits))))
    return false;
  out->bits = (uint8_t)(bits + (most == 32 ? MAPPED_BITS : 0));
  return true;
}

/* The rules of a list, appended to the chain. Returns 0 or an error. */
static int32_t keep_rules(tw_core *core, tw_chain *chain, const char *list, uint32_t size) {
  for (uint32_t at = 0, end; at <= size; at = end + 1) {
    rule next;
    for (end = at; end < size && list[end] != ','; end++)
      ;
    if (!read_rule(list + at, end - at, &next))
      return TW_ERR_ARGUMENT;
    if (!twc_text_put(core, chain, &next, sizeof next))
      return TW_ERR_MEMORY;
  }
  return 0;
}

/* A prefix of IPv6, ::/0 for example, is none of IPv4. */
static bool matches(const rule *it, const uint8_t address[TW_IP_BYTES]) {
  if (it->private)
    return is_private(address);
  return has_prefix(address, it->address, it->bits) &&
         (it->bits >= MAPPED_BITS || !has_prefix(address, mapped, MAPPED_BITS));
}

/* An address that is allowed is not denied. A policy that denies nothing denies all that it does not allow. */
static bool allows_form(const tw_core *core, const tw_route *route, const uint8_t address[TW_IP_BYTES]) {
  bool deny = false;
  bool open = true; /* no rule denies anything */
  for (uint32_t at = route->host_size; at < route->text.size; at += sizeof(rule)) {
    rule it;
    twc_chain_copy(&core->text_pool, &route->text, at, &it, sizeof it);
    if (matches(&it, address)) {
      if (it.allow)
        return true;
      deny = true;
    }
    open = open && it.allow;
  }
  return !deny && !open;
}

static bool is_allowed(const tw_core *core, const tw_slot *slot, const uint8_t address[TW_IP_BYTES]) {
  uint8_t inner[TW_IP_BYTES];
  return allows_form(core, &slot->route, address) &&
         (!inner_address(address, inner) || allows_form(core, &slot->route, inner));
}

/* ---- The route ------------------------------------------------------------------------------------------------ */

static bool permits(const tw_core *core, const tw_slot *slot, const char *address, uint32_t size) {
  uint8_t bytes[TW_IP_BYTES];
  return twc_ip_parse(address, size, bytes) != 0 && is_allowed(core, slot, bytes);
}

/* The last word, whoever resolved the name. An address that the host does not know is not allowed. */
static bool check_peer(tw_core *core, tw_slot *slot) {
  char text[TW_MAX_ADDRESS];
  uint8_t bytes[TW_IP_BYTES];
  int32_t size = twc_socket_address(core, slot, TW_ADDRESS_REMOTE, text, sizeof text);
  if (size > 0 && twc_ip_parse_endpoint(text, (size_t)size, bytes) != 0 && is_allowed(core, slot, bytes))
    return true;
  tw_end end = {.error = TW_ERR_POLICY,
                .step = TW_STEP_CONNECT,
                .close_code = slot->kind == TW_KIND_WS ? TW_WS_ABNORMAL : TW_ERR_POLICY};
  twc_life_drop(core, slot, &end);
  return false;
}

static const tw_route_ops route = {.begin_route = check_peer, .permits = permits};

/* ---- Opening -------------------------------------------------------------------------------------------------- */

static int32_t take_policy(tw_core *core, tw_slot *slot, const char *host, uint32_t host_size, const char *policy,
                           uint32_t policy_size) {
  uint8_t bytes[TW_IP_BYTES];
  if ((slot->flags & TW_SLOT_UNIX) != 0)
    return TW_ERR_POLICY; /* a path is no address, and leads to this machine */
  if (!twc_text_put(core, &slot->route.text, host, host_size))
    return TW_ERR_MEMORY;
  slot->route.host_size = (uint8_t)host_size;
  slot->route.port = slot->port;
  slot->route.ops = &route;
  int32_t error = keep_rules(core, &slot->route.text, policy, policy_size);
  if (error == 0 && twc_ip_parse(host, host_size, bytes) != 0 && !is_allowed(core, slot, bytes))
    error = TW_ERR_POLICY;
  return error;
}

static int32_t open_allowed(tw_core *core, tw_slot *slot, const char *host, uint32_t host_size, const char *policy,
                            uint32_t policy_size) {
  int32_t error = take_policy(core, slot, host, host_size, policy, policy_size);
  if (error == 0)
    return twc_life_open(core, slot);
  twc_slot_discard(core, slot);
  return error;
}

int32_t twc_tcp_connect_allowed(tw_core *core, const char *host, uint32_t host_size, int32_t port, const char *policy,
                                uint32_t policy_size) {
  int32_t error;
  if (!twc_text_is_host(host, host_size))
    return TW_ERR_ARGUMENT;
  if (port < 1 || port > TW_MAX_PORT)
    return TW_ERR_PORT;
  tw_slot *slot = twc_stream_make(core, host, host_size, (uint16_t)port, &error);
  return slot == NULL ? error : open_allowed(core, slot, host, host_size, policy, policy_size);
}

int32_t twc_ws_connect_allowed(tw_core *core, const char *url, uint32_t url_size, const char *policy,
                               uint32_t policy_size) {
  int32_t error;
  tw_slot *slot = twc_ws_make(core, url, url_size, &error);
  if (slot == NULL)
    return error;
  const tw_url *parts = &twc_ws_of(core, slot)->url;
  return open_allowed(core, slot, url + parts->host, parts->host_size, policy, policy_size);
}
