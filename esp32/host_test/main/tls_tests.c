/* tls_tests.c: wss: with a server that is trusted, is not, has another name, or says nothing. */
#include <stdio.h>
#include <string.h>

#include "host_test.h"
#include "unity.h"

static const tw_tls_options trusted = {.ca = certificate_authority}, untrusted = {.ca = certificate_stranger};
static uint16_t tls_port, silent_port;
static record it;

static int32_t open_wss(const char *host, uint16_t port, const tw_tls_options *tls) {
  char url[64];
  snprintf(url, sizeof url, "wss://%s:%u/", host, (unsigned)port);
  return record_open(&(target){.record = &it, .url = url, .tls = tls});
}

static void speaks_wss(void) {
  static char message[1000];
  memset(message, 'x', sizeof message);
  start();
  CHECK(open_wss("peer.test", tls_port, &trusted) >= 0);
  CHECK(reaches(&it.connected, 1));
  for (uint32_t i = 1; i <= 100; i++)
    CHECK(tw_esp_ws_send_text(it.handle, message, sizeof message) == sizeof message &&
          reaches(&it.received, i * sizeof message));
  tw_esp_ws_close(it.handle);
  CHECK(reaches(&it.disconnected, 1) && it.errors == 0);
  stop();
}

static void fails_with(const char *host, uint16_t port, const tw_tls_options *tls, int32_t code) {
  tw_esp_options options;
  tw_esp_defaults(&options);
  options.limits.handshakeTimeoutMs = 1000;
  start_with(&options);
  CHECK(open_wss(host, port, tls) >= 0);
  CHECK(reaches(&it.disconnected, 1));
  CHECK(it.connected == 0 && it.code == code);
  stop();
}

static void refuses_a_server_that_is_not_trusted(void) {
  fails_with("peer.test", tls_port, &untrusted, TW_ERR_TLS_UNTRUSTED);
}

static void refuses_another_name(void) { fails_with("wrong.test", tls_port, &trusted, TW_ERR_TLS_NAME); }
static void gives_a_silent_server_up(void) { fails_with("peer.test", silent_port, &trusted, TW_ERR_TIMEOUT); }

static void stops_within_a_handshake(void) {
  for (uint32_t delay = 0; delay < 100; delay += 20) {
    start();
    CHECK(open_wss("peer.test", delay % 40 == 0 ? silent_port : tls_port, &trusted) >= 0);
    nap(delay);
    stop();
  }
}

static void connects_again_and_again(void) {
  for (int i = 0; i < 10; i++) {
    start();
    CHECK(open_wss("peer.test", tls_port, &trusted) >= 0);
    CHECK(reaches(&it.connected, 1));
    stop();
    CHECK(it.disconnected == 1);
  }
}

void run_tls_tests(void) {
  tls_port = peer_start(PEER_TLS);
  silent_port = peer_start(PEER_SILENT);
  RUN_TEST(speaks_wss);
  RUN_TEST(refuses_a_server_that_is_not_trusted);
  RUN_TEST(refuses_another_name);
  RUN_TEST(gives_a_silent_server_up);
  RUN_TEST(stops_within_a_handshake);
  RUN_TEST(connects_again_and_again);
}
