/* tap_lwip.c: lwIP's side of tap.h. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/netif.h"
#include "lwip/netifapi.h"
#include "lwip/pbuf.h"
#include "lwip/tcpip.h"
#include "tap.h"

enum { FRAME = 1514 };

extern int tap_fd;

static err_t send_frame(struct netif *netif, struct pbuf *packet) {
  (void)netif;
  char frame[FRAME];
  u16_t size = pbuf_copy_partial(packet, frame, sizeof frame, 0);
  return write(tap_fd, frame, size) == (ssize_t)size ? ERR_OK : ERR_IF;
}

static void *receive(void *argument) {
  struct netif *netif = argument;
  char frame[FRAME];
  for (;;) {
    ssize_t size = read(tap_fd, frame, sizeof frame);
    if (size <= 0)
      return NULL;
    struct pbuf *packet = pbuf_alloc(PBUF_RAW, (u16_t)size, PBUF_RAM);
    if (packet == NULL)
      continue;
    pbuf_take(packet, frame, (u16_t)size);
    if (netif->input(packet, netif) != ERR_OK)
      pbuf_free(packet);
  }
}

static err_t init(struct netif *netif) {
  static const u8_t mac[6] = {2, 0, 0, 0x77, 0, 2};
  netif->name[0] = 't';
  netif->name[1] = 'w';
  netif->output = etharp_output;
  netif->output_ip6 = ethip6_output;
  netif->linkoutput = send_frame;
  netif->mtu = 1500;
  netif->hwaddr_len = sizeof mac;
  memcpy(netif->hwaddr, mac, sizeof mac);
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

void tap_add(struct netif *netif) {
  pthread_t thread;
  netifapi_netif_add(netif, NULL, NULL, NULL, NULL, init, tcpip_input);
  netifapi_netif_set_default(netif);
  pthread_create(&thread, NULL, receive, netif);
  pthread_detach(thread);
}
