/* script_host.c: a host without an operating system, which does what the steps of a vector say. */
#include "script_host.h"

#include <stdio.h>
#include <string.h>

#include "twinwire/port.h"

enum { RANDOM_SEED = 0x2545f491 };

void script_host_forget(test_sock *sock) {
  sock->open = false;
  sock->reading = false;
  sock->finished = false;
  sock->securing = false;
  sock->again = false;
  sock->span_count = 0;
  sock->span_done = 0;
  sock->held_end = false;
  buffer_clear(&sock->pending);
  buffer_clear(&sock->held);
}

/* Everything but the buffers' memory. */
static void sock_reset(test_sock *sock) {
  test_sock fresh = {.handle = TW_NONE, .take = -1};
  fresh.pending = sock->pending;
  fresh.held = sock->held;
  fresh.stream = sock->stream;
  *sock = fresh;
  script_host_forget(sock);
  buffer_clear(&sock->stream);
}

void script_host_reset(script_host *host) {
  for (int i = 0; i < host->count; i++)
    sock_reset(&host->socks[i]);
  log_clear(&host->wire);
  buffer_clear(&host->random);
  host->count = 0;
  host->opening = NULL;
  host->random_state = RANDOM_SEED;
  host->refuse_open = 0;
  host->refuse_send = 0;
  host->refuse_connect = 0;
  host->refuse_tls = 0;
  host->dribble = false;
  host->fault[0] = '\0';
}

void script_host_free(script_host *host) {
  for (int i = 0; i < TEST_SOCKS; i++) {
    buffer_free(&host->socks[i].pending);
    buffer_free(&host->socks[i].held);
    buffer_free(&host->socks[i].stream);
  }
  buffer_free(&host->random);
  log_free(&host->wire);
}

/* The newest first: a number may return after its handle was closed. */
test_sock *script_host_sock(script_host *host, int32_t handle) {
  for (int i = host->count - 1; i >= 0; i--)
    if (host->socks[i].handle == handle)
      return &host->socks[i];
  return NULL;
}

test_sock *script_host_named(script_host *host, const char *name) {
  for (int i = 0; i < host->count; i++)
    if (strcmp(host->socks[i].name, name) == 0)
      return &host->socks[i];
  return NULL;
}

test_sock *script_host_add(script_host *host, const char *name, uint32_t kind) {
  if (host->count == TEST_SOCKS || strlen(name) >= TEST_NAME || script_host_named(host, name) != NULL)
    return NULL;
  test_sock *sock = &host->socks[host->count++];
  sock_reset(sock);
  snprintf(sock->name, sizeof sock->name, "%s", name);
  sock->kind = kind;
  return sock;
}

void script_host_fault(script_host *host, const char *what, const test_sock *sock) {
  if (host->fault[0] == '\0')
    snprintf(host->fault, sizeof host->fault, "%s: %s", sock == NULL ? "an unknown handle" : sock->name, what);
}

void script_host_open(test_sock *sock, int32_t handle) {
  script_host_forget(sock);
  sock->handle = handle;
  sock->open = true;
  sock->reading = true;
  client_stream_start(sock);
}

void script_host_serve(test_sock *sock) {
  sock->kind = TW_KIND_WS;
  sock->server = true;
  client_stream_start(sock);
}

/* An import that the core called, its arguments and its bytes. */
static void tap_import(script_host *host, const char *what, int32_t handle, uint32_t first, uint32_t second,
                       const void *data, size_t size) {
  const uint32_t numbers[] = {(uint32_t)handle, first, second};
  tap_add(&host->tap, what, numbers, 3, data, size);
}

/* How a socket is opened: the word for the wire log, what may open it so, and whether it has a name and a port. */
static const struct {
  const char *word;
  tw_kind kinds[2];
  bool name;
  bool port;
} openings[] = {
    [TW_SOCKET_TCP] = {"tcp", {TW_KIND_TCP, TW_KIND_WS}, true, true},
    [TW_SOCKET_UDP] = {"udp", {TW_KIND_UDP, TW_KIND_UDP}, false, true},
    [TW_SOCKET_UNIX] = {"unix", {TW_KIND_TCP, TW_KIND_WS}, true, false},
    [TW_SOCKET_TCP_LISTENER] = {"listen-tcp", {TW_KIND_LISTENER, TW_KIND_LISTENER}, false, true},
    [TW_SOCKET_UNIX_LISTENER] = {"listen-unix", {TW_KIND_LISTENER, TW_KIND_LISTENER}, true, false},
};

int32_t twc_port_open(void *context, int32_t handle, uint32_t kind, const char *name, uint32_t name_size,
                      uint32_t port) {
  script_host *host = context;
  tap_import(host, "open", handle, kind, port, name, name_size);
  test_sock *sock = script_host_sock(host, handle);
  if (host->opening != NULL && host->opening->handle == TW_NONE)
    sock = host->opening;
  if (sock == NULL || sock->open) {
    script_host_fault(host, sock == NULL ? "a socket is opened for it" : "it is opened twice", sock);
    return TW_ERR_HOST;
  }
  bool known = kind >= TW_SOCKET_TCP && kind <= TW_SOCKET_UNIX_LISTENER;
  if (!known || (openings[kind].kinds[0] != sock->kind && openings[kind].kinds[1] != sock->kind) ||
      (openings[kind].name && name_size == 0) || (!openings[kind].port && port != 0)) {
    script_host_fault(host, "it is opened with a wrong kind, name or port", sock);
    return TW_ERR_HOST;
  }
  char number[16] = "";
  if (openings[kind].port)
    snprintf(number, sizeof number, " %u", (unsigned)port);
  log_line(&host->wire, "open %s %s%s%.*s%s", sock->name, openings[kind].word, name_size > 0 ? " " : "", (int)name_size,
           name, number);
  int32_t refuse = host->refuse_open;
  host->refuse_open = 0;
  if (refuse != 0)
    return refuse;
  script_host_open(sock, handle);
  return 0;
}

static void written(script_host *host, test_sock *sock, const uint8_t *data, size_t size) {
  if (size == 0)
    return;
  if (sock->kind == TW_KIND_WS) {
    client_stream_bytes(host, sock, data, size);
    return;
  }
  char prefix[TEST_NAME + 8];
  snprintf(prefix, sizeof prefix, "write %s", sock->name);
  log_join(&host->wire, prefix, data, size);
}

int32_t twc_port_write(void *context, int32_t handle, const tw_span *spans, uint32_t count) {
  script_host *host = context;
  for (uint32_t i = 0; i < count; i++)
    tap_import(host, "write", handle, i, count, host->arena + spans[i].data, spans[i].size);
  test_sock *sock = script_host_sock(host, handle);
  if (sock == NULL || !sock->open) {
    script_host_fault(host, "bytes are written on a socket that is not open", sock);
    return 0;
  }
  if (sock->finished || sock->securing) {
    script_host_fault(host, sock->finished ? "bytes follow the end" : "bytes are written while TLS begins", sock);
    return 0;
  }
  if (count == 0 || count > TW_MAX_SPANS) {
    script_host_fault(host, "a write has no or too many pieces", sock);
    return 0;
  }
  if (sock->span_count > 0) {
    script_host_fault(host, "bytes are written while others are pending", sock);
    return 0;
  }
  if (sock->refuse_write != 0) {
    int32_t refuse = sock->refuse_write;
    sock->refuse_write = 0;
    return refuse;
  }
  test_buffer before = sock->pending;
  sock->pending = (test_buffer){0};
  for (uint32_t i = 0; i < count; i++) {
    if (spans[i].size == 0)
      script_host_fault(host, "a piece of a write is empty", sock);
    buffer_append(&sock->pending, host->arena + spans[i].data, spans[i].size);
  }
  size_t total = sock->pending.size;
  if (sock->again && (total < before.size || memcmp(sock->pending.data, before.data, before.size) != 0))
    script_host_fault(host, "bytes that were handed back are not offered again", sock);
  buffer_free(&before);
  sock->again = false;
  sock->writes++;
  size_t taken = total;
  if (sock->take >= 0) {
    taken = (unsigned long long)sock->take < total ? (size_t)sock->take : total;
    sock->take -= (long long)taken;
  } else if (host->dribble) {
    taken = total / 2;
  }
  written(host, sock, sock->pending.data, taken);
  if (taken == total) {
    buffer_clear(&sock->pending);
  } else {
    memcpy(sock->spans, spans, count * sizeof *spans);
    sock->span_count = count;
    sock->span_done = (uint32_t)taken;
    buffer_drop(&sock->pending, taken);
  }
  return (int32_t)taken;
}

/* The pieces as they are now, less what is done with. */
static bool pending_is_untouched(const script_host *host, const test_sock *sock) {
  size_t skip = sock->span_done;
  size_t at = 0;
  for (uint32_t i = 0; i < sock->span_count; i++) {
    size_t size = sock->spans[i].size;
    if (skip >= size) {
      skip -= size;
      continue;
    }
    if (memcmp(sock->pending.data + at, host->arena + sock->spans[i].data + skip, size - skip) != 0)
      return false;
    at += size - skip;
    skip = 0;
  }
  return true;
}

bool script_host_write_pending(script_host *host, test_sock *sock, size_t size) {
  if (size > sock->pending.size || sock->span_count == 0)
    return false;
  if (!pending_is_untouched(host, sock))
    script_host_fault(host, "bytes that the host is still writing were changed", sock);
  written(host, sock, sock->pending.data, size);
  buffer_drop(&sock->pending, size);
  sock->span_done += (uint32_t)size;
  if (sock->pending.size == 0)
    sock->span_count = 0;
  return true;
}

void script_host_hand_back(test_sock *sock) {
  sock->span_count = 0;
  sock->again = sock->pending.size > 0;
}

int32_t twc_port_send_to(void *context, int32_t handle, const char *address, uint32_t address_size, uint32_t port,
                         const void *data, uint32_t size) {
  script_host *host = context;
  tap_import(host, "to", handle, port, 0, address, address_size);
  tap_import(host, "send", handle, 0, 0, data, size);
  test_sock *sock = script_host_sock(host, handle);
  if (sock == NULL || !sock->open || sock->kind != TW_KIND_UDP) {
    script_host_fault(host, "a datagram is sent on a socket that is not open", sock);
    return TW_ERR_HANDLE;
  }
  char prefix[TEST_NAME + TW_MAX_ADDRESS + 24];
  if (address_size == 0)
    snprintf(prefix, sizeof prefix, "send %s", sock->name);
  else
    snprintf(prefix, sizeof prefix, "send-to %s %.*s %u", sock->name, (int)address_size, address, (unsigned)port);
  log_bytes(&host->wire, prefix, data, size);
  int32_t refuse = host->refuse_send;
  host->refuse_send = 0;
  return refuse != 0 ? refuse : (int32_t)size;
}

static test_sock *stream_of(script_host *host, int32_t handle, const char *fault) {
  test_sock *sock = script_host_sock(host, handle);
  bool stream = sock != NULL && (sock->kind == TW_KIND_TCP || sock->kind == TW_KIND_WS);
  if (stream && sock->open && !sock->finished && !sock->securing && sock->span_count == 0)
    return sock;
  script_host_fault(host, fault, sock);
  return NULL;
}

void twc_port_shutdown(void *context, int32_t handle) {
  script_host *host = context;
  tap_import(host, "shutdown", handle, 0, 0, "", 0);
  test_sock *sock =
      stream_of(host, handle, "the end is delivered for a stream that has none, or had it, or is being written");
  if (sock == NULL)
    return;
  log_line(&host->wire, "shutdown %s", sock->name);
  sock->finished = true;
}

int32_t twc_port_connect(void *context, int32_t handle, const char *address, uint32_t address_size, uint32_t port) {
  script_host *host = context;
  tap_import(host, "connect", handle, port, 0, address, address_size);
  test_sock *sock = script_host_sock(host, handle);
  if (sock == NULL || !sock->open || sock->kind != TW_KIND_UDP) {
    script_host_fault(host, "a peer is set on what is no open UDP socket", sock);
    return TW_ERR_HANDLE;
  }
  log_line(&host->wire, "connect %s %.*s %u", sock->name, (int)address_size, address, (unsigned)port);
  int32_t refuse = host->refuse_connect;
  host->refuse_connect = 0;
  return refuse;
}

int32_t twc_port_start_tls(void *context, int32_t handle, const char *name, uint32_t name_size) {
  script_host *host = context;
  tap_import(host, "tls", handle, 0, 0, name, name_size);
  test_sock *sock = stream_of(host, handle, "TLS is started on a stream that is not ready for it");
  if (sock == NULL)
    return TW_ERR_HANDLE;
  log_line(&host->wire, "start-tls %s%s%.*s", sock->name, name_size > 0 ? " " : "", (int)name_size, name);
  int32_t refuse = host->refuse_tls;
  host->refuse_tls = 0;
  sock->securing = refuse == 0;
  return refuse;
}

void twc_port_read(void *context, int32_t handle, uint32_t on) {
  script_host *host = context;
  tap_import(host, "read", handle, on, 0, "", 0);
  test_sock *sock = script_host_sock(host, handle);
  if (sock == NULL || !sock->open || sock->kind == TW_KIND_LISTENER || (sock->securing && on == 0)) {
    script_host_fault(host, "reading is switched on a socket that is not open, or that must be read", sock);
    return;
  }
  log_line(&host->wire, "read %s %s", sock->name, on != 0 ? "on" : "off");
  sock->reading = on != 0;
}

void twc_port_close(void *context, int32_t handle, uint32_t how) {
  script_host *host = context;
  tap_import(host, "close", handle, how, 0, "", 0);
  test_sock *sock = script_host_sock(host, handle);
  if (sock == NULL || !sock->open) {
    script_host_fault(host, "a socket is closed that is not open", sock);
    return;
  }
  log_line(&host->wire, "close %s %s", sock->name, how == TW_CLOSE_ORDERLY ? "orderly" : "abort");
  script_host_forget(sock);
}

int32_t twc_port_address(void *context, int32_t handle, uint32_t which, char *text, uint32_t capacity) {
  script_host *host = context;
  tap_import(host, "address", handle, which, capacity, "", 0);
  test_sock *sock = script_host_sock(host, handle);
  if (sock == NULL || !sock->open)
    return TW_ERR_STATE;
  const char *remote = sock->remote[0] != 0 ? sock->remote : "192.0.2.2:80";
  const char *address = which == TW_ADDRESS_LOCAL ? "192.0.2.1:50000" : remote;
  size_t size = strlen(address);
  if (size > capacity)
    size = capacity;
  memcpy(text, address, size);
  return (int32_t)size;
}

/* xorshift32: far from secure, and the same in every runner. */
static uint8_t random_byte(script_host *host) {
  uint32_t x = host->random_state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  host->random_state = x;
  return (uint8_t)(x >> 24);
}

void twc_port_random(void *context, void *data, uint32_t size) {
  script_host *host = context;
  uint8_t *out = data;
  tap_import(host, "random", 0, size, 0, "", 0);
  if (size == 0 || size > 256)
    script_host_fault(host, "random bytes are drawn in a size outside 1 to 256", host->opening);
  uint32_t scripted = host->random.size < size ? (uint32_t)host->random.size : size;
  if (scripted > 0)
    memcpy(out, host->random.data, scripted);
  buffer_drop(&host->random, scripted);
  for (uint32_t i = scripted; i < size; i++)
    out[i] = random_byte(host);
}
