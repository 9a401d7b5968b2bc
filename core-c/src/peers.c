/* peers.c: limits for each peer address of a listener: connections at the same time, new ones a second, messages a
 * second.
 *
 * Rates are token buckets that hold one second's worth. The table has limits.addresses entries in sets of WAYS; a
 * seeded hash selects the set, so that no peer can choose addresses that meet in one. A set without an unused entry
 * gives away the one that has had no connections for longest. If all have connections, a further address is admitted
 * and not counted: a full table must not lock anybody out. */
#include "src/peers.h"

#include <string.h>

#include "src/ip.h"
#include "src/life.h"

enum { WAYS = 8, WHOLE = 1000, SECOND = 1000, MAX_RATE = 1000000 };

/* The finalizer of SplitMix64. */
static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/* The address of "ip:port" or "[ip]:port" as it is counted: IPv6 by its /64, which is what one subscriber has (RFC
 * 6177). An IPv4 address gets a prefix of 0000::/8, which no IPv6 host has (RFC 4291 2.4). False: it is none, as of a
 * Unix socket. */
static bool read_prefix(const char *text, uint32_t size, uint64_t *prefix) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  uint8_t bytes[TW_IP_BYTES];
  if (twc_ip_parse_endpoint(text, size, bytes) == 0)
    return false;
  const uint8_t *from = memcmp(bytes, mapped, sizeof mapped) == 0 ? bytes + 8 : bytes;
  *prefix = 0;
  for (int i = 0; i < 8; i++)
    *prefix = *prefix << 8 | from[i];
  return true;
}

/* The entry of the address, taken if it has none. NULL: all that it could have are in use. */
static tw_address *find(tw_core *core, int32_t listener, uint64_t prefix) {
  uint32_t count = core->limits.addresses;
  uint32_t ways = count < WAYS ? count : WAYS;
  uint32_t set = (uint32_t)(mix(prefix ^ mix(core->address_seed + (uint32_t)listener)) % (count / ways));
  tw_address *oldest = NULL;
  uint32_t now = (uint32_t)core->now;
  for (tw_address *entry = &core->addresses[set * ways], *end = entry + ways; entry < end; entry++) {
    if (entry->listener == listener && entry->prefix == prefix)
      return entry;
    if (entry->connections > 0 || (oldest != NULL && oldest->listener == 0))
      continue;
    if (oldest == NULL || entry->listener == 0 || now - entry->refilled_at > now - oldest->refilled_at)
      oldest = entry;
  }
  if (oldest != NULL)
    *oldest = (tw_address){.prefix = prefix, .listener = listener, .refilled_at = now};
  return oldest;
}

/* A rate that was not limited before starts with a full bucket. */
static void set_rate(uint32_t *rate, uint32_t *left, uint32_t limit) {
  if (*rate == 0)
    *left = limit * WHOLE;
  *rate = limit;
}

static void refill_one(uint32_t *left, uint32_t rate, uint32_t ms) {
  uint32_t most = rate * WHOLE;
  uint32_t sum = *left + rate * ms; /* at most 2 * MAX_RATE * WHOLE */
  *left = sum < most ? sum : most;
}

static void refill(const tw_core *core, tw_address *entry) {
  uint32_t ms = (uint32_t)core->now - entry->refilled_at;
  ms = ms < SECOND ? ms : SECOND;
  entry->refilled_at = (uint32_t)core->now;
  refill_one(&entry->handshakes_left, entry->handshakes, ms);
  refill_one(&entry->messages_left, entry->messages, ms);
}

/* Takes one, if there is a limit. */
static bool take(uint32_t *left, uint32_t rate) {
  if (rate == 0)
    return true;
  if (*left < WHOLE)
    return false;
  *left -= WHOLE;
  return true;
}

/* Counts the connection, or says which counter of the refused ones it belongs to. */
static uint32_t *judge(tw_core *core, tw_slot *slot) {
  char text[TW_MAX_ADDRESS];
  uint64_t prefix;
  tw_slot *listener = twc_slot_find(core, slot->listener);
  if (listener == NULL)
    return NULL;
  tw_peer_limits *limits = &listener->per_address;
  if (limits->connections == 0 && limits->handshakes == 0 && limits->messages == 0)
    return NULL;
  int32_t size = twc_socket_address(core, slot, TW_ADDRESS_REMOTE, text, sizeof text);
  tw_address *entry =
      size > 0 && read_prefix(text, (uint32_t)size, &prefix) ? find(core, slot->listener, prefix) : NULL;
  if (entry == NULL) {
    limits->stats.untracked++;
    return NULL;
  }
  set_rate(&entry->handshakes, &entry->handshakes_left, limits->handshakes);
  set_rate(&entry->messages, &entry->messages_left, limits->messages);
  refill(core, entry);
  if (limits->connections > 0 && entry->connections >= limits->connections)
    return &limits->stats.refused_connections;
  if (!take(&entry->handshakes_left, entry->handshakes))
    return &limits->stats.refused_handshakes;
  limits->stats.admitted++;
  entry->connections++;
  slot->address = 1 + (uint32_t)(entry - core->addresses);
  return NULL;
}

/* One that is refused leaves no event: a flood of them would be a flood of events. The counters say how many there
 * were. */
static bool admit(tw_core *core, tw_slot *slot) {
  uint32_t *refused = judge(core, slot);
  if (refused != NULL) {
    ++*refused;
    twc_life_drop(core, slot, &(tw_end){.error = 0});
    return false;
  }
  slot->flags &= ~(uint32_t)TW_SLOT_RELEASED;
  twc_event_raise(core, slot, TW_RAISED_ACCEPTED);
  return true;
}

static tw_address *address_of(tw_core *core, const tw_slot *slot) {
  bool counted = (slot->flags & TW_SLOT_ACCEPTED) != 0 && slot->address != 0;
  return counted ? &core->addresses[slot->address - 1] : NULL;
}

static bool message(tw_core *core, const tw_slot *slot) {
  tw_address *entry = address_of(core, slot);
  if (entry == NULL || entry->messages == 0)
    return true;
  refill(core, entry);
  if (take(&entry->messages_left, entry->messages))
    return true;
  tw_slot *listener = twc_slot_find(core, slot->listener);
  if (listener != NULL)
    listener->per_address.stats.refused_messages++;
  return false;
}

static void left(tw_core *core, tw_slot *slot) {
  tw_address *entry = address_of(core, slot);
  if (entry == NULL)
    return;
  entry->connections--;
  slot->address = 0;
}

static const tw_peer_ops ops = {
    .admit = admit,
    .message = message,
    .left = left,
};

int32_t twc_set_address_limits(tw_core *core, int32_t listener, uint32_t connections, uint32_t handshakes,
                               uint32_t messages) {
  tw_slot *slot = twc_slot_owned(core, listener, TW_KIND_LISTENER);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (handshakes > MAX_RATE || messages > MAX_RATE)
    return TW_ERR_ARGUMENT;
  if (core->limits.addresses == 0)
    return TW_ERR_LIMIT;
  if (core->peers == NULL) {
    core->peers = &ops;
    memset(core->addresses, 0, core->limits.addresses * sizeof *core->addresses);
    twc_random_bytes(core, &core->address_seed, sizeof core->address_seed);
  }
  slot->per_address.connections = connections;
  slot->per_address.handshakes = handshakes;
  slot->per_address.messages = messages;
  return 0;
}

int32_t twc_address_stats(tw_core *core, int32_t listener, tw_address_stats *stats) {
  tw_slot *slot = twc_slot_owned(core, listener, TW_KIND_LISTENER);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  *stats = slot->per_address.stats;
  return 0;
}
