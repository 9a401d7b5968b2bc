/* tls_openssl.c: TLS by OpenSSL 1.1.1 and later, on non-blocking sockets. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "posix.h"

enum { CACHED = 16, FINGERPRINT = 32, ALPN_ROOM = 1024 };

struct tw_tls {
  SSL *ssl;
  const tw_tls_options *options;
  tw_tls_want wants;
  bool done; /* the handshake is */
  bool ended;
};

static char reason[256];

const char *tw_posix_tls_reason(void) { return reason; }

static void note(const char *text) {
  size_t size = strlen(text);
  if (size >= sizeof reason)
    size = sizeof reason - 1;
  memcpy(reason, text, size);
  reason[size] = 0;
}

/* What OpenSSL has queued, in its own words. */
static void note_queue(const char *otherwise) {
  unsigned long code = ERR_peek_last_error();
  const char *text = code == 0 ? NULL : ERR_reason_error_string(code);
  note(text == NULL ? otherwise : text);
  ERR_clear_error();
}

/* ---- A BIO upon a socket, which unlike OpenSSL's own raises no SIGPIPE ------------------------------------------ */

static int bio_fd(BIO *bio) { return (int)(intptr_t)BIO_get_data(bio); }

static int bio_result(BIO *bio, ssize_t result, int flag) {
  BIO_clear_retry_flags(bio);
  if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS))
    BIO_set_flags(bio, flag | BIO_FLAGS_SHOULD_RETRY);
  return (int)result;
}

static int bio_write(BIO *bio, const char *data, int size) {
  return bio_result(bio, send(bio_fd(bio), data, (size_t)size, MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

static int bio_read(BIO *bio, char *data, int size) {
  ssize_t got = recv(bio_fd(bio), data, (size_t)size, 0);
  if (got == 0)
    BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return bio_result(bio, got, BIO_FLAGS_READ);
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)number, (void)pointer;
  if (command == BIO_CTRL_EOF)
    return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *method;

static BIO *bio_on(int fd) {
  if (method == NULL) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "twinwire socket");
    if (method == NULL)
      return NULL;
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_ctrl);
  }
  BIO *bio = BIO_new(method);
  if (bio != NULL) {
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
  }
  return bio;
}

/* ---- What keys and authorities come to ------------------------------------------------------------------------- */

static int give_passphrase(char *to, int room, int writing, void *context) {
  (void)writing;
  const char *passphrase = context;
  size_t size = passphrase == NULL ? 0 : strlen(passphrase);
  if (size > (size_t)room)
    return -1;
  memcpy(to, passphrase, size);
  return (int)size;
}

static bool add_authorities(SSL_CTX *context, const char *pem) {
  BIO *bio = BIO_new_mem_buf(pem, -1);
  X509_STORE *store = SSL_CTX_get_cert_store(context);
  int count = 0;
  for (X509 *it; bio != NULL && (it = PEM_read_bio_X509(bio, NULL, give_passphrase, NULL)) != NULL; count++) {
    X509_STORE_add_cert(store, it);
    X509_free(it);
  }
  BIO_free(bio);
  ERR_clear_error(); /* the last read finds no more */
  if (count == 0)
    note("ca holds no certificate in PEM");
  return count > 0;
}

static bool add_chain(SSL_CTX *context, BIO *bio) {
  for (X509 *it; (it = PEM_read_bio_X509(bio, NULL, give_passphrase, NULL)) != NULL;) {
    if (SSL_CTX_add0_chain_cert(context, it) != 1) {
      X509_free(it);
      return false;
    }
  }
  ERR_clear_error();
  return true;
}

static bool add_identity(SSL_CTX *context, const tw_tls_options *options) {
  BIO *bio = BIO_new_mem_buf(options->cert, -1);
  X509 *own = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, give_passphrase, NULL);
  bool right = own != NULL && SSL_CTX_use_certificate(context, own) == 1 && add_chain(context, bio);
  X509_free(own);
  BIO_free(bio);
  if (right && options->key != NULL) {
    bio = BIO_new_mem_buf(options->key, -1);
    EVP_PKEY *key = bio == NULL
                        ? NULL
                        : PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, (void *)(uintptr_t)options->passphrase);
    right = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
  }
  if (!right)
    note_queue("cert or key is no PEM");
  return right;
}

/* Names in the form of RFC 7301 3.1; 0: there are none, or they do not fit. */
static unsigned int protocol_list(const tw_tls_options *options, unsigned char *to) {
  unsigned int size = 0;
  for (const char *const *name = options->alpn; name != NULL && *name != NULL; name++) {
    size_t length = strlen(*name);
    if (length == 0 || length > 255 || size + length + 1 > ALPN_ROOM)
      return 0;
    to[size++] = (unsigned char)length;
    memcpy(to + size, *name, length);
    size += (unsigned int)length;
  }
  return size;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *offered,
                           unsigned int size, void *unused) {
  (void)unused;
  unsigned char own[ALPN_ROOM];
  const tw_tls *tls = SSL_get_app_data(ssl);
  unsigned int own_size = protocol_list(tls->options, own);
  for (unsigned int at = 0; at < own_size; at += own[at] + 1u)
    for (unsigned int there = 0; there + offered[there] < size; there += offered[there] + 1u)
      if (own[at] == offered[there] && memcmp(own + at + 1, offered + there + 1, own[at]) == 0) {
        *out = offered + there + 1;
        *out_size = own[at];
        return SSL_TLSEXT_ERR_OK;
      }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *make_context(const tw_tls_options *options, bool server) {
  SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  if (context == NULL)
    return NULL;
  SSL_CTX_set_min_proto_version(context, options->tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF); /* many a peer ends without close_notify */
#endif
  bool right = true;
  if (options->ca != NULL)
    right = add_authorities(context, options->ca);
  else if (!server || options->request_cert)
    SSL_CTX_set_default_verify_paths(context);
  if (right && options->cert != NULL)
    right = add_identity(context, options);
  if (server && options->alpn != NULL)
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
  int verify = server ? (options->request_cert ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE)
                      : SSL_VERIFY_PEER;
  SSL_CTX_set_verify(context, options->accept_any && !server ? SSL_VERIFY_NONE : verify, NULL);
  if (right)
    return context;
  SSL_CTX_free(context);
  return NULL;
}

/* To load the authorities of a system takes longer than a handshake, so contexts are kept. They are found again by what
 * they were made of, not by where that lies: memory may be used again. */
typedef struct kept {
  SSL_CTX *context;
  char *texts[4]; /* ca, cert, key, passphrase */
  uint32_t flags;
  uint32_t used;
} kept;

static kept cache[CACHED];
static uint32_t uses;

static void texts_of(const tw_tls_options *options, const char *texts[4]) {
  texts[0] = options->ca;
  texts[1] = options->cert;
  texts[2] = options->key;
  texts[3] = options->passphrase;
}

static bool same_text(const char *a, const char *b) { return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0; }

static void drop(kept *it) {
  SSL_CTX_free(it->context);
  for (int i = 0; i < 4; i++) {
    if (it->texts[i] != NULL)
      OPENSSL_cleanse(it->texts[i], strlen(it->texts[i]));
    free(it->texts[i]);
  }
  *it = (kept){0};
}

static SSL_CTX *context_of(const tw_tls_options *options, bool server) {
  const char *texts[4];
  texts_of(options, texts);
  uint32_t flags = (server ? 1u : 0) | (options->accept_any ? 2u : 0) | (options->request_cert ? 4u : 0) |
                   (options->tls13_only ? 8u : 0) | (options->alpn != NULL ? 16u : 0);
  kept *oldest = &cache[0];
  for (kept *it = cache; it < cache + CACHED; it++) {
    bool same = it->context != NULL && it->flags == flags;
    for (int i = 0; same && i < 4; i++)
      same = same_text(it->texts[i], texts[i]);
    if (same) {
      it->used = ++uses;
      return it->context;
    }
    if (it->used < oldest->used)
      oldest = it;
  }
  SSL_CTX *context = make_context(options, server);
  if (context == NULL)
    return NULL;
  drop(oldest);
  *oldest = (kept){.context = context, .flags = flags, .used = ++uses};
  for (int i = 0; i < 4; i++) {
    oldest->texts[i] = texts[i] == NULL ? NULL : strdup(texts[i]);
    if (texts[i] != NULL && oldest->texts[i] == NULL)
      oldest->flags = UINT32_MAX; /* no memory: it is not found again */
  }
  return context;
}

void tw_tls_stop(void) {
  for (int i = 0; i < CACHED; i++)
    drop(&cache[i]);
  BIO_meth_free(method);
  method = NULL;
}

static const tw_tls_options defaults;

static bool pin_of(const char *text, unsigned char pin[FINGERPRINT]) {
  int digits = 0;
  for (; *text != 0; text++) {
    if (*text == ':')
      continue;
    int upper = toupper((unsigned char)*text);
    int value = isdigit((unsigned char)*text) ? *text - '0' : upper >= 'A' && upper <= 'F' ? upper - 'A' + 10 : -1;
    if (value < 0 || digits == 2 * FINGERPRINT)
      return false;
    unsigned char *byte = &pin[digits / 2];
    *byte = (unsigned char)(digits % 2 == 0 ? value << 4 : *byte | value);
    digits++;
  }
  return digits == 2 * FINGERPRINT;
}

int32_t tw_tls_check(const tw_tls_options *options, bool server) {
  unsigned char list[ALPN_ROOM];
  unsigned char pin[FINGERPRINT];
  if (options == NULL)
    options = &defaults;
  ERR_clear_error();
  if ((options->alpn != NULL && protocol_list(options, list) == 0) ||
      (options->pin != NULL && !pin_of(options->pin, pin))) {
    note("alpn or pin");
    return TW_ERR_ARGUMENT;
  }
  return context_of(options, server) == NULL ? TW_ERR_ARGUMENT : 0;
}

/* ---- One connection ---------------------------------------------------------------------------------------------- */

/* Whom the server has to be: a name, which it is asked for as well, or an address. RFC 6066 3 has no addresses in SNI.
 */
static bool expect_name(SSL *ssl, const tw_tls_options *options, const char *opened_as) {
  char name[TW_MAX_HOST + 1];
  const char *wanted = options->servername != NULL ? options->servername : opened_as;
  size_t size = strlen(wanted);
  if (size == 0 || size > TW_MAX_HOST)
    return options->accept_any; /* nobody to verify: a Unix socket without servername */
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
  unsigned char list[ALPN_ROOM];
  unsigned int size = protocol_list(tls->options, list);
  if (size > 0 && SSL_set_alpn_protos(tls->ssl, list, size) != 0)
    return false;
  SSL_set_connect_state(tls->ssl);
  return expect_name(tls->ssl, tls->options, name);
}

tw_tls *tw_tls_begin(int fd, const tw_tls_options *options, bool server, const char *name, int32_t *error) {
  if (options == NULL)
    options = &defaults;
  ERR_clear_error();
  SSL_CTX *context = context_of(options, server);
  tw_tls *tls = context == NULL ? NULL : calloc(1, sizeof *tls);
  *error = context == NULL ? TW_ERR_ARGUMENT : TW_ERR_MEMORY;
  if (tls == NULL)
    return NULL;
  tls->options = options;
  tls->ssl = SSL_new(context);
  BIO *bio = tls->ssl == NULL ? NULL : bio_on(fd);
  if (bio == NULL) {
    tw_tls_free(tls);
    return NULL;
  }
  SSL_set_bio(tls->ssl, bio, bio);
  SSL_set_app_data(tls->ssl, tls);
  if (server) {
    SSL_set_accept_state(tls->ssl);
  } else if (!prepare_client(tls, name)) {
    note("no name to verify");
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
  free(tls);
}

tw_tls_want tw_tls_wants(const tw_tls *tls) { return tls->wants; }

static int32_t verify_error(long result) {
  note(X509_verify_cert_error_string(result));
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

/* What a call that did not succeed has to say; TW_ERR_BACKPRESSURE: it has to be called again. */
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
  note_queue("TLS failed");
  return refused && verified != X509_V_OK ? verify_error(verified) : TW_ERR_TLS;
}

static bool fingerprint(const SSL *ssl, unsigned char to[FINGERPRINT]) {
  X509 *peer = SSL_get_peer_certificate(ssl);
  unsigned int size = FINGERPRINT;
  bool right = peer != NULL && X509_digest(peer, EVP_sha256(), to, &size) == 1;
  X509_free(peer);
  return right;
}

static bool is_pinned(const tw_tls *tls) {
  unsigned char wanted[FINGERPRINT];
  unsigned char found[FINGERPRINT];
  return pin_of(tls->options->pin, wanted) && fingerprint(tls->ssl, found) && memcmp(wanted, found, FINGERPRINT) == 0;
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
    note("the certificate is not the pinned one");
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
  while (done < size && !tls->ended) {
    ERR_clear_error();
    errno = 0;
    int got = SSL_read(tls->ssl, (char *)data + done, (int)(size - done));
    if (got > 0) {
      done += (uint32_t)got;
      continue;
    }
    tw_tls_want before = tls->wants;
    int32_t error = failure(tls, got);
    if (error == TW_ERR_BACKPRESSURE && tls->wants == TW_TLS_READ)
      tls->wants = before; /* reading is what the socket is asked for anyway */
    if (error == 0)
      tls->ended = true;
    else if (done == 0)
      return error;
    else
      break;
  }
  return (int32_t)done;
}

bool tw_tls_pending(const tw_tls *tls) { return !tls->ended && SSL_has_pending(tls->ssl) != 0; }

int32_t tw_tls_write(tw_tls *tls, const void *data, uint32_t size) {
  ERR_clear_error();
  errno = 0;
  int wrote = SSL_write(tls->ssl, data, (int)size);
  if (wrote > 0) {
    tls->wants = TW_TLS_DONE;
    return wrote;
  }
  int32_t error = failure(tls, wrote);
  if (error != TW_ERR_BACKPRESSURE)
    return error == 0 ? TW_ERR_RESET : error;
  tls->wants = TW_TLS_DONE; /* the socket is asked for room, as for every write */
  return 0;
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
  unsigned char digest[FINGERPRINT];
  bool has_peer = fingerprint(tls->ssl, digest);
  for (int i = 0; has_peer && i < FINGERPRINT; i++) {
    static const char hex[] = "0123456789ABCDEF";
    char *at = info->peer_fingerprint + 3 * (size_t)i;
    at[0] = hex[digest[i] >> 4];
    at[1] = hex[digest[i] & 15];
    at[2] = i + 1 < FINGERPRINT ? ':' : 0;
  }
  info->authorized = has_peer && SSL_get_verify_result(tls->ssl) == X509_V_OK;
  return 0;
}

int32_t tw_posix_tls(int32_t handle, tw_posix_tls_info *info) {
  const tw_sock *sock = tw_host.started ? tw_posix_find(handle) : NULL;
  if (sock == NULL)
    return tw_easy_refuse(TW_ERR_HANDLE);
  int32_t error = sock->tls == NULL ? TW_ERR_STATE : tw_tls_describe(sock->tls, info);
  return error == 0 ? 0 : tw_easy_refuse(error);
}
