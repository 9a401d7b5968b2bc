/* tunnel.c: connections through an HTTP proxy. */
#include "src/core.h"

int32_t tw_tcp_connect_via(tw_core *core, const char *host, uint32_t host_size, int32_t port, const char *proxy,
                           uint32_t proxy_size, int32_t proxy_port, const char *credentials,
                           uint32_t credentials_size) {
  (void)core, (void)host, (void)host_size, (void)port, (void)proxy, (void)proxy_size, (void)proxy_port,
      (void)credentials, (void)credentials_size;
  return TW_ERR_UNSUPPORTED;
}

int32_t tw_ws_connect_via(tw_core *core, const char *url, uint32_t url_size, const char *proxy, uint32_t proxy_size,
                          int32_t proxy_port, const char *credentials, uint32_t credentials_size) {
  (void)core, (void)url, (void)url_size, (void)proxy, (void)proxy_size, (void)proxy_port, (void)credentials,
      (void)credentials_size;
  return TW_ERR_UNSUPPORTED;
}
