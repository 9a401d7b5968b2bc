/* tls_esp.c: TLS through esp-tls, whatever TLS library and version an ESP-IDF has below it. See tls.h.
 *
 * esp_tls_conn_new_async would look the name up by itself, and wait for that. So the socket is connected already, and
 * esp-tls is informed: esp_tls_set_conn_sockfd and the state CONNECTING, as its own transports do. `non_block` stays
 * off, as it would make esp-tls wait in a select for the connection; the socket is non-blocking, and that is enough.
 *
 * After the first step of the handshake the session reads and writes by functions of this file: they know what esp-tls
 * does not report, whether it waits to read or to write, what ended the stream, and whether it was cut off. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authorities.h"
#include "esp_log.h"
#include "lwip/sockets.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509.h"
#include "port_lwip.h"
#include "sdkconfig.h"
#include "tls.h"
#include "tls_hook.h"
#include "tls_role.h"
#include "trust.h"

/* mbedTLS's for a transport that fails; its header for sockets is not everywhere. */
enum { TRANSPORT_FAILED = -0x0050 };

struct tw_esp_tls {
  esp_tls_t *tls;
  esp_tls_cfg_t config;
  const tw_tls_options *options;
  tw_esp_authorities *authorities; /* that it trusts; NULL: others */
  int fd;
  int32_t error;    /* what ended the stream below TLS; 0: nothing has */
  uint32_t slot;    /* of the handle */
  uint32_t pending; /* what was refused has to be offered again in just this size: it may be enciphered already */
  bool server;
  bool ready;  /* the handshake is done */
  bool own;    /* it reads and writes by the functions of this file */
  bool full;   /* the last call found no room to write */
  bool ended;  /* FIN has come */
  bool closed; /* close_notify is written */
  char name[]; /* terminated */
};

void tw_esp_tls_warn(void) {
#ifndef CONFIG_MBEDTLS_HAVE_TIME_DATE
  ESP_LOGW("twinwire",
           "TLS: expired certificates are accepted; set CONFIG_MBEDTLS_HAVE_TIME_DATE, and the clock by SNTP");
#endif
}

int32_t tw_esp_tls_check(void *host, const tw_tls_options *options, bool server) {
  (void)host;
  if (server && (!tw_esp_tls_can_serve() || options == NULL))
    return TW_ERR_UNSUPPORTED;
  if (options == NULL)
    return 0;
  if (options->accept_any || options->pin != NULL || options->tls13_only || (options->request_cert && !server))
    return TW_ERR_UNSUPPORTED;
  if (options->request_cert && options->ca == NULL)
    return TW_ERR_ARGUMENT;
  return (options->cert == NULL) != (options->key == NULL) ? TW_ERR_ARGUMENT : 0;
}

/* ---- Below TLS ----------------------------------------------------------------------------------------------- */

static int fail(tw_esp_tls *it) {
  it->error = tw_esp_socket_error(errno);
  return TRANSPORT_FAILED;
}

static int send_some(void *context, const unsigned char *data, size_t size) {
  tw_esp_tls *it = context;
  ssize_t done = lwip_send(it->fd, data, size, MSG_DONTWAIT);
  if (done >= 0)
    return (int)done;
  if (!tw_esp_socket_is_full(errno))
    return fail(it);
  it->full = true;
  return MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int receive_some(void *context, unsigned char *data, size_t size) {
  tw_esp_tls *it = context;
  ssize_t got = lwip_recv(it->fd, data, size, MSG_DONTWAIT);
  if (got == 0)
    it->ended = true;
  if (got >= 0)
    return (int)got;
  return tw_esp_socket_is_full(errno) ? MBEDTLS_ERR_SSL_WANT_READ : fail(it);
}

static void take_over(tw_esp_tls *it) {
  mbedtls_ssl_context *ssl = esp_tls_get_ssl_context(it->tls);
  if (ssl != NULL)
    mbedtls_ssl_set_bio(ssl, it, send_some, receive_some, NULL);
  it->own = true;
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

/* A PEM text and its bytes, the NUL included, as mbedTLS wants them. */
static void set_pem(const unsigned char **buffer, unsigned int *bytes, const char *pem) {
  if (pem == NULL)
    return;
  *buffer = (const unsigned char *)pem;
  *bytes = (unsigned int)strlen(pem) + 1;
}

/* Returns 0 or an error of the table. *trusted: whether there is somebody to trust. */
static int32_t trust(tw_esp_tls *it, bool *trusted) {
  const char *ca = it->options == NULL ? NULL : it->options->ca;
  *trusted = ca != NULL || tw_esp_trust_default(&it->config);
  return ca == NULL ? 0 : tw_esp_authorities_use(ca, &it->config, &it->authorities);
}

static void identify(esp_tls_cfg_t *config, const tw_tls_options *options) {
  if (options == NULL)
    return;
  set_pem(&config->clientcert_buf, &config->clientcert_bytes, options->cert);
  set_pem(&config->clientkey_buf, &config->clientkey_bytes, options->key);
  if (options->passphrase != NULL) {
    config->clientkey_password = (const unsigned char *)options->passphrase;
    config->clientkey_password_len = (unsigned int)strlen(options->passphrase);
  }
  /* esp-tls has no const here, and changes nothing. */
  config->alpn_protos = (const char **)(uintptr_t)options->alpn;
}

static int32_t begin_client(tw_esp_tls *it) {
  bool trusted;
  int32_t error = trust(it, &trusted);
  if (error < 0)
    return error;
  identify(&it->config, it->options);
  bool configured = tw_esp_tls_hooked(it->name, &it->config);
  if (!trusted && !configured)
    return TW_ERR_TLS_UNTRUSTED;
  tw_esp_resume_use(it->slot, it->name, it->options, &it->config);
  esp_tls_set_conn_sockfd(it->tls, it->fd);
  esp_tls_set_conn_state(it->tls, ESP_TLS_CONNECTING);
  return 0;
}

static int32_t begin_server(tw_esp_tls *it) {
  if (!tw_esp_tls_serve(it->tls, it->fd, it->options))
    return TW_ERR_TLS;
  take_over(it);
  return 0;
}

/* A session that is given up before it owns the socket. */
static void abandon(tw_esp_tls *it) {
  if (it->tls != NULL) {
    esp_tls_set_conn_sockfd(it->tls, -1);
    esp_tls_conn_destroy(it->tls);
  }
  tw_esp_authorities_release(it->authorities);
  free(it);
}

int32_t tw_esp_tls_open(tw_esp_tls **made, int fd, uint32_t slot, const char *name, const tw_tls_options *options) {
  size_t size = name == NULL ? 1 : strlen(name) + 1;
  tw_esp_tls *it = calloc(1, sizeof *it + size);
  if (it == NULL)
    return TW_ERR_MEMORY;
  if (name != NULL)
    memcpy(it->name, name, size);
  it->fd = fd;
  it->slot = slot;
  it->options = options;
  it->server = name == NULL;
  it->tls = esp_tls_init();
  int32_t error = TW_ERR_MEMORY;
  if (it->tls != NULL)
    error = it->server ? begin_server(it) : begin_client(it);
  if (error < 0) {
    abandon(it);
    return error;
  }
  *made = it;
  return 0;
}

/* ---- The handshake ------------------------------------------------------------------------------------------- */

/* Why a handshake failed. Of what is wrong with a certificate, the gravest is reported. */
static int32_t failure(const tw_esp_tls *it) {
  const mbedtls_ssl_context *ssl = esp_tls_get_ssl_context(it->tls);
  esp_tls_error_handle_t errors;
  uint32_t flags = ssl == NULL ? 0 : mbedtls_ssl_get_verify_result(ssl);
  int code = 0;
  int captured = 0;
  if (it->error < 0)
    return it->error;
  if (it->ended)
    return TW_ERR_ENDED;
  if (esp_tls_get_error_handle(it->tls, &errors) == ESP_OK)
    esp_tls_get_and_clear_last_error(errors, &code, &captured);
  if (flags == UINT32_MAX) /* no certificate was looked at */
    flags = 0;
  flags |= (uint32_t)captured;
  if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0)
    return TW_ERR_TLS_UNTRUSTED;
  if ((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0)
    return TW_ERR_TLS_NAME;
  if ((flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) != 0)
    return TW_ERR_TLS_EXPIRED;
  return TW_ERR_TLS;
}

int32_t tw_esp_tls_handshake(tw_esp_tls *it) {
  it->full = false;
  tw_esp_authorities_select(it->authorities);
  int done = it->server ? tw_esp_tls_serve_on(it->tls)
                        : esp_tls_conn_new_async(it->name, (int)strlen(it->name), 0, &it->config, it->tls);
#ifdef CONFIG_ESP_TLS_CLIENT_SESSION_TICKETS
  it->config.client_session = NULL; /* esp-tls would set it again at each step, in the middle of the handshake */
#endif
  if (done == 0) {
    it->full = it->full || !it->own; /* esp-tls does not report what its own functions wait for: one more step will */
    take_over(it);
    return TW_ESP_TLS_AGAIN;
  }
  if (done == 1) {
    take_over(it); /* a handshake that was done in one step */
    it->ready = true;
    return 1;
  }
  if (!it->server)
    tw_esp_resume_drop(it->slot);
  return failure(it);
}

bool tw_esp_tls_wants_write(const tw_esp_tls *it) { return it->full; }

/* ---- Bytes --------------------------------------------------------------------------------------------------- */

static bool is_again(ssize_t result) {
  return result == ESP_TLS_ERR_SSL_WANT_READ || result == ESP_TLS_ERR_SSL_WANT_WRITE;
}

int32_t tw_esp_tls_read(tw_esp_tls *it, void *data, uint32_t size) {
  ssize_t got = esp_tls_conn_read(it->tls, data, size);
  if (got > 0)
    return (int32_t)got;
  if (is_again(got))
    return TW_ESP_TLS_AGAIN;
  if (it->error < 0)
    return it->error;
  if (it->ended)
    return TW_ERR_ENDED; /* mbedTLS returns 0 here as it does after close_notify */
  return got == 0 ? 0 : TW_ERR_TLS;
}

int32_t tw_esp_tls_write(tw_esp_tls *it, const void *data, uint32_t size) {
  if (it->pending > 0 && it->pending < size)
    size = it->pending;
  it->full = false;
  ssize_t done = esp_tls_conn_write(it->tls, data, size);
  if (done < 0 && !is_again(done))
    return it->error < 0 ? it->error : TW_ERR_TLS;
  uint32_t taken = done > 0 ? (uint32_t)done : 0;
  it->pending = size - taken;
  return taken > 0 ? (int32_t)taken : TW_ESP_TLS_AGAIN;
}

bool tw_esp_tls_pending(tw_esp_tls *it) { return esp_tls_get_bytes_avail(it->tls) > 0; }

/* ---- The end ------------------------------------------------------------------------------------------------- */

int32_t tw_esp_tls_finish(tw_esp_tls *it) {
  mbedtls_ssl_context *ssl = esp_tls_get_ssl_context(it->tls);
  if (ssl == NULL || !it->ready || it->closed)
    return 0;
  it->closed = !is_again(mbedtls_ssl_close_notify(ssl));
  return it->closed ? 0 : TW_ESP_TLS_AGAIN;
}

void tw_esp_tls_free(tw_esp_tls *it) {
  if (it->ready && !it->server)
    tw_esp_resume_keep(it->slot, it->name, it->options, it->tls);
  esp_tls_conn_destroy(it->tls);
  tw_esp_authorities_release(it->authorities);
  free(it);
}

void tw_esp_tls_forget(void) {
  tw_esp_resume_forget();
  tw_esp_authorities_forget();
}
