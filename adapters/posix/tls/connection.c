/* connection.c: TLS by OpenSSL 1.1.1 and later on one non-blocking socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/tls.h"

/* Sets the name or the address that the server's certificate must have. A name is sent as SNI too, RFC 6066 3. */
static bool expect_name(SSL *ssl, const tw_tls_options *options, const char *opened_as) {
  char name[TW_MAX_HOST + 1];
  const char *wanted = options->servername != NULL ? options->servername : opened_as;
  size_t size = strlen(wanted);
  if (size == 0 || size > TW_MAX_HOST)
    return options->accept_any; /* no name to verify: a Unix socket without servername */
  memcpy(name, wanted, size + 1);
  if (name[size - 1] == '.')
    name[size - 1] = 0;
  unsigned char address[sizeof(struct in6_addr)];
  char *zone = strchr(name, '%');
  if (zone != NULL)
    *zone = 0;
  if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
  return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

static bool prepare_client(tw_tls *tls, const char *name) {
  unsigned char list[TW_TLS_ALPN_ROOM];
  unsigned int size = tw_tls_protocols(tls->options, list);
  if (size > 0 && SSL_set_alpn_protos(tls->ssl, list, size) != 0)
    return false;
  SSL_set_connect_state(tls->ssl);
  return expect_name(tls->ssl, tls->options, name);
}

tw_tls *tw_tls_begin(int fd, const tw_tls_options *options, bool server, const char *name, int32_t *error) {
  if (options == NULL)
    options = &tw_tls_defaults;
  ERR_clear_error();
  SSL_CTX *context = tw_tls_context(options, server);
  tw_tls *tls = context == NULL ? NULL : tw_posix_zeroed(1, sizeof *tls);
  *error = context == NULL ? TW_ERR_ARGUMENT : TW_ERR_MEMORY;
  if (tls == NULL)
    return NULL;
  tls->options = options;
  tls->ssl = SSL_new(context);
  BIO *bio = tls->ssl == NULL ? NULL : tw_tls_bio(fd);
  if (bio == NULL) {
    tw_tls_free(tls);
    return NULL;
  }
  SSL_set_bio(tls->ssl, bio, bio);
  SSL_set_app_data(tls->ssl, tls);
  if (server) {
    SSL_set_accept_state(tls->ssl);
  } else if (!prepare_client(tls, name)) {
    tw_tls_note("no name to verify");
    *error = TW_ERR_ARGUMENT;
    tw_tls_free(tls);
    return NULL;
  }
  tls->wants = server ? TW_TLS_READ : TW_TLS_WRITE;
  return tls;
}

void tw_tls_free(tw_tls *tls) {
  if (tls->ssl != NULL)
    SSL_free(tls->ssl);
  tw_posix_free(tls);
}

tw_tls_want tw_tls_wants(const tw_tls *tls) { return tls->wants; }

static int32_t verify_error(long result) {
  tw_tls_note(X509_verify_cert_error_string(result));
  switch (result) {
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    return TW_ERR_TLS_NAME;
  case X509_V_ERR_CERT_HAS_EXPIRED:
  case X509_V_ERR_CERT_NOT_YET_VALID:
  case X509_V_ERR_CRL_HAS_EXPIRED:
  case X509_V_ERR_CRL_NOT_YET_VALID:
    return TW_ERR_TLS_EXPIRED;
  default:
    return TW_ERR_TLS_UNTRUSTED;
  }
}

/* The error of a call that did not succeed; TW_ERR_BACKPRESSURE: it has to be called again. */
static int32_t failure(tw_tls *tls, int result) {
  int number = errno;
  switch (SSL_get_error(tls->ssl, result)) {
  case SSL_ERROR_WANT_READ:
    tls->wants = TW_TLS_READ;
    return TW_ERR_BACKPRESSURE;
  case SSL_ERROR_WANT_WRITE:
    tls->wants = TW_TLS_WRITE;
    return TW_ERR_BACKPRESSURE;
  case SSL_ERROR_ZERO_RETURN:
    return 0;
  case SSL_ERROR_SYSCALL:
    ERR_clear_error();
    return result == 0 || number == 0 ? TW_ERR_ENDED : tw_posix_error(number);
  default:
    break;
  }
  long verified = SSL_get_verify_result(tls->ssl);
  bool refused = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
  if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    ERR_clear_error();
    return TW_ERR_ENDED;
  }
#endif
  tw_tls_note_queue("TLS failed");
  return refused && verified != X509_V_OK ? verify_error(verified) : TW_ERR_TLS;
}

static bool fingerprint(const SSL *ssl, unsigned char to[TW_TLS_FINGERPRINT]) {
  X509 *peer = SSL_get_peer_certificate(ssl);
  unsigned int size = TW_TLS_FINGERPRINT;
  bool right = peer != NULL && X509_digest(peer, EVP_sha256(), to, &size) == 1;
  X509_free(peer);
  return right;
}

static bool is_pinned(const tw_tls *tls) {
  unsigned char wanted[TW_TLS_FINGERPRINT];
  unsigned char found[TW_TLS_FINGERPRINT];
  return tw_tls_pin(tls->options->pin, wanted) && fingerprint(tls->ssl, found) &&
         memcmp(wanted, found, TW_TLS_FINGERPRINT) == 0;
}

tw_tls_want tw_tls_handshake(tw_tls *tls, int32_t *error) {
  ERR_clear_error();
  errno = 0;
  int result = SSL_do_handshake(tls->ssl);
  if (result == 1) {
    tls->done = true;
    tls->wants = TW_TLS_DONE;
    if (tls->options->pin == NULL || is_pinned(tls))
      return TW_TLS_DONE;
    tw_tls_note("the certificate is not the pinned one");
    *error = TW_ERR_TLS_PIN;
    return TW_TLS_FAILED;
  }
  *error = failure(tls, result);
  if (*error == TW_ERR_BACKPRESSURE)
    return tls->wants;
  if (*error == 0)
    *error = TW_ERR_ENDED;
  return TW_TLS_FAILED;
}

int32_t tw_tls_read(tw_tls *tls, void *data, uint32_t size) {
  uint32_t done = 0;
  while (done < size && !tls->read_over) {
    ERR_clear_error();
    errno = 0;
    int got = SSL_read(tls->ssl, (char *)data + done, (int)(size - done));
    if (got > 0) {
      done += (uint32_t)got;
      continue;
    }
    tw_tls_want before = tls->wants;
    int32_t error = failure(tls, got);
    if (error == TW_ERR_BACKPRESSURE) {
      if (tls->wants == TW_TLS_READ)
        tls->wants = before; /* reading is what the socket waits for anyway */
      return done > 0 ? (int32_t)done : error;
    }
    tls->read_over = true;
    tls->read_error = error;
  }
  return done > 0 ? (int32_t)done : tls->read_error;
}

bool tw_tls_pending(const tw_tls *tls) { return tls->read_over || SSL_has_pending(tls->ssl) != 0; }

int32_t tw_tls_write(tw_tls *tls, const void *data, uint32_t size) {
  if (tls->write_error != 0)
    return tls->write_error;
  ERR_clear_error();
  errno = 0;
  int wrote = SSL_write(tls->ssl, data, (int)size);
  if (wrote > 0) {
    tls->wants = TW_TLS_DONE;
    return wrote;
  }
  int32_t error = failure(tls, wrote);
  if (error == TW_ERR_BACKPRESSURE) {
    tls->wants = TW_TLS_DONE; /* the socket waits for room, as for every write */
    return 0;
  }
  tls->write_error = error == 0 ? TW_ERR_RESET : error;
  return tls->write_error;
}

bool tw_tls_finish(tw_tls *tls) {
  if (!tls->done)
    return true;
  ERR_clear_error();
  errno = 0;
  int result = SSL_shutdown(tls->ssl);
  if (result >= 0)
    return true;
  bool again = SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_WRITE;
  ERR_clear_error();
  return !again;
}

int32_t tw_tls_describe(const tw_tls *tls, tw_posix_tls_info *info) {
  if (!tls->done)
    return TW_ERR_STATE;
  memset(info, 0, sizeof *info);
  const unsigned char *alpn;
  unsigned int alpn_size;
  SSL_get0_alpn_selected(tls->ssl, &alpn, &alpn_size);
  if (alpn_size > 0)
    memcpy(info->alpn, alpn, alpn_size);
  strncpy(info->protocol, SSL_get_version(tls->ssl), sizeof info->protocol - 1);
  const char *cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(tls->ssl));
  if (cipher != NULL)
    strncpy(info->cipher, cipher, sizeof info->cipher - 1);
  unsigned char digest[TW_TLS_FINGERPRINT];
  bool has_peer = fingerprint(tls->ssl, digest);
  for (int i = 0; has_peer && i < TW_TLS_FINGERPRINT; i++) {
    static const char hex[] = "0123456789ABCDEF";
    char *at = info->peer_fingerprint + 3 * (size_t)i;
    at[0] = hex[digest[i] >> 4];
    at[1] = hex[digest[i] & 15];
    at[2] = i + 1 < TW_TLS_FINGERPRINT ? ':' : 0;
  }
  info->authorized = has_peer && SSL_get_verify_result(tls->ssl) == X509_V_OK;
  return 0;
}

int32_t tw_posix_tls(int32_t handle, tw_posix_tls_info *info) {
  const tw_sock *sock = tw_host.started ? tw_posix_find(handle) : NULL;
  if (sock == NULL)
    return tw_handles_refuse(TW_ERR_HANDLE);
  int32_t error = sock->tls == NULL ? TW_ERR_STATE : tw_tls_describe(sock->tls, info);
  return error == 0 ? 0 : tw_handles_refuse(error);
}
