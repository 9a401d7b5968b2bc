/* tls_peer.c: a WebSocket server over esp-tls, in blocking calls. */
#include <string.h>

#include "esp_tls.h"
#include "host_test.h"

static bool receive_all(void *context, void *data, size_t size) {
  char *to = data;
  while (size > 0) {
    ssize_t got = esp_tls_conn_read(context, to, size);
    if (got <= 0)
      return false;
    to += got;
    size -= (size_t)got;
  }
  return true;
}

static bool send_all(void *context, const void *data, size_t size) {
  const char *from = data;
  while (size > 0) {
    ssize_t done = esp_tls_conn_write(context, from, size);
    if (done <= 0)
      return false;
    from += done;
    size -= (size_t)done;
  }
  return true;
}

void tls_peer_serve(int fd) {
  esp_tls_cfg_server_t config;
  memset(&config, 0, sizeof config);
  config.servercert_buf = (const unsigned char *)certificate_server;
  config.servercert_bytes = (unsigned)strlen(certificate_server) + 1;
  config.serverkey_buf = (const unsigned char *)certificate_server_key;
  config.serverkey_bytes = (unsigned)strlen(certificate_server_key) + 1;
  esp_tls_t *tls = esp_tls_init();
  if (tls == NULL)
    return;
  if (esp_tls_server_session_create(&config, fd, tls) == 0)
    peer_serve_websocket(&(stream){receive_all, send_all, tls});
  esp_tls_server_session_delete(tls); /* the socket is the caller's */
}
