/* driver: the handle API of the POSIX host, driven by lines on stdin, so that a test can put it beside any peer.
 *
 * Each line is a call, and is answered by "= result" or "= -1 ERR_...". Events are lines of their own: "event handle
 * ...". A reader thread hands the lines over and wakes the loop, as an application's other threads would. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "twinwire/tw_posix.h"

enum { MAX_LINE = 65536, MAX_WORDS = 32, HANDLES = 32768, MAX_DURING = 16 };

static uint32_t shown = 64; /* bytes that are shown in hex; more are only counted */

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t taken;
  char line[MAX_LINE];
  bool full;
  bool ended;
} input = {.mutex = PTHREAD_MUTEX_INITIALIZER, .taken = PTHREAD_COND_INITIALIZER};

/* What came on a handle: how much, and its FNV-1a. */
static struct {
  int32_t handle;
  unsigned long long bytes;
  uint32_t hash;
  bool echo;
  bool quiet;
} seen[HANDLES];

/* What was lent to the engine: it stays until the end, and is no leak. */
static void *keep(void *memory) {
  static void *kept[4096];
  static unsigned count;
  if (memory != NULL && count < sizeof kept / sizeof *kept)
    kept[count++] = memory;
  return memory;
}

static char *text_of_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    return keep(strdup(""));
  char *text = keep(calloc(1, MAX_LINE));
  size_t size = fread(text, 1, MAX_LINE - 1, file);
  text[size] = 0;
  fclose(file);
  return text;
}

static unsigned place(int32_t handle) {
  unsigned index = (unsigned)handle & (HANDLES - 1);
  if (seen[index].handle != handle)
    memset(&seen[index], 0, sizeof seen[index]);
  if (seen[index].handle != handle) {
    seen[index].handle = handle;
    seen[index].hash = 0x811c9dc5;
  }
  return index;
}

static void note(int32_t handle, const char *data, uint32_t size) {
  unsigned index = place(handle);
  seen[index].bytes += size;
  for (uint32_t i = 0; i < size; i++)
    seen[index].hash = (seen[index].hash ^ (uint8_t)data[i]) * 0x01000193;
}

/* Small data in hex, larger by its size alone. */
static void show(const char *what, int32_t handle, const char *data, uint32_t size, const char *rest) {
  unsigned index = place(handle);
  note(handle, data, size);
  if (data[size] != 0)
    printf("unterminated %d\n", handle);
  if (seen[index].quiet)
    return;
  printf("%s %d %u ", what, handle, size);
  for (uint32_t i = 0; i < size && size <= shown; i++)
    printf("%02x", (uint8_t)data[i]);
  printf("%s%s\n", size > shown || size == 0 ? "-" : "", rest);
}

/* Calls to be made in the handlers of the next events, one in each, and what precedes their results. */
static struct {
  char lines[MAX_DURING][MAX_LINE / MAX_DURING];
  unsigned first, count;
} during;
static const char *lead = "=";

static void run_line(char *line);

static void run_during(void) {
  if (during.count == 0)
    return;
  char *line = during.lines[during.first % MAX_DURING];
  during.first++;
  during.count--;
  lead = "during";
  run_line(line);
  lead = "=";
}

/* ---- Events -------------------------------------------------------------------------------------------------- */

static void listen_to(int32_t handle, uint32_t kind);

static void on_connected(const NetConnected *e, void *ctx) {
  (void)ctx;
  printf("connected %d\n", e->sock);
}
static void on_disconnected(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  printf("disconnected %d %s %s %u %d\n", e->sock, e->code == 0 ? "0" : tw_error_name(e->code),
         e->clean ? "clean" : "unclean", e->unsent, e->retry_ms);
}
static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  if (seen[place(e->sock)].echo && tw_net_send(e->sock, e->data, e->size) != (int32_t)e->size)
    printf("echo refused %d %s\n", e->sock, tw_error_name(tw_last_error()));
  show("data", e->sock, e->data, e->size, "");
}
static void on_datagram(const NetDatagram *e, void *ctx) {
  (void)ctx;
  char from[128];
  snprintf(from, sizeof from, " %s %d", e->addr, e->port);
  show("datagram", e->sock, e->data, e->size, from);
}
static void on_drain(const NetDrain *e, void *ctx) {
  (void)ctx;
  printf("drain %d\n", e->sock);
}
static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  printf("error %d %s %u %d\n", e->sock, tw_error_name(e->code), e->step, e->retry_ms);
}
static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  listen_to(e->sock, TW_KIND_TCP);
  seen[place(e->sock)].echo = seen[place(e->listener)].echo;
  seen[place(e->sock)].quiet = seen[place(e->listener)].quiet;
  printf("accepted %d %d\n", e->sock, e->listener);
}
static void on_ended(const NetEnded *e, void *ctx) {
  (void)ctx;
  printf("ended %d\n", e->sock);
}
static void on_secured(const NetSecured *e, void *ctx) {
  (void)ctx;
  printf("secured %d\n", e->sock);
}
static void on_deadline(const NetDeadline *e, void *ctx) {
  (void)ctx;
  printf("deadline %d %u\n", e->sock, e->which);
}
static void on_ws_connected(const WsConnected *e, void *ctx) {
  (void)ctx;
  printf("connected %d\n", e->conn);
  run_during();
}
static void on_ws_disconnected(const WsDisconnected *e, void *ctx) {
  (void)ctx;
  printf("disconnected %d %d %s %u %d\n", e->conn, e->code, e->clean ? "clean" : "unclean", e->unsent, e->retry_ms);
  run_during();
}
static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  char how[32];
  snprintf(how, sizeof how, " %s%s%s", e->binary ? "binary" : "text", e->first ? " first" : "",
           e->final ? " final" : "");
  show("message", e->conn, e->message, e->size, how);
  run_during();
}
static void on_ws_drain(const WsDrain *e, void *ctx) {
  (void)ctx;
  printf("drain %d\n", e->conn);
  run_during();
}
static void on_ws_error(const WsError *e, void *ctx) {
  (void)ctx;
  printf("error %d %s %u %d %u\n", e->conn, tw_error_name(e->code), e->step, e->retry_ms, e->detail);
  run_during();
}
static void on_closing(const WsClosing *e, void *ctx) {
  (void)ctx;
  printf("closing %d %d %s\n", e->conn, e->code, e->reason);
  run_during();
}
static void on_ping(const WsPing *e, void *ctx) {
  (void)ctx;
  show("ping", e->conn, e->data, e->size, "");
  run_during();
}
static void on_pong(const WsPong *e, void *ctx) {
  (void)ctx;
  show("pong", e->conn, e->data, e->size, "");
  run_during();
}

static void must(int32_t result, const char *what) {
  if (result != 0)
    printf("refused %s %s\n", what, tw_error_name(tw_last_error()));
}

static void listen_to(int32_t handle, uint32_t kind) {
  if (handle < 0)
    return;
  place(handle);
  if (kind == TW_KIND_WS) {
    must(tw_ws_on(handle, "connected", on_ws_connected, NULL), "connected");
    must(tw_ws_on(handle, "disconnected", on_ws_disconnected, NULL), "disconnected");
    must(tw_ws_on(handle, "message", on_message, NULL), "message");
    must(tw_ws_on(handle, "drain", on_ws_drain, NULL), "drain");
    must(tw_ws_on(handle, "error", on_ws_error, NULL), "error");
    must(tw_ws_on(handle, "closing", on_closing, NULL), "closing");
    must(tw_ws_on(handle, "ping", on_ping, NULL), "ping");
    must(tw_ws_on(handle, "pong", on_pong, NULL), "pong");
    return;
  }
  must(tw_net_on(handle, "error", on_error, NULL), "error");
  if (kind == TW_KIND_UDP) {
    must(tw_net_on(handle, "datagram", on_datagram, NULL), "datagram");
    must(tw_net_on(handle, "drain", on_drain, NULL), "drain");
    return;
  }
  must(tw_net_on(handle, "connected", on_connected, NULL), "connected");
  must(tw_net_on(handle, "disconnected", on_disconnected, NULL), "disconnected");
  if (kind == TW_KIND_LISTENER) {
    must(tw_net_on(handle, "accepted", on_accepted, NULL), "accepted");
    return;
  }
  must(tw_net_on(handle, "data", on_data, NULL), "data");
  must(tw_net_on(handle, "drain", on_drain, NULL), "drain");
  must(tw_net_on(handle, "ended", on_ended, NULL), "ended");
  must(tw_net_on(handle, "secured", on_secured, NULL), "secured");
  must(tw_net_on(handle, "deadline", on_deadline, NULL), "deadline");
}

/* ---- Calls --------------------------------------------------------------------------------------------------- */

static void answer(int32_t result) {
  if (result < 0)
    printf("%s -1 %s\n", lead, tw_error_name(tw_last_error()));
  else
    printf("%s %d\n", lead, result);
}

static int32_t opened(int32_t handle, uint32_t kind) {
  listen_to(handle, kind);
  return handle;
}

/* A server's listeners are those of its WebSockets. */
static int32_t serve_ws(int32_t server) {
  listen_to(server, TW_KIND_WS);
  if (server > 0)
    must(tw_net_on(server, "connected", on_connected, NULL), "connected");
  return server;
}

static bool has_prefix(const char *word, const char *prefix, const char **rest) {
  size_t size = strlen(prefix);
  *rest = word + size;
  return strncmp(word, prefix, size) == 0;
}

/* Lives as long as the process, as the options of a program would. */
static const tw_tls_options *tls_of(char **words, int count) {
  tw_tls_options *tls = keep(calloc(1, sizeof *tls));
  const char **alpn = keep(calloc(MAX_WORDS, sizeof *alpn));
  int alpn_count = 0;
  for (int i = 0; i < count; i++) {
    const char *rest;
    if (has_prefix(words[i], "ca=", &rest))
      tls->ca = text_of_file(rest);
    else if (has_prefix(words[i], "cert=", &rest))
      tls->cert = text_of_file(rest);
    else if (has_prefix(words[i], "key=", &rest))
      tls->key = text_of_file(rest);
    else if (has_prefix(words[i], "passphrase=", &rest))
      tls->passphrase = keep(strdup(rest));
    else if (has_prefix(words[i], "servername=", &rest))
      tls->servername = keep(strdup(rest));
    else if (has_prefix(words[i], "pin=", &rest))
      tls->pin = keep(strdup(rest));
    else if (has_prefix(words[i], "alpn=", &rest))
      alpn[alpn_count++] = keep(strdup(rest));
    else if (strcmp(words[i], "any") == 0)
      tls->accept_any = true;
    else if (strcmp(words[i], "ask") == 0)
      tls->request_cert = true;
    else if (strcmp(words[i], "13") == 0)
      tls->tls13_only = true;
  }
  if (alpn_count > 0)
    tls->alpn = alpn;
  return tls;
}

/* ":s9:c10:S:C:t1:l9:m1" behind "deflate": window bits and no context takeover of server and client, threshold, level,
 * memory. */
static const tw_ws_deflate_options *deflate_of(const char *text, tw_ws_deflate_options *deflate) {
  for (const char *at = text; (at = strchr(at, ':')) != NULL;) {
    uint32_t value = (uint32_t)strtoul(at + 2, NULL, 10);
    switch (*++at) {
    case 's':
      deflate->server_max_window_bits = (uint8_t)value;
      break;
    case 'c':
      deflate->client_max_window_bits = (uint8_t)value;
      break;
    case 'S':
      deflate->server_no_context_takeover = true;
      break;
    case 'C':
      deflate->client_no_context_takeover = true;
      break;
    case 't':
      deflate->threshold = value;
      break;
    case 'l':
      deflate->level = (uint8_t)value;
      break;
    default:
      deflate->mem_level = (uint8_t)value;
      break;
    }
  }
  return deflate;
}

static int32_t open_ws(char **words, int count) {
  tw_ws_field headers[MAX_WORDS];
  const char *protocols[MAX_WORDS];
  tw_ws_deflate_options deflate = {.threshold = 0};
  tw_ws_options options = {.headers = headers, .protocols = protocols};
  for (int i = 1; i < count; i++) {
    const char *rest;
    if (has_prefix(words[i], "protocol=", &rest)) {
      protocols[options.protocol_count++] = rest;
    } else if (has_prefix(words[i], "user=", &rest)) {
      options.user = rest;
    } else if (has_prefix(words[i], "password=", &rest)) {
      options.password = rest;
    } else if (has_prefix(words[i], "header=", &rest)) {
      char *colon = strchr(words[i], ':');
      *colon = 0;
      headers[options.header_count++] = (tw_ws_field){rest, colon + 1};
    } else if (has_prefix(words[i], "deflate", &rest)) {
      options.deflate = deflate_of(rest, &deflate);
    } else if (strcmp(words[i], "tls") == 0) {
      options.tls = tls_of(words + i + 1, count - i - 1);
      break;
    }
  }
  return count == 1 ? tw_ws_open(words[0]) : tw_ws_open_with(words[0], &options);
}

/* Puts the bytes that a word has in hex, or none for "-", in their place. */
static size_t from_hex(char *word) {
  size_t size = 0;
  for (unsigned byte; sscanf(word + 2 * size, "%2x", &byte) == 1; size++)
    word[size] = (char)byte;
  return size;
}

/* `kind`: text or binary; with "+more" or "+last" it is a fragment. */
static int32_t send_bytes(int32_t handle, const char *kind, char *word) {
  size_t size = from_hex(word);
  bool binary = kind[0] == 'b';
  const char *part = strchr(kind, '+');
  if (part != NULL)
    return tw_ws_send_fragment(handle, binary, word, size, part[1] == 'l');
  return binary ? tw_ws_send_binary(handle, word, size) : tw_ws_send_text(handle, word, size);
}

static char *filled(size_t size, char with) {
  char *data = malloc(size + 1);
  memset(data, with, size);
  return data;
}

/* Sends pieces of `size` bytes until one is refused; returns how many went in. */
static int32_t flood(int32_t handle, size_t size, bool ws) {
  char *data = filled(size, 'a');
  int32_t count = 0;
  while ((ws ? tw_ws_send_binary(handle, data, size) : tw_net_send(handle, data, size)) == (int32_t)size)
    count++;
  free(data);
  return count;
}

static void deliver_text(int32_t result, const char *text) {
  if (result < 0)
    answer(result);
  else
    printf("%s %s\n", lead, text);
}

static void print_stats(int32_t result, const tw_stats *stats) {
  if (result < 0)
    answer(result);
  else
    printf("= %llu %llu %u %u\n", (unsigned long long)stats->received, (unsigned long long)stats->sent, stats->connects,
           stats->refused);
}

static void deliver_tls(int32_t handle) {
  tw_posix_tls_info info;
  if (tw_posix_tls(handle, &info) < 0)
    answer(-1);
  else
    printf("= %s %s %s %s %s\n", info.alpn[0] == 0 ? "-" : info.alpn, info.protocol, info.cipher,
           info.peer_fingerprint[0] == 0 ? "-" : info.peer_fingerprint,
           info.authorized ? "authorized" : "unauthorized");
}

static bool is(const char *word, const char *name) { return strcmp(word, name) == 0; }

static bool run_net(char **w, int n) {
  const char *call = w[0];
  int32_t h = n > 1 ? (int32_t)strtol(w[1], NULL, 10) : 0;
  int32_t second = n > 2 ? (int32_t)strtol(w[2], NULL, 10) : 0;
  char text[256];
  tw_stats stats;
  if (is(call, "tcp"))
    answer(opened(tw_net_tcp_connect(w[1], second), TW_KIND_TCP));
  else if (is(call, "tcps")) {
    int32_t sock = opened(tw_net_tcp_connect(w[1], second), TW_KIND_TCP);
    answer(sock < 0 || tw_net_set_tls(sock, n == 3 ? NULL : tls_of(w + 3, n - 3)) < 0 ? -1 : sock);
  } else if (is(call, "udp"))
    answer(opened(tw_net_udp_open(h), TW_KIND_UDP));
  else if (is(call, "udpbind"))
    answer(opened(tw_net_udp_bind(w[1], second), TW_KIND_UDP));
  else if (is(call, "udpconnect"))
    answer(tw_net_udp_connect(h, w[2], (int32_t)strtol(w[3], NULL, 10)));
  else if (is(call, "unix"))
    answer(opened(tw_net_unix_connect(w[1]), TW_KIND_TCP));
  else if (is(call, "listen"))
    answer(opened(tw_net_tcp_listen(is(w[1], "*") ? NULL : w[1], second), TW_KIND_LISTENER));
  else if (is(call, "listens")) {
    int32_t sock = opened(tw_net_tcp_listen(w[1], second), TW_KIND_LISTENER);
    answer(sock < 0 || tw_net_set_tls(sock, tls_of(w + 3, n - 3)) < 0 ? -1 : sock);
  } else if (is(call, "listenunix"))
    answer(opened(tw_net_unix_listen(w[1]), TW_KIND_LISTENER));
  else if (is(call, "close"))
    answer(tw_net_close(h));
  else if (is(call, "send"))
    answer(tw_net_send(h, n > 2 ? w[2] : "", n > 2 ? strlen(w[2]) : 0));
  else if (is(call, "fill")) {
    char *data = filled((size_t)second, w[3][0]);
    answer(tw_net_send(h, data, (size_t)second));
    free(data);
  } else if (is(call, "flood"))
    printf("= %d\n", flood(h, (size_t)second, false));
  else if (is(call, "sendto"))
    answer(tw_net_udp_send_to(h, w[2], (int32_t)strtol(w[3], NULL, 10), n > 4 ? w[4] : "", n > 4 ? strlen(w[4]) : 0));
  else if (is(call, "fillto")) {
    char *data = filled((size_t)strtol(w[4], NULL, 10), 'u');
    answer(tw_net_udp_send_to(h, w[2], (int32_t)strtol(w[3], NULL, 10), data, (size_t)strtol(w[4], NULL, 10)));
    free(data);
  } else if (is(call, "udpsend"))
    answer(tw_net_udp_send(h, w[2], strlen(w[2])));
  else if (is(call, "remote"))
    deliver_text(tw_net_remote_addr(h, text, sizeof text), text);
  else if (is(call, "local"))
    deliver_text(tw_net_local_addr(h, text, sizeof text), text);
  else if (is(call, "target"))
    deliver_text(tw_net_target(h, text, sizeof text), text);
  else if (is(call, "state"))
    printf("= %s\n", tw_state_name(tw_net_state(h)));
  else if (is(call, "buffered"))
    answer(tw_net_buffered_amount(h));
  else if (is(call, "stats"))
    print_stats(tw_net_stats(h, &stats), &stats);
  else if (is(call, "pause"))
    answer(tw_net_pause(h));
  else if (is(call, "resume"))
    answer(tw_net_resume(h));
  else if (is(call, "window"))
    answer(tw_net_set_window(h, (uint32_t)second));
  else if (is(call, "consumed"))
    answer(tw_net_consumed(h, (uint32_t)second));
  else if (is(call, "half"))
    answer(tw_net_set_half_open(h, second != 0));
  else if (is(call, "shutdown"))
    answer(tw_net_shutdown(h));
  else if (is(call, "deadline"))
    answer(tw_net_set_deadline(h, (uint32_t)second, (uint32_t)strtol(w[3], NULL, 10)));
  else if (is(call, "reconnect"))
    answer(tw_net_set_auto_reconnect(h, second != 0));
  else if (is(call, "tls"))
    answer(tw_net_set_tls(h, n == 2 ? NULL : tls_of(w + 2, n - 2)));
  else if (is(call, "starttls"))
    answer(tw_net_start_tls(h, is(w[2], "-") ? NULL : w[2], n == 3 ? NULL : tls_of(w + 3, n - 3)));
  else if (is(call, "tlsinfo"))
    deliver_tls(h);
  else if (is(call, "up"))
    printf("= %d\n", tw_net_is_up());
  else
    return false;
  return true;
}

static bool run_ws(char **w, int n) {
  const char *call = w[0];
  int32_t h = n > 1 ? (int32_t)strtol(w[1], NULL, 10) : 0;
  const char *second = n > 2 ? w[2] : "";
  char text[256];
  tw_stats stats;
  if (is(call, "ws"))
    answer(opened(open_ws(w + 1, n - 1), TW_KIND_WS));
  else if (is(call, "wssend"))
    answer(tw_ws_send(h, second));
  else if (is(call, "wsbinary"))
    answer(tw_ws_send_binary(h, second, strlen(second)));
  else if (is(call, "wslisten"))
    answer(serve_ws(tw_ws_listen(w[1], (int32_t)strtol(second, NULL, 10), NULL)));
  else if (is(call, "wsbytes"))
    answer(send_bytes(h, second, w[3]));
  else if (is(call, "wspingbytes"))
    answer(tw_ws_ping_with(h, w[2], from_hex(w[2])));
  else if (is(call, "wsclosebytes")) {
    w[3][from_hex(w[3])] = 0;
    answer(tw_ws_close_with(h, (int32_t)strtol(second, NULL, 10), w[3]));
  } else if (is(call, "wsabort"))
    answer(tw_ws_abort(h));
  else if (is(call, "wsfill")) {
    char *data = filled((size_t)strtol(second, NULL, 10), 'w');
    answer(tw_ws_send_text(h, data, (size_t)strtol(second, NULL, 10)));
    free(data);
  } else if (is(call, "wsflood"))
    printf("= %d\n", flood(h, (size_t)strtol(second, NULL, 10), true));
  else if (is(call, "wsfragment"))
    answer(tw_ws_send_fragment(h, false, second, strlen(second), n > 3));
  else if (is(call, "wsping"))
    answer(n > 2 ? tw_ws_ping_with(h, second, strlen(second)) : tw_ws_ping(h));
  else if (is(call, "wsclose"))
    answer(n > 2 ? tw_ws_close_with(h, (int32_t)strtol(second, NULL, 10), n > 3 ? w[3] : NULL) : tw_ws_close(h));
  else if (is(call, "wscompression"))
    answer(tw_ws_compression(h));
  else if (is(call, "wsreconnect"))
    answer(tw_ws_set_auto_reconnect(h, second[0] == '1'));
  else if (is(call, "wsstate"))
    deliver_text(0, tw_state_name(tw_ws_state(h)));
  else if (is(call, "wsprotocol"))
    deliver_text(tw_ws_chosen_protocol(h, text, sizeof text), text);
  else if (is(call, "wsparts"))
    answer(tw_ws_set_parts(h, second[0] == '1'));
  else if (is(call, "wsbuffer"))
    answer(tw_ws_set_buffer(h, keep(filled((size_t)strtol(second, NULL, 10), 0)), (size_t)strtol(second, NULL, 10)));
  else if (is(call, "wsheaders"))
    answer(tw_ws_set_headers(h, &(tw_ws_field){w[2], w[3]}, 1));
  else if (is(call, "wsbuffered"))
    answer(tw_ws_buffered_amount(h));
  else if (is(call, "wsstats"))
    print_stats(tw_ws_stats(h, &stats), &stats);
  else if (is(call, "wspause"))
    answer(tw_ws_pause(h));
  else if (is(call, "wsresume"))
    answer(tw_ws_resume(h));
  else
    return false;
  return true;
}

static bool run_other(char **w, int n) {
  const char *call = w[0];
  int32_t h = n > 1 ? (int32_t)strtol(w[1], NULL, 10) : 0;
  if (is(call, "delays") || is(call, "wsdelays")) {
    uint32_t ms[MAX_WORDS];
    for (int i = 2; i < n; i++)
      ms[i - 2] = (uint32_t)strtoul(w[i], NULL, 10);
    size_t count = (size_t)(n - 2);
    answer(call[0] == 'w' ? tw_ws_set_reconnect_delays_ms(h, ms, count) : tw_net_set_reconnect_delays_ms(h, ms, count));
  } else if (is(call, "echo")) {
    seen[place(h)].echo = true;
    answer(0);
  } else if (is(call, "quiet")) {
    seen[place(h)].quiet = true;
    answer(0);
  } else if (is(call, "total")) {
    printf("= %llu %08x\n", seen[place(h)].bytes, (unsigned)seen[place(h)].hash);
  } else if (is(call, "reason")) {
    printf("= %s\n", tw_posix_tls_reason());
  } else if (is(call, "exit")) {
    answer(tw_runtime_exit(h));
  } else {
    return false;
  }
  return true;
}

static void run_line(char *line) {
  char *words[MAX_WORDS];
  int count = 0;
  if (strncmp(line, "during ", 7) == 0) {
    size_t size = strlen(line + 7) + 1;
    if (during.count < MAX_DURING && size <= sizeof *during.lines)
      memcpy(during.lines[(during.first + during.count++) % MAX_DURING], line + 7, size);
    printf("= %u\n", during.count);
    return;
  }
  for (char *word = strtok(line, " "); word != NULL && count < MAX_WORDS; word = strtok(NULL, " "))
    words[count++] = word;
  if (count > 0 && !run_net(words, count) && !run_ws(words, count) && !run_other(words, count))
    printf("= no such call: %s\n", words[0]);
}

/* ---- Lines --------------------------------------------------------------------------------------------------- */

static void *read_lines(void *unused) {
  (void)unused;
  static char line[MAX_LINE];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = 0;
    pthread_mutex_lock(&input.mutex);
    while (input.full)
      pthread_cond_wait(&input.taken, &input.mutex);
    memcpy(input.line, line, sizeof line);
    input.full = true;
    pthread_mutex_unlock(&input.mutex);
    tw_posix_wake();
  }
  pthread_mutex_lock(&input.mutex);
  while (input.full)
    pthread_cond_wait(&input.taken, &input.mutex);
  input.ended = true;
  pthread_mutex_unlock(&input.mutex);
  tw_posix_wake();
  return NULL;
}

/* Runs the line that has come, if one has. Returns false at the end of all lines. */
static bool take_line(void) {
  static char line[MAX_LINE];
  pthread_mutex_lock(&input.mutex);
  bool full = input.full;
  bool ended = input.ended;
  if (full)
    memcpy(line, input.line, sizeof line);
  input.full = false;
  pthread_cond_signal(&input.taken);
  pthread_mutex_unlock(&input.mutex);
  if (full)
    run_line(line);
  return !ended;
}

static void set_limit(tw_limits *limits, const char *argument) {
  const char *value;
#define LIMIT(field, host, esp32, min, max)                                                                            \
  if (has_prefix(argument, #field "=", &value))                                                                        \
    limits->field = (uint32_t)strtoul(value, NULL, 10);
  TW_LIMITS_LIST(LIMIT)
#undef LIMIT
}

int main(int argc, char **argv) {
  tw_limits limits = TW_LIMITS_HOST;
  tw_posix_options options = {.limits = &limits};
  for (int i = 1; i < argc; i++) {
    const char *value;
    set_limit(&limits, argv[i]);
    if (has_prefix(argv[i], "keepalive=", &value))
      options.keep_alive_s = (uint32_t)strtoul(value, NULL, 10);
    if (has_prefix(argv[i], "shown=", &value))
      shown = (uint32_t)strtoul(value, NULL, 10);
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (tw_posix_start(&options) < 0) {
    printf("not started: %s\n", tw_error_name(tw_last_error()));
    return 1;
  }
  pthread_t reader;
  pthread_create(&reader, NULL, read_lines, NULL);
  printf("ready\n");
  while (take_line())
    if (tw_poll(TW_FOREVER) < 0)
      return 2;
  pthread_join(reader, NULL);
  tw_posix_stop();
  printf("stopped\n");
  return 0;
}
