/* main: runs the component's tests on this machine against lwIP.
 *
 *   host loopback          the peers live in the same stack; needs no rights
 *   host tap [node]        the peers are Linux's, at the far end of a tap device in a network namespace */
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "esp_event.h"
#include "lwip/dns.h"
#include "lwip/netifapi.h"
#include "lwip/tcpip.h"
#include "tap.h"
#include "test.h"

unsigned test_total(void);

enum { LEFT_OUT = 77 };

place here;
static struct netif netif;

uint32_t test_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}

/* Opening before there is a stack, an interface or an address must not crash, but say why it is not done. */
static void refuses_before_there_is_a_network(void) {
  test_begin(NULL);
  CHECK(!tw_net_is_up());
  CHECK(tw_net_tcp_connect("10.77.0.1", 80) == -1 && tw_last_error() == TW_ERR_NETWORK_DOWN);
  CHECK(tw_net_tcp_connect("peer.test", 80) == -1 && tw_last_error() == TW_ERR_NETWORK_DOWN);
  CHECK(tw_net_udp_open(0) == -1 && tw_last_error() == TW_ERR_NETWORK_DOWN);
  CHECK(tw_net_tcp_listen("", 0) == -1 && tw_last_error() == TW_ERR_NETWORK_DOWN);
  CHECK(tw_ws_open("ws://10.77.0.1/") == -1 && tw_last_error() == TW_ERR_NETWORK_DOWN);
  test_for(100);
  test_end();
}

/* The first start decides on the task for good: a process of its own. */
static void starts_its_task_as_asked(void) {
  pid_t child = fork();
  if (child == 0) {
    tw_esp_options options;
    tw_esp_defaults(&options);
    options.task = (tw_esp_task){.stack_size = 12288, .priority = 7, .core = 0, .stack_in_psram = true};
    bool right = tw_esp_start(&options) == ESP_OK;
    const stub_task *made = stub_last_task();
    right = right && made->stack_size == 12288 && made->priority == 7 && made->core == 0 && made->stack_in_psram;
    options.task.priority = 3; /* of the same task */
    tw_esp_stop();
    while (tw_esp_running())
      usleep(1000);
    right = right && tw_esp_start(&options) == ESP_OK && made->priority == 3;
    tw_esp_stop();
    while (tw_esp_running())
      usleep(1000);
    options.task.core = 1;
    _exit(right && tw_esp_start(&options) == ESP_ERR_INVALID_ARG ? 0 : 1);
  }
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

/* An interface that reaches only itself. */
static err_t send_nowhere(struct netif *unused, struct pbuf *packet, const ip4_addr_t *to) {
  (void)unused, (void)packet, (void)to;
  return ERR_OK;
}

static err_t init_netif(struct netif *it) {
  it->name[0] = 'n';
  it->name[1] = 'o';
  it->output = send_nowhere;
  it->mtu = 1500;
  it->flags = NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

static void add_lonely_netif(void) {
  netifapi_netif_add(&netif, NULL, NULL, NULL, NULL, init_netif, tcpip_input);
  netifapi_netif_set_default(&netif);
}

static void set_dns(void *unused) {
  (void)unused;
  ip_addr_t server;
  ipaddr_aton(here.peer_address, &server);
  dns_setserver(0, &server);
}

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  bool tap = count > 1 && strcmp(arguments[1], "tap") == 0;
  const char *reason;
  if (tap && !tap_prepare(&reason)) {
    printf("left out: %s\n", reason);
    return LEFT_OUT;
  }
  here = tap ? (place){"tap", TAP_HOST, TAP_DEVICE, &linux_peer_calls, false}
             : (place){"loopback", TAP_DEVICE, TAP_DEVICE, &lwip_peer_calls, false};
  TEST(refuses_before_there_is_a_network);
  if (!tap)
    TEST(starts_its_task_as_asked);
  esp_event_loop_create_default();
  tcpip_init(NULL, NULL);
  if (tap)
    tap_add(&netif);
  else
    add_lonely_netif();
  stub_use_netif(&netif);
  TEST(refuses_before_there_is_a_network);
  stub_network(true, here.device_address);
  here.has_stack = true;
  tcpip_callback(set_dns, NULL);
  tests_of_streams();
  tests_of_names();
  tests_of_datagrams();
  tests_of_listeners();
  tests_of_websockets();
  tests_of_network();
  if (!tap)
    tests_of_interfaces();
  tests_of_events();
  tests_of_task();
  if (tap && count > 2)
    tests_of_programs(arguments[2]);
  return test_total() == 0 ? 0 : 1;
}
