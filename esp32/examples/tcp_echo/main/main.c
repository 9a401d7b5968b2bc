/* tcp_echo: listens, and sends back what comes; and connects to such a server, says hello once a second and prints what
 * comes back. For a server on a PC: socat TCP-LISTEN:8080,fork,reuseaddr EXEC:cat
 *
 * Without a task of twinwire's own: app_main turns the loop. */
#include <inttypes.h>
#include <string.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_timer.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "sdkconfig.h"
#include "twinwire/tw_esp.h"

static const char TAG[] = "tcp_echo";

/* ---- The server ---- */

/* What a client has sent and does not take back yet. Until it does, no more is received from it: it feels that. */
typedef struct client {
  int32_t sock; /* 0: this place is free */
  uint32_t size;
  char data[CONFIG_TWINWIRE_RECV_BUFFER];
} client;

static client clients[CONFIG_TWINWIRE_SOCKETS];

static void echo(const NetData *e, void *ctx) {
  client *it = ctx;
  if (tw_net_send(e->sock, e->data, e->size) >= 0)
    return;
  memcpy(it->data, e->data, e->size);
  it->size = e->size;
  tw_net_pause(e->sock);
}

static void go_on(const NetDrain *e, void *ctx) {
  client *it = ctx;
  if (tw_net_send(e->sock, it->data, it->size) >= 0) /* else another drain follows */
    tw_net_resume(e->sock);
}

/* A connection that is over keeps its place until it is closed. */
static void leave(const NetDisconnected *e, void *ctx) {
  tw_net_close(e->sock);
  ((client *)ctx)->sock = 0;
}

static void on_accepted(const NetAccepted *e, void *ctx) {
  (void)ctx;
  client *it = clients;
  while (it->sock != 0)
    it++; /* there are as many as sockets */
  it->sock = e->sock;
  tw_net_on(e->sock, "data", echo, it);
  tw_net_on(e->sock, "drain", go_on, it);
  tw_net_on(e->sock, "disconnected", leave, it);
}

/* ---- The client ---- */

static void on_data(const NetData *e, void *ctx) {
  (void)ctx;
  ESP_LOGI(TAG, "received: %s", e->data);
}

static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  ESP_LOGW(TAG, "%s: %s", tw_error_name(e->code), tw_error_advice(e->code));
}

void app_main(void) {
  ESP_ERROR_CHECK(nvs_flash_init());
  ESP_ERROR_CHECK(esp_netif_init());
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  ESP_ERROR_CHECK(example_connect());
  ESP_ERROR_CHECK(tw_esp_begin(NULL));

  int32_t listener = tw_net_tcp_listen(NULL, CONFIG_EXAMPLE_PORT);
  tw_net_on(listener, "accepted", on_accepted, NULL);

  int32_t sock = tw_net_tcp_connect(CONFIG_EXAMPLE_HOST, CONFIG_EXAMPLE_PORT);
  tw_net_set_auto_reconnect(sock, true);
  tw_net_on(sock, "data", on_data, NULL);
  tw_net_on(sock, "error", on_error, NULL);

  for (int64_t next = 0;;) {
    tw_poll(100);
    if (esp_timer_get_time() < next)
      continue;
    tw_net_send(sock, "hello", 5); /* -1 while it is not connected */
    next = esp_timer_get_time() + 1000000;
  }
}
