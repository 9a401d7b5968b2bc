/* tls.h: what the files of TLS by OpenSSL share. */
#ifndef TW_POSIX_TLS_TLS_H
#define TW_POSIX_TLS_TLS_H

#include <openssl/ssl.h>

#include "posix.h"

enum { TW_TLS_FINGERPRINT = 32, TW_TLS_ALPN_ROOM = 1024 };

struct tw_tls {
  SSL *ssl;
  const tw_tls_options *options;
  tw_tls_want wants;
  bool done;           /* the handshake is */
  bool read_over;      /* reading has ended, with `read_error`, or 0 for close_notify */
  int32_t read_error;  /* returned once what came before it has been read */
  int32_t write_error; /* 0: none; returned by the next write */
};

extern const tw_tls_options tw_tls_defaults;

/* ---- bio.c ---- */

/* A BIO upon a socket; NULL: no memory. */
BIO *tw_tls_bio(int fd);
void tw_tls_bio_stop(void);

/* ---- context.c ---- */

/* What keys and authorities come to, kept; NULL: they are no good. */
SSL_CTX *tw_tls_context(const tw_tls_options *options, bool server);

/* Names in the form of RFC 7301 3.1; 0: there are none, or they do not fit. */
unsigned int tw_tls_protocols(const tw_tls_options *options, unsigned char *to);

/* A fingerprint in hex with or without colons; false: it is none. */
bool tw_tls_pin(const char *text, unsigned char pin[TW_TLS_FINGERPRINT]);

/* ---- reason.c ---- */

/* Keeps it for tw_posix_tls_reason. */
void tw_tls_note(const char *text);

/* What OpenSSL has queued, in its own words; or else `otherwise`. */
void tw_tls_note_queue(const char *otherwise);

#endif
