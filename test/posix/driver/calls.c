/* calls.c: the calls of the handle API by the first word of a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

enum { MAX_DURING = 16 };

static const char *lead = "="; /* what precedes an answer */

static void answer(int32_t result) {
  if (result < 0)
    printf("%s -1 %s\n", lead, tw_error_name(tw_last_error()));
  else
    printf("%s %d\n", lead, result);
}

static int32_t served(int32_t server) {
  listen_to_server(server);
  return server;
}

static int32_t opened(int32_t handle, uint32_t kind) {
  listen_to(handle, kind);
  return handle;
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
    answer(served(tw_ws_listen(w[1], (int32_t)strtol(second, NULL, 10), NULL)));
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
    arrivals_of(h)->echo = true;
    answer(0);
  } else if (is(call, "quiet")) {
    arrivals_of(h)->quiet = true;
    answer(0);
  } else if (is(call, "total")) {
    printf("= %llu %08x\n", arrivals_of(h)->bytes, (unsigned)arrivals_of(h)->hash);
  } else if (is(call, "reason")) {
    printf("= %s\n", tw_posix_tls_reason());
  } else if (is(call, "exit")) {
    answer(tw_runtime_exit(h));
  } else {
    return false;
  }
  return true;
}

/* Lines to be run in the listeners of the next events, one in each. */
static struct {
  char lines[MAX_DURING][MAX_LINE / MAX_DURING];
  unsigned first, count;
} during;

void run_line(char *line) {
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

void run_during(void) {
  if (during.count == 0)
    return;
  char *line = during.lines[during.first % MAX_DURING];
  during.first++;
  during.count--;
  lead = "during";
  run_line(line);
  lead = "=";
}
