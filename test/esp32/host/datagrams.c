/* datagrams.c: UDP. */
#include <string.h>

#include "test.h"

static peer echo = {.kind = PEER_UDP};

static char last[2048];
static uint32_t last_size, count;
static char sender[TW_MAX_ADDRESS];
static int32_t sender_port;

static void on_datagram(const NetDatagram *e, void *ctx) {
  (void)ctx;
  count++;
  last_size = e->size;
  memcpy(last, e->data, e->size);
  snprintf(sender, sizeof sender, "%s", e->addr);
  sender_port = e->port;
}

static int32_t open_socket(void) {
  int32_t sock = tw_net_udp_open(0);
  CHECK(sock > 0);
  CHECK(tw_net_on(sock, "datagram", on_datagram, NULL) == 0);
  count = 0;
  return sock;
}

static void echoes(void) {
  test_begin(NULL);
  int32_t sock = open_socket();
  for (uint32_t i = 0; i < 50; i++) {
    char text[32];
    int size = snprintf(text, sizeof text, "datagram %u", (unsigned)i);
    CHECK(tw_net_udp_send_to(sock, here.peer_address, echo.port, text, (size_t)size) == size);
    test_until(&count, i + 1);
    CHECK(last_size == (uint32_t)size && memcmp(last, text, last_size) == 0);
  }
  CHECK(strcmp(sender, here.peer_address) == 0 && sender_port == echo.port);
  CHECK(tw_net_udp_send_to(sock, here.peer_address, echo.port, "", 0) == 0);
  test_until(&count, 51);
  CHECK(last_size == 0);
  CHECK(tw_net_udp_send_to(sock, "::1", echo.port, "x", 1) == -1 && tw_last_error() == TW_ERR_UNREACHABLE);
  CHECK(tw_net_close(sock) == 0);
  test_end();
}

static void fixes_its_peer(void) {
  test_begin(NULL);
  int32_t sock = open_socket();
  CHECK(tw_net_udp_connect(sock, here.peer_address, echo.port) == 0);
  CHECK(tw_net_udp_send(sock, "hello", 5) == 5);
  test_until(&count, 1);
  CHECK(last_size == 5 && memcmp(last, "hello", 5) == 0);
  test_end();
}

static void drops_what_does_not_fit(void) {
  static const char bytes[1470];
  test_begin(NULL);
  int32_t sock = open_socket();
  CHECK(tw_net_udp_send_to(sock, here.peer_address, echo.port, bytes, 1461) == 1461);
  CHECK(tw_net_udp_send_to(sock, here.peer_address, echo.port, bytes, 1460) == 1460);
  test_until(&count, 1);
  test_for(50);
  CHECK(count == 1 && last_size == 1460);
  test_end();
}

static void knows_a_port_in_use(void) {
  char text[TW_MAX_ADDRESS + 1];
  int port;
  test_begin(NULL);
  int32_t sock = open_socket();
  CHECK(tw_net_local_addr(sock, text, sizeof text) > 0 && sscanf(strchr(text, ':'), ":%d", &port) == 1 && port > 0);
  CHECK(tw_net_udp_open(port) == -1 && tw_last_error() == TW_ERR_IN_USE);
  test_end();
}

void tests_of_datagrams(void) {
  if (!here.peers->start(&echo))
    printf("a peer does not start\n");
  TEST(echoes);
  TEST(fixes_its_peer);
  TEST(drops_what_does_not_fit);
  TEST(knows_a_port_in_use);
}
