/* tls_options.c: what esp-tls is asked for beyond a connection. See programs.h. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "esp_tls.h"
#include "mbedtls/x509_crt.h"
#include "programs.h"
#include "test.h"
#include "twinwire/tw_esp_tls.h"

static char *ca, *stranger, *client_cert, *client_key, *server_cert, *server_key;
static tw_tls_options tls;
static story it;
static const uint32_t at_once = 0;

/* ---- What is parsed, and what of it is there still (--wrap, see host.mjs) ---- */

static const mbedtls_x509_crt *chain; /* that the last text of authorities was parsed into; NULL once it is freed */
static uint32_t parses;

int __real_mbedtls_x509_crt_parse(mbedtls_x509_crt *into, const unsigned char *text, size_t size);
int __wrap_mbedtls_x509_crt_parse(mbedtls_x509_crt *into, const unsigned char *text, size_t size);
int __wrap_mbedtls_x509_crt_parse(mbedtls_x509_crt *into, const unsigned char *text, size_t size) {
  if (ca != NULL && (strcmp((const char *)text, ca) == 0 || strcmp((const char *)text, stranger) == 0)) {
    parses++;
    chain = into;
  }
  return __real_mbedtls_x509_crt_parse(into, text, size);
}

void __real_mbedtls_x509_crt_free(mbedtls_x509_crt *freed);
void __wrap_mbedtls_x509_crt_free(mbedtls_x509_crt *freed);
void __wrap_mbedtls_x509_crt_free(mbedtls_x509_crt *freed) {
  if (freed == chain)
    chain = NULL;
  __real_mbedtls_x509_crt_free(freed);
}

static void connect_tls(story *to, const char *name, const tw_tls_options *options) {
  test_connect(to, "peer.test", program_port(name));
  CHECK(tw_net_set_tls(to->handle, options) == 0);
}

static void reconnect_at_once(int32_t handle) {
  tw_net_set_reconnect_delays_ms(handle, &at_once, 1);
  tw_net_set_auto_reconnect(handle, true);
}

/* Once for all connections and reconnects, wherever the text is; and until the end. */
static void parses_authorities_once(void) {
  static char copy[8192];
  static story other;
  strcpy(copy, ca);
  parses = 0;
  test_begin(NULL);
  tls = (tw_tls_options){.ca = ca};
  connect_tls(&it, "goodbye", &tls);
  reconnect_at_once(it.handle);
  test_until(&it.connected, 5);
  static tw_tls_options same;
  same = (tw_tls_options){.ca = copy};
  connect_tls(&other, "echo", &same);
  test_until(&other.connected, 1);
  CHECK(parses == 1 && chain != NULL);
  tw_net_close(it.handle);
  tw_net_close(other.handle);
  test_until(&other.disconnected, 1);
  static tw_tls_options different;
  different = (tw_tls_options){.ca = stranger};
  connect_tls(&other, "echo", &different);
  test_until(&other.disconnected, 1);
  CHECK(other.code == TW_ERR_TLS_UNTRUSTED && parses == 2);
  connect_tls(&other, "echo", &same);
  test_until(&other.connected, 1);
  CHECK(parses == 2);
  test_end();
  CHECK(chain == NULL);
}

static void refuses_authorities_that_are_none(void) {
  test_begin(NULL);
  tls = (tw_tls_options){.ca = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"};
  connect_tls(&it, "echo", &tls);
  test_until(&it.disconnected, 1);
  CHECK(it.code == TW_ERR_TLS && it.step == TW_STEP_TLS && stub_tls_sessions() == 0);
  test_end();
}

/* A session is kept over reconnects, not over the end: what it takes is given back. */
static void resumes_its_session(void) {
  for (int i = 0; i < 2; i++) {
    test_begin(NULL);
    tls = (tw_tls_options){.ca = ca};
    connect_tls(&it, "tickets", &tls);
    reconnect_at_once(it.handle);
    test_until(&it.received, 5 * 4);
    CHECK(memcmp(it.text, "firstagainagainagain", 5 * 4) == 0 && it.errors == 0);
    test_end();
  }
}

/* ---- The hook ---- */

static void use_global_store(const char *name, esp_tls_cfg_t *config, void *ctx) {
  (void)name, (void)ctx;
  config->crt_bundle_attach = NULL;
  config->use_global_ca_store = true;
}

static void use_psk(const char *name, esp_tls_cfg_t *config, void *ctx) {
  (void)name;
  config->crt_bundle_attach = NULL;
  config->psk_hint_key = ctx;
}

static void use_ds(const char *name, esp_tls_cfg_t *config, void *ctx) {
  (void)name;
  config->clientcert_buf = (const unsigned char *)client_cert;
  config->clientcert_bytes = (unsigned)strlen(client_cert) + 1;
  config->ds_data = ctx;
}

/* Connects to the echo server `name`, and returns whether that and the echo succeeded. */
static bool echoes(const char *name, tw_esp_tls_configure hook, void *ctx, const tw_tls_options *options) {
  test_begin(NULL);
  tw_esp_tls_set_hook(hook, ctx);
  connect_tls(&it, name, options);
  while (it.connected == 0 && it.disconnected == 0)
    test_for(10);
  if (it.connected > 0) {
    CHECK(tw_net_send(it.handle, "hello", 5) == 5);
    while (it.received < 5 && it.disconnected == 0)
      test_for(10);
  }
  test_end();
  tw_esp_tls_set_hook(NULL, NULL);
  return it.received == 5;
}

static void trusts_the_global_store(void) {
  CHECK(esp_tls_set_global_ca_store((const unsigned char *)ca, (unsigned)strlen(ca) + 1) == ESP_OK);
  parses = 0;
  CHECK(echoes("echo", use_global_store, NULL, NULL) && echoes("echo", use_global_store, NULL, NULL));
  CHECK(parses == 0);
}

static void shares_a_key(void) {
  psk_hint_key_t right = {(const unsigned char *)"0123456789abcdef", 16, "device"};
  psk_hint_key_t wrong = {(const unsigned char *)"0123456789abcdeX", 16, "device"};
  CHECK(echoes("psk", use_psk, &right, NULL));
  CHECK(!echoes("psk", use_psk, &wrong, NULL) && it.step == TW_STEP_TLS);
}

static void signs_with_the_peripheral(void) {
  tls = (tw_tls_options){.ca = ca};
  CHECK(echoes("mutual", use_ds, client_key, &tls));
  CHECK(!echoes("mutual", NULL, NULL, &tls));
}

/* ---- Serving ---- */

static story listener, accepted;

static void follow(const NetAccepted *e, void *ctx) {
  (void)ctx;
  accepted.handle = e->sock;
  test_listen_to(&accepted);
}

/* Both ends are this device's. */
static void serves_tls(void) {
  char address[TW_MAX_ADDRESS + 1];
  static tw_tls_options serving;
  serving = (tw_tls_options){.cert = server_cert, .key = server_key};
  memset(&accepted, 0, sizeof accepted);
  memset(&listener, 0, sizeof listener);
  test_begin(NULL);
  listener.handle = tw_net_tcp_listen("", 0);
  CHECK(tw_net_set_tls(listener.handle, &serving) == 0 && tw_net_on(listener.handle, follow, NULL) == 0);
  test_for(20);
  CHECK(tw_net_local_addr(listener.handle, address, sizeof address) > 0);
  test_connect(&it, here.device_address, (uint16_t)strtol(strrchr(address, ':') + 1, NULL, 10));
  tls = (tw_tls_options){.ca = ca, .servername = "peer.test"};
  CHECK(tw_net_set_tls(it.handle, &tls) == 0);
  test_until(&it.connected, 1);
  CHECK(tw_net_send(it.handle, "hello", 5) == 5);
  test_until(&accepted.received, 5);
  CHECK(memcmp(accepted.text, "hello", 5) == 0 && tw_net_send(accepted.handle, "there", 5) == 5);
  test_until(&it.received, 5);
  test_end();
  CHECK(stub_tls_sessions() == 0);
}

/* ---- How long a handshake holds the network task ---- */

static double cpu_ms(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

/* Until the next connection is there: the longest iteration and the sum of all, in the task's own time. */
static void measure(const char *what) {
  double longest = 0, total = 0;
  uint32_t wanted = it.connected + 1, steps = 0;
  while (it.connected < wanted) {
    CHECK(it.errors == 0);
    double started = cpu_ms();
    tw_poll(10);
    double used = cpu_ms() - started;
    longest = used > longest ? used : longest;
    total += used;
    steps++;
  }
  printf("  a handshake, %s: at most %.2f ms at once, %.2f ms in all\n", what, longest, total);
  CHECK(steps >= 3 && longest < total); /* others were served in between */
}

static void yields_within_handshakes(void) {
  test_begin(NULL);
  tls = (tw_tls_options){.ca = ca};
  connect_tls(&it, "echo", &tls);
  measure("ECDSA P-256");
  connect_tls(&it, "rsa", &tls);
  measure("RSA 2048");
  connect_tls(&it, "tickets", &tls);
  reconnect_at_once(it.handle);
  measure("ECDSA P-256 and a ticket");
  measure("resumed");
  test_end();
}

void tests_of_tls_options(void) {
  ca = program_pem("ca.pem");
  stranger = program_pem("stranger.pem");
  client_cert = program_pem("client.pem");
  client_key = program_pem("client.key");
  server_cert = program_pem("good.pem");
  server_key = program_pem("good.key");
  TEST(parses_authorities_once);
  TEST(refuses_authorities_that_are_none);
  TEST(resumes_its_session);
  TEST(trusts_the_global_store);
  TEST(shares_a_key);
  TEST(signs_with_the_peripheral);
  TEST(serves_tls);
  TEST(yields_within_handshakes);
  char **all[] = {&ca, &stranger, &client_cert, &client_key, &server_cert, &server_key};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    free(*all[i]);
    *all[i] = NULL;
  }
}
