/* listener.c: how the peers of the tests close a listener. lwIP 2.1.3 asserts that no connection is in its queue, which
 * ESP-IDF's lwIP does not: nothing is queued any more, and what is there is closed. */
#include "listener.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/priv/tcpip_priv.h"
#include "lwip/sockets.h"

struct refusal {
  struct tcpip_api_call_data call; /* the first member: lwIP passes it */
  uint16_t port;
};

static err_t refuse(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)arg, (void)pcb, (void)error;
  return ERR_VAL;
}

static err_t refuse_all(struct tcpip_api_call_data *call) {
  for (union tcp_listen_pcbs_t list = tcp_listen_pcbs; list.pcbs != NULL; list.pcbs = list.pcbs->next)
    if (list.listen_pcbs->local_port == ((struct refusal *)(void *)call)->port)
      tcp_accept(list.pcbs, refuse);
  return ERR_OK;
}

int test_lwip_close_listener(int fd) {
  struct sockaddr_in local;
  socklen_t size = sizeof local;
  if (lwip_getsockname(fd, (struct sockaddr *)&local, &size) == 0) {
    struct refusal it = {.port = lwip_ntohs(local.sin_port)};
    tcpip_api_call(refuse_all, &it.call);
  }
  lwip_fcntl(fd, F_SETFL, O_NONBLOCK);
  for (int queued; (queued = lwip_accept(fd, NULL, NULL)) >= 0;)
    lwip_close(queued);
  return lwip_close(fd);
}
