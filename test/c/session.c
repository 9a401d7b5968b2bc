/* session.c: runs the steps of one case against one core. */
#include "session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUIET_AFTER = 100000, POISON = 0xa5, POISONED_BLOCKS = 4096, SMALL_EVENTS = 4, SMALL_BUFFER = 64 };

/* What a case gets unless it sets a limit: small, so that bounds are near. */
static const tw_limits default_limits = {
    .sockets = 4,
    .webSockets = 4,
    .recvBuffer = 4096,
    .stageBuffer = 4096,
    .sendBuffer = 65536,
    .blockSize = 512,
    .sendPool = 131072,
    .textPool = 4096,
    .events = 64,
    .maxMessage = 1048576,
    .maxHead = 4096,
    .connectTimeoutMs = 10000,
    .handshakeTimeoutMs = 10000,
    .closeTimeoutMs = 5000,
    .maxLine = 4096,
    .maxFields = 64,
    .maxFragments = 1024,
    .maxUnfinished = 1048576,
};

void session_free(test_session *s) {
  free(s->memory);
  script_host_free(&s->host);
  log_free(&s->events);
  buffer_free(&s->arrivals);
  buffer_free(&s->scratch);
  buffer_free(&s->incoming);
  buffer_free(&s->joined_bytes);
  buffer_free(&s->apart);
  buffer_free(&s->why);
  *s = (test_session){0};
}

int fail_with(test_session *s, const char *format, ...) {
  char line[400];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  buffer_text(&s->why, line);
  return 0;
}

/* ---- Deliveries ---- */

test_sock *session_sock(test_session *s, int32_t handle) {
  return handle == TW_NONE ? NULL : script_host_sock(&s->host, handle);
}

/* What the application's handler of the event just delivered does. */
static void handle_event(test_session *s) {
  if (s->during_count == 0)
    return;
  const test_step step = s->during[0];
  s->during_count--;
  for (int i = 0; i < s->during_count; i++)
    s->during[i] = s->during[i + 1];
  s->draining = true;
  if (session_do(s, &step) != 1)
    script_host_fault(&s->host, "(not the core's fault) what was to be done during an event failed", NULL);
  s->draining = false;
}

int session_during(test_session *s, const test_step *step) {
  if (s->during_count == (int)(sizeof s->during / sizeof s->during[0]))
    return fail_with(s, "too much to do during events");
  s->during[s->during_count++] =
      (test_step){.count = step->count - 1, .text = step->text + 1, .size = step->size + 1, .number = step->number + 1};
  return 1;
}

static void drain(test_session *s, uint32_t ready) {
  for (int rounds = 0; ready > 0; rounds++) {
    if (ready > s->limits.events || rounds > QUIET_AFTER) {
      script_host_fault(&s->host, rounds > QUIET_AFTER ? "events without an end" : "more events than limits.events",
                        NULL);
      return;
    }
    for (uint32_t i = 0; i < ready; i++) {
      events_add(s, &twc_events(s->core)[i]);
      handle_event(s);
    }
    ready = twc_pump(s->core);
  }
}

/* The next move of a host that takes writes bit by bit. */
static bool dribble(test_session *s, test_sock *sock) {
  if (!s->mode.dribble || !sock->open || sock->take >= 0 || sock->span_count == 0)
    return false;
  sock->offer_again = !sock->offer_again;
  if (sock->offer_again) {
    script_host_hand_back(sock);
    drain(s, twc_written(s->core, sock->handle, 0));
  } else {
    uint32_t size = (uint32_t)sock->pending.size;
    script_host_write_pending(&s->host, sock, size);
    drain(s, twc_written(s->core, sock->handle, size));
  }
  return true;
}

static bool deliver_held(test_session *s, test_sock *sock) {
  if (!sock->open || !sock->reading)
    return false;
  if (sock->held.size > 0) {
    uint32_t size = sock->held.size < s->limits.recvBuffer ? (uint32_t)sock->held.size : s->limits.recvBuffer;
    memcpy(twc_rx_buffer(s->core), sock->held.data, size);
    buffer_drop(&sock->held, size);
    drain(s, twc_received(s->core, sock->handle, size));
    return true;
  }
  if (!sock->held_end)
    return false;
  sock->held_end = false;
  drain(s, twc_ended(s->core, sock->handle));
  return true;
}

void session_settle(test_session *s, uint32_t ready) {
  if (s->draining)
    return;
  drain(s, ready);
  bool moved = true;
  for (int rounds = 0; moved && s->host.fault[0] == '\0'; rounds++) {
    bool quiet = !s->hold && twc_flush(s->core) == 0;
    uint32_t more = twc_pump(s->core);
    if (quiet && more > 0)
      script_host_fault(&s->host, "twc_flush kept silent about an event", NULL);
    moved = more > 0 || !(quiet || s->hold);
    drain(s, more);
    for (int i = 0; i < s->host.count; i++) {
      moved = dribble(s, &s->host.socks[i]) || moved;
      moved = deliver_held(s, &s->host.socks[i]) || moved;
    }
    if (rounds > QUIET_AFTER)
      script_host_fault(&s->host, "the core does not come to rest", NULL);
  }
}

static size_t piece_size(const test_session *s, size_t left) {
  size_t size = left < s->limits.recvBuffer ? left : s->limits.recvBuffer;
  if (s->mode.pieces == PIECES_BYTES)
    return 1;
  if (s->mode.pieces == PIECES_SPLIT && s->mode.split > s->received && s->mode.split - s->received < size)
    return s->mode.split - s->received;
  return size;
}

/* Delivers what PIECES_JOINED has collected: its last bytes and the end without a flush between them. */
static void deliver_joined(test_session *s) {
  int32_t handle = s->joined;
  if (handle == 0 || s->draining)
    return;
  s->joined = 0;
  test_sock *sock = session_sock(s, handle);
  bool open = sock != NULL && sock->open;
  for (size_t at = 0; at < s->joined_bytes.size && s->host.fault[0] == '\0';) {
    size_t left = s->joined_bytes.size - at;
    uint32_t piece = left < s->limits.recvBuffer ? (uint32_t)left : s->limits.recvBuffer;
    if (open && sock->open && (!sock->reading || sock->held.size > 0)) {
      buffer_append(&sock->held, s->joined_bytes.data + at, left);
      break;
    }
    memcpy(twc_rx_buffer(s->core), s->joined_bytes.data + at, piece);
    drain(s, twc_received(s->core, handle, piece));
    at += piece;
  }
  if (s->joined_end)
    session_ended(s, handle);
  s->joined_end = false;
  buffer_clear(&s->joined_bytes);
  session_settle(s, 0);
}

static void join(test_session *s, int32_t handle) {
  if (s->joined != handle || s->joined_end)
    deliver_joined(s);
  s->joined = handle;
}

void session_receive(test_session *s, int32_t handle, const uint8_t *data, size_t size, bool split) {
  if (s->mode.pieces == PIECES_JOINED && !s->draining) {
    join(s, handle);
    buffer_append(&s->joined_bytes, data, size);
    return;
  }
  if (split)
    buffer_append(&s->arrivals, &s->received, sizeof s->received);
  while (size > 0 && s->host.fault[0] == '\0') {
    size_t piece = split || s->mode.pieces == PIECES_BYTES ? piece_size(s, size) : size;
    if (piece > s->limits.recvBuffer)
      piece = s->limits.recvBuffer;
    test_sock *sock = session_sock(s, handle);
    if (sock != NULL && sock->open && (!sock->reading || sock->held.size > 0)) {
      buffer_append(&sock->held, data, piece);
    } else {
      memcpy(twc_rx_buffer(s->core), data, piece);
      session_settle(s, twc_received(s->core, handle, (uint32_t)piece));
    }
    data += piece;
    size -= piece;
    if (split)
      s->received += piece;
  }
}

static void end_later(test_session *s, int32_t handle) {
  join(s, handle);
  s->joined_end = true;
}

void session_ended(test_session *s, int32_t handle) {
  if (s->mode.pieces == PIECES_JOINED && !s->draining && !s->joined_end) {
    end_later(s, handle);
    return;
  }
  test_sock *sock = session_sock(s, handle);
  if (sock != NULL && sock->open && (!sock->reading || sock->held.size > 0))
    sock->held_end = true;
  else
    session_settle(s, twc_ended(s->core, handle));
}

/* Ticks when the core asked for it, as a host does. */
void session_advance(test_session *s, uint32_t ms) {
  for (int idle = 0; s->host.fault[0] == '\0';) {
    uint32_t wait = twc_wait(s->core);
    uint32_t step = wait < ms ? wait : ms;
    idle = step == 0 ? idle + 1 : 0;
    if (idle > QUIET_AFTER)
      script_host_fault(&s->host, "twc_wait stays 0", NULL);
    s->now += step;
    ms -= step;
    session_settle(s, twc_tick(s->core, s->now));
    if (ms == 0)
      break;
  }
}

/* ---- Running ---- */

static bool start(test_session *s) {
  if (s->mode.small) {
    s->limits.events = SMALL_EVENTS;
    if (!s->own_recv_buffer)
      s->limits.recvBuffer = SMALL_BUFFER;
  }
  uint32_t need = twc_need(&s->limits);
  if (need == 0)
    return fail_with(s, "twc_need: a limit is out of its range") != 0;
  if (need > s->memory_size) {
    free(s->memory);
    s->memory_size = ((size_t)need + 63) / 64 * 64;
    s->memory = aligned_alloc(64, s->memory_size);
    if (s->memory == NULL)
      abort();
  }
  /* Most blocks keep what the last run left: that is as foreign, and most of the arena. */
  size_t blocks = s->limits.sendPool > POISONED_BLOCKS ? s->limits.sendPool - POISONED_BLOCKS : 0;
  memset(s->memory, POISON, need - blocks);
  if (twc_init(s->memory, need - 1, &s->limits, &s->host) != NULL)
    return fail_with(s, "twc_init took less memory than twc_need asked for") != 0;
  s->host.arena = s->memory;
  s->core = twc_init(s->memory, need, &s->limits, &s->host);
  if (s->core == NULL)
    return fail_with(s, "twc_init returned NULL") != 0;
  s->now = s->mode.wrap ? 0xffffffffu - 499 : 1000000;
  session_settle(s, twc_tick(s->core, s->now));
  s->all_blocks = twc_free_blocks(s->core);
  return true;
}

static const test_op *find_op(const char *name) {
  static const test_op *const tables[] = {application_ops, http_ops, ws_ops, host_ops, expect_ops};
  for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
    for (const test_op *op = tables[t]; op->name != NULL; op++)
      if (op->name[0] == name[0] && strcmp(op->name, name) == 0)
        return op;
  return NULL;
}

/* Whether what a run leaves behind is compared with another run, at its end. */
static bool compares_later(const test_session *s) {
  return s->mode.pieces == PIECES_APART || s->mode.pieces == PIECES_JOINED;
}

static bool is_expectation(const test_op *op) {
  const test_op *first = expect_ops;
  while (first->name != NULL && first != op)
    first++;
  return first == op;
}

/* Whether it adds to what the peer has sent, so that both can come in one delivery. */
static bool is_from_peer(const test_op *op) {
  return strcmp(op->name, "rx") == 0 || strcmp(op->name, "rx-masked") == 0 || strcmp(op->name, "ended") == 0;
}

int session_do(test_session *s, const test_step *step) {
  char why[2048] = "";
  int leaf = leaf_step(step, why, sizeof why);
  if (leaf >= 0) {
    if (leaf == 0)
      buffer_text(&s->why, why);
    return leaf;
  }
  const test_op *op = find_op(step->text[0]);
  if (op == NULL)
    return fail_with(s, "no such operation");
  int args = step->count - 1;
  if (args < op->min || (op->max >= 0 && args > op->max))
    return fail_with(s, "wrong number of arguments");
  bool early = strcmp(op->name, "limit") == 0 || strcmp(op->name, "limits-refused") == 0;
  if (!early && s->core == NULL && !start(s))
    return 0;
  if (compares_later(s)) {
    if (is_expectation(op))
      return 1;
    if (!is_from_peer(op))
      deliver_joined(s);
  }
  if (op->run(s, step) == 0)
    return 0;
  if (s->host.fault[0] != '\0')
    return fail_with(s, "the core broke the contract of the host: %s", s->host.fault);
  return 1;
}

/* After a case: nothing is left unread, and once everything is closed nothing is left in the core. */
static bool clean_up(test_session *s) {
  static const char *const events_text[] = {"events"};
  static const char *const wire_text[] = {"wire"};
  static const size_t sizes[] = {0};
  static const long long numbers[] = {0};
  const test_step no_events = {.count = 1, .text = events_text, .size = sizes, .number = numbers};
  const test_step no_wire = {.count = 1, .text = wire_text, .size = sizes, .number = numbers};
  deliver_joined(s);
  events_end(s);
  if (compares_later(s)) {
    log_end(&s->events);
    log_end(&s->host.wire);
    s->left_events = s->events.lines.size;
    s->left_wire = s->host.wire.lines.size;
  }
  if (s->during_count > 0)
    return fail_with(s, "no event came for what was to be done during it") != 0;
  if (!compares_later(s) &&
      (!log_expect(&s->events, &no_events, &s->why) || !log_expect(&s->host.wire, &no_wire, &s->why)))
    return fail_with(s, "(lines that no step expected)") != 0;
  s->hold = false;
  s->host.refuse_open = 0;
  for (int i = 0; i < s->host.count; i++)
    twc_close(s->core, s->host.socks[i].handle);
  session_settle(s, 0);
  session_advance(s, s->limits.closeTimeoutMs);
  if (s->host.fault[0] != '\0')
    return fail_with(s, "when all was closed, the core broke the contract of the host: %s", s->host.fault) != 0;
  if (twc_free_blocks(s->core) != s->all_blocks)
    return fail_with(s, "when all was closed, %u of %u blocks are free", (unsigned)twc_free_blocks(s->core),
                     (unsigned)s->all_blocks) != 0;
  if (twc_wait(s->core) != TW_FOREVER)
    return fail_with(s, "when all was closed, a timer is left: %u ms", (unsigned)twc_wait(s->core)) != 0;
  for (int i = 0; i < s->host.count; i++)
    if (s->host.socks[i].open)
      return fail_with(s, "when all was closed, the host's socket of %s is still open", s->host.socks[i].name) != 0;
  return true;
}

/* Every place can be taken again. */
static bool fill_tables(test_session *s) {
  if (s->own_text_pool || s->host.count + (int)(s->limits.sockets + s->limits.webSockets) > TEST_SOCKS)
    return true;
  for (uint32_t i = 0; i < s->limits.sockets + s->limits.webSockets; i++) {
    char name[TEST_NAME];
    snprintf(name, sizeof name, "#%u", (unsigned)i);
    bool ws = i >= s->limits.sockets;
    test_sock *sock = script_host_add(&s->host, name, ws ? TW_KIND_WS : TW_KIND_TCP);
    s->host.opening = sock;
    int32_t handle = ws ? twc_ws_connect(s->core, "ws://h/", 7) : twc_tcp_connect(s->core, "h", 1, 80);
    s->host.opening = NULL;
    const uint32_t opened = (uint32_t)handle;
    tap_add(&s->host.tap, "opened", &opened, 1, "", 0);
    if (handle < 0)
      return fail_with(s, "when all was closed, place %u of the tables is still taken: %s", (unsigned)i,
                       error_name(handle)) != 0;
    sock->handle = handle;
  }
  return true;
}

static void reset(test_session *s, const test_mode *mode) {
  s->mode = *mode;
  s->limits = default_limits;
  s->core = NULL;
  s->message = NULL;
  s->hold = false;
  s->draining = false;
  s->during_count = 0;
  s->received = 0;
  s->joined = 0;
  s->joined_end = false;
  buffer_clear(&s->joined_bytes);
  s->own_recv_buffer = false;
  s->own_text_pool = false;
  log_clear(&s->events);
  buffer_clear(&s->arrivals);
  buffer_clear(&s->why);
  script_host_reset(&s->host);
  s->host.dribble = mode->dribble;
}

bool session_run(test_session *s, const test_case *one, const test_mode *mode) {
  reset(s, mode);
  for (int i = 0; i < one->count; i++) {
    if (session_do(s, &one->steps[i]) == 1)
      continue;
    test_buffer why = {0};
    buffer_text(&why, "step ");
    buffer_number(&why, i + 1);
    for (int a = 0; a < one->steps[i].count && a < 4; a++) {
      buffer_text(&why, " ");
      if (one->steps[i].text[a] == NULL)
        buffer_number(&why, one->steps[i].number[a]);
      else
        buffer_append(&why, one->steps[i].text[a], one->steps[i].size[a] < 60 ? one->steps[i].size[a] : 60);
    }
    buffer_text(&why, ": ");
    buffer_append(&why, s->why.data, s->why.size);
    buffer_free(&s->why);
    s->why = why;
    return false;
  }
  return s->core == NULL || (clean_up(s) && fill_tables(s));
}

/* The lines of a run, without those of the wire that say how the host reads and when our half ends: with bytes that
 * come together that is as it should be. */
static void left_behind(const test_session *s, test_buffer *out) {
  buffer_append(out, s->events.lines.data, s->left_events);
  const char *line = (const char *)s->host.wire.lines.data;
  const char *end = line + s->left_wire;
  while (line < end) {
    const char *next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
    if (strncmp(line, "read ", 5) != 0 && strncmp(line, "shutdown ", 9) != 0)
      buffer_append(out, line, (size_t)(next - line));
    line = next;
  }
}

void session_keep(test_session *s) {
  buffer_clear(&s->apart);
  left_behind(s, &s->apart);
}

bool session_compare(test_session *s) {
  test_buffer joined = {0};
  left_behind(s, &joined);
  bool same =
      joined.size == s->apart.size && (joined.size == 0 || memcmp(joined.data, s->apart.data, joined.size) == 0);
  if (!same) {
    buffer_text(&s->why, "\n  apart:\n");
    buffer_append(&s->why, s->apart.data, s->apart.size);
    buffer_text(&s->why, "  joined:\n");
    buffer_append(&s->why, joined.data, joined.size);
  }
  buffer_free(&joined);
  return same;
}

static bool uses(const test_case *one, const char *op) {
  for (int i = 0; i < one->count; i++)
    if (strcmp(one->steps[i].text[0], op) == 0)
      return true;
  return false;
}

bool session_has_mode(const test_session *s, const test_case *one, const test_mode *mode) {
  if (mode->pieces == PIECES_APART || mode->pieces == PIECES_JOINED)
    return s->core != NULL && s->received > 0;
  if (mode->pieces == PIECES_WHOLE && !mode->small && !mode->dribble && !mode->wrap)
    return true;
  if (s->core == NULL)
    return false;
  /* Such a case says itself what is taken when. */
  if (mode->dribble)
    return !uses(one, "take") && !uses(one, "writes");
  if (mode->small)
    return !s->own_recv_buffer;
  return mode->pieces == PIECES_WHOLE || s->received > 0;
}
