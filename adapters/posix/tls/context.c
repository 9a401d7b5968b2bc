/* context.c: what keys and authorities come to. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tls/tls.h"

enum { CACHED = 16 };

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
    tw_tls_note("ca holds no certificate in PEM");
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
    tw_tls_note_queue("cert or key is no PEM");
  return right;
}

unsigned int tw_tls_protocols(const tw_tls_options *options, unsigned char *to) {
  unsigned int size = 0;
  for (const char *const *name = options->alpn; name != NULL && *name != NULL; name++) {
    size_t length = strlen(*name);
    if (length == 0 || length > 255 || size + length + 1 > TW_TLS_ALPN_ROOM)
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
  unsigned char own[TW_TLS_ALPN_ROOM];
  const tw_tls *tls = SSL_get_app_data(ssl);
  unsigned int own_size = tw_tls_protocols(tls->options, own);
  for (unsigned int at = 0; at < own_size; at += own[at] + 1u)
    for (unsigned int there = 0; there < size && offered[there] < size - there; there += offered[there] + 1u)
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

static _Thread_local kept cache[CACHED];
static _Thread_local uint32_t uses;

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

SSL_CTX *tw_tls_context(const tw_tls_options *options, bool server) {
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
  tw_tls_bio_stop();
}

const tw_tls_options tw_tls_defaults;

bool tw_tls_pin(const char *text, unsigned char pin[TW_TLS_FINGERPRINT]) {
  int digits = 0;
  for (; *text != 0; text++) {
    if (*text == ':')
      continue;
    int upper = toupper((unsigned char)*text);
    int value = isdigit((unsigned char)*text) ? *text - '0' : upper >= 'A' && upper <= 'F' ? upper - 'A' + 10 : -1;
    if (value < 0 || digits == 2 * TW_TLS_FINGERPRINT)
      return false;
    unsigned char *byte = &pin[digits / 2];
    *byte = (unsigned char)(digits % 2 == 0 ? value << 4 : *byte | value);
    digits++;
  }
  return digits == 2 * TW_TLS_FINGERPRINT;
}

int32_t tw_tls_check(const tw_tls_options *options, bool server) {
  unsigned char list[TW_TLS_ALPN_ROOM];
  unsigned char pin[TW_TLS_FINGERPRINT];
  if (options == NULL)
    options = &tw_tls_defaults;
  ERR_clear_error();
  if ((options->alpn != NULL && tw_tls_protocols(options, list) == 0) ||
      (options->pin != NULL && !tw_tls_pin(options->pin, pin))) {
    tw_tls_note("alpn or pin");
    return TW_ERR_ARGUMENT;
  }
  return tw_tls_context(options, server) == NULL ? TW_ERR_ARGUMENT : 0;
}
