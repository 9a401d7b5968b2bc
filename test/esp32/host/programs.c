/* programs.c: TLS and WebSockets with node:tls and the package ws, at the far end of the tap. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "programs.h"
#include "test.h"

typedef struct server {
  char name[16];
  unsigned port;
} server;

static server servers[16];
static char folder[] = "/tmp/twinwire-esp32-XXXXXX";
static char *ca, *stranger, *client_cert, *client_key;
static tw_tls_options tls;
static story it;

uint16_t program_port(const char *name) {
  for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
    if (strcmp(servers[i].name, name) == 0)
      return (uint16_t)servers[i].port;
  return 0;
}

char *program_pem(const char *name) {
  char path[128];
  char *text = calloc(1, 8192);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "r");
  if (file != NULL) {
    size_t size = fread(text, 1, 8191, file);
    text[size] = '\0';
    fclose(file);
  }
  return text;
}

static void connect_tls(const char *name, const char *host, const tw_tls_options *options) {
  test_connect(&it, host, program_port(name));
  CHECK(tw_net_set_tls(it.handle, options) == 0);
}

static void speaks_tls(void) {
  test_begin(NULL);
  tls = (tw_tls_options){.ca = ca};
  connect_tls("echo", "peer.test", &tls);
  test_until(&it.connected, 1);
  CHECK(tw_net_send(it.handle, "hello", 5) == 5);
  test_until(&it.received, 5);
  CHECK(memcmp(it.text, "hello", 5) == 0 && stub_tls_sessions() == 1);
  tw_net_close(it.handle);
  test_until(&it.disconnected, 1);
  CHECK(stub_tls_sessions() == 0);
  test_end();
}

static void trusts_its_bundle(void) {
  stub_bundle(ca);
  test_begin(NULL);
  connect_tls("echo", "peer.test", NULL);
  test_until(&it.connected, 1);
  test_end();
  stub_bundle("");
}

static void fails(const char *name, const char *host, const tw_tls_options *options, int32_t error) {
  test_begin(NULL);
  connect_tls(name, host, options);
  test_until(&it.disconnected, 1);
  CHECK(it.connected == 0 && it.code == error && it.step == TW_STEP_TLS && stub_tls_sessions() == 0);
  test_end();
}

static void reports_what_is_wrong(void) {
  tls = (tw_tls_options){.ca = stranger};
  fails("echo", "peer.test", &tls, TW_ERR_TLS_UNTRUSTED);
  tls = (tw_tls_options){.ca = ca};
  fails("other", "peer.test", &tls, TW_ERR_TLS_NAME);
  fails("expired", "peer.test", &tls, TW_ERR_TLS_EXPIRED);
  fails("babble", "peer.test", &tls, TW_ERR_TLS);
  fails("echo", here.peer_address, &tls, TW_ERR_TLS_NAME);
  fails("echo", "peer.test", NULL, TW_ERR_TLS_UNTRUSTED);
}

static void asks_for_a_name(void) {
  test_begin(NULL);
  tls = (tw_tls_options){.ca = ca, .servername = "elsewhere.test"};
  connect_tls("other", here.peer_address, &tls);
  test_until(&it.connected, 1);
  test_end();
}

static void shows_its_certificate(void) {
  test_begin(NULL);
  tls = (tw_tls_options){.ca = ca, .cert = client_cert, .key = client_key};
  connect_tls("mutual", "peer.test", &tls);
  test_until(&it.connected, 1);
  CHECK(tw_net_send(it.handle, "hello", 5) == 5);
  test_until(&it.received, 5);
  test_end();
}

static void refuses_what_it_cannot_do(void) {
  static const tw_tls_options any = {.accept_any = true}, pinned = {.pin = "00"}, half = {.cert = "x"};
  test_begin(NULL);
  test_connect(&it, "peer.test", program_port("echo"));
  CHECK(tw_net_set_tls(it.handle, &any) == -1 && tw_last_error() == TW_ERR_UNSUPPORTED);
  CHECK(tw_net_set_tls(it.handle, &pinned) == -1 && tw_last_error() == TW_ERR_UNSUPPORTED);
  CHECK(tw_net_set_tls(it.handle, &half) == -1 && tw_last_error() == TW_ERR_ARGUMENT);
  test_end();
}

static void starts_tls_in_place(void) {
  test_begin(NULL);
  tls = (tw_tls_options){.ca = ca};
  test_connect(&it, "peer.test", program_port("starttls"));
  test_until(&it.received, 13);
  CHECK(tw_net_send(it.handle, "STARTTLS\n", 9) == 9);
  test_for(100);
  CHECK(tw_net_start_tls(it.handle, "peer.test", &tls) == 0);
  for (int i = 0; i < 200 && tw_net_send(it.handle, "hello", 5) < 0; i++)
    test_for(10);
  test_until(&it.received, 18);
  CHECK(memcmp(it.text + 13, "hello", 5) == 0);
  test_end();
}

/* More than any buffer holds, both ways at once: backpressure beneath TLS, records that are written in parts. */
static void echoes_much(void) {
  static char bytes[1400];
  uint32_t sent = 0, refused = 0;
  test_begin(NULL);
  tls = (tw_tls_options){.ca = ca};
  connect_tls("echo", "peer.test", &tls);
  test_until(&it.connected, 1);
  while (sent < 400000) {
    uint32_t size = 1 + (sent * 7) % (uint32_t)sizeof bytes;
    for (uint32_t i = 0; i < size; i++)
      bytes[i] = (char)peer_pattern(sent + i);
    if (tw_net_send(it.handle, bytes, size) > 0)
      sent += size;
    else
      test_until(&it.drains, ++refused);
  }
  test_until(&it.received, sent);
  CHECK(!it.wrong && refused > 0);
  test_end();
}

static void reconnects_with_tls(void) {
  static const uint32_t at_once = 0;
  test_begin(NULL);
  tls = (tw_tls_options){.ca = ca};
  connect_tls("goodbye", "peer.test", &tls);
  tw_net_set_reconnect_delays_ms(it.handle, &at_once, 1);
  tw_net_set_auto_reconnect(it.handle, true);
  test_until(&it.connected, 50);
  tw_net_close(it.handle);
  test_end();
  CHECK(stub_tls_sessions() == 0);
}

/* FIN without close_notify is no end that a peer has asked for. */
static void notices_a_stream_that_is_cut_off(void) {
  test_begin(NULL);
  tls = (tw_tls_options){.ca = ca};
  connect_tls("cut", "peer.test", &tls);
  test_until(&it.connected, 1);
  CHECK(tw_net_send(it.handle, "x", 1) == 1);
  test_until(&it.disconnected, 1);
  CHECK(it.errors == 1 && it.code == TW_ERR_ENDED);
  test_end();
  CHECK(stub_tls_sessions() == 0);
}

static void ends_within_a_handshake(void) {
  tw_esp_options options;
  tw_esp_defaults(&options);
  options.limits.handshakeTimeoutMs = 300;
  test_begin(&options);
  tls = (tw_tls_options){.ca = ca};
  connect_tls("silent", "peer.test", &tls);
  test_until(&it.disconnected, 1);
  CHECK(it.code == TW_ERR_TIMEOUT && it.step == TW_STEP_TLS && stub_tls_sessions() == 0);
  connect_tls("silent", "peer.test", &tls);
  test_for(100);
  CHECK(tw_net_close(it.handle) == 0);
  test_end();
  CHECK(stub_tls_sessions() == 0);
}

static void speaks_wss(void) {
  static char message[1400];
  char url[64];
  test_begin(NULL);
  stub_bundle(ca);
  snprintf(url, sizeof url, "wss://peer.test:%u/a/path?with=a&query", program_port("wss"));
  test_open_ws(&it, url);
  test_until(&it.connected, 1);
  uint32_t sent = 0, refused = 0;
  while (sent < 200000) {
    uint32_t size = 1 + sent * 13 % (uint32_t)sizeof message;
    for (uint32_t i = 0; i < size; i++)
      message[i] = (char)peer_pattern(sent + i);
    if (tw_ws_send_binary(it.handle, message, size) > 0)
      sent += size;
    else
      test_until(&it.drains, ++refused);
  }
  test_until(&it.received, sent);
  CHECK(!it.wrong && refused > 0 && it.errors == 0);
  CHECK(tw_ws_close(it.handle) == 0);
  test_until(&it.disconnected, 1);
  test_end();
  stub_bundle("");
}

/* TLS with the target, through the proxy. */
static void connects_through_a_proxy(void) {
  test_begin(NULL);
  const tw_proxy proxy = {.host = here.peer_address, .port = program_port("proxy")};
  memset(&it, 0, sizeof it);
  it.handle = tw_net_tcp_connect_via("peer.test", program_port("echo"), &proxy);
  CHECK(it.handle > 0);
  test_listen_to(&it);
  tls = (tw_tls_options){.ca = ca};
  CHECK(tw_net_set_tls(it.handle, &tls) == 0);
  test_until(&it.connected, 1);
  CHECK(tw_net_send(it.handle, "hello", 5) == 5);
  test_until(&it.received, 5);
  CHECK(memcmp(it.text, "hello", 5) == 0);
  test_end();
}

/* CONFIG_TWINWIRE_DEFLATE; without it, it can't be asked for. */
static void inflates_messages(void) {
  static const tw_ws_deflate_options deflate = {.server_max_window_bits = 10};
  const tw_ws_options options = {.deflate = &deflate};
  static char message[1000];
  char url[64];
  uint32_t sent = 0;
  test_begin(NULL);
  snprintf(url, sizeof url, "ws://peer.test:%u/", program_port("compressed"));
  if (tw_esp_heap_resize == NULL) {
    CHECK(tw_ws_open_with(url, &options) == -1 && tw_last_error() == TW_ERR_UNSUPPORTED);
    test_end();
    return;
  }
  test_open_ws_with(&it, url, &options);
  test_until(&it.connected, 1);
  CHECK(tw_ws_compression(it.handle) > 0);
  for (int i = 0; i < 50; i++) {
    for (uint32_t k = 0; k < sizeof message; k++)
      message[k] = (char)peer_pattern(sent + k);
    CHECK(tw_ws_send_binary(it.handle, message, sizeof message) == sizeof message);
    test_until(&it.received, sent += (uint32_t)sizeof message);
  }
  CHECK(!it.wrong && it.errors == 0);
  test_end();
}

/* Starts them, and reads what they print until "ready". Returns the pipe whose end ends them, or -1. */
static int start_programs(const char *node, pid_t *child) {
  int in[2], out[2];
  if (pipe(in) != 0 || pipe(out) != 0)
    return -1;
  *child = fork();
  if (*child == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    for (int fd = 3; fd < 1024; fd++) /* the peers' sockets would stay open as long as the programs run */
      close(fd);
    execlp(node, node, "test/esp32/host/peers.mjs", here.peer_address, folder, (char *)NULL);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  FILE *lines = fdopen(out[0], "r");
  char line[128];
  size_t count = 0;
  while (fgets(line, sizeof line, lines) != NULL && strcmp(line, "ready\n") != 0)
    if (count < sizeof servers / sizeof *servers &&
        sscanf(line, "%15s %u", servers[count].name, &servers[count].port) == 2)
      count++;
  return in[1];
}

/* lwIP has few places for lookups, and those of earlier tests, that nobody answers, keep them for a while. */
static void finds_its_peer(void) {
  test_begin(NULL);
  for (int i = 0; i < 150; i++) {
    test_connect(&it, "peer.test", program_port("silent"));
    while (it.connected == 0 && it.disconnected == 0)
      test_for(10);
    tw_net_close(it.handle);
    if (it.connected > 0)
      break;
    CHECK(it.code == TW_ERR_NAME_FAILED);
    test_for(100);
  }
  test_end();
}

void tests_of_programs(const char *node) {
  pid_t child = -1;
  int life = mkdtemp(folder) == NULL ? -1 : start_programs(node, &child);
  if (life < 0) {
    printf("no programs\n");
    return;
  }
  ca = program_pem("ca.pem");
  stranger = program_pem("stranger.pem");
  client_cert = program_pem("client.pem");
  client_key = program_pem("client.key");
  TEST(finds_its_peer);
  TEST(speaks_tls);
  TEST(trusts_its_bundle);
  TEST(reports_what_is_wrong);
  TEST(asks_for_a_name);
  TEST(shows_its_certificate);
  TEST(refuses_what_it_cannot_do);
  TEST(starts_tls_in_place);
  TEST(echoes_much);
  TEST(reconnects_with_tls);
  TEST(notices_a_stream_that_is_cut_off);
  TEST(ends_within_a_handshake);
  TEST(speaks_wss);
  TEST(connects_through_a_proxy);
  TEST(inflates_messages);
  tests_of_tls_options();
  close(life);
  waitpid(child, NULL, 0);
  free(ca);
  free(stranger);
  free(client_cert);
  free(client_key);
}
