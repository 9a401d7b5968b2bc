/* web.h: what the files of HTTP share. All of it runs on the thread that calls. */
#ifndef TW_WAIT_WEB_H
#define TW_WAIT_WEB_H

#include "twinwire/http.h"

enum { TW_WEB_MAX_BODY = 16 * 1024 * 1024, TW_WEB_PART = 16384, TW_WEB_MAX_URL = 8192 };

/* A text that grows. After it ran out of memory `failed` is set, and nothing is added. */
typedef struct tw_text {
  char *bytes;
  size_t size;
  size_t capacity;
  bool failed;
} tw_text;

void tw_text_add(tw_text *text, const void *bytes, size_t size);
void tw_text_put(tw_text *text, const char *terminated);
void tw_text_number(tw_text *text, uint64_t number, uint32_t base);
void tw_text_free(tw_text *text);

/* ---- web_url.c ---- */

typedef struct tw_web_url {
  bool secure;
  char credentials[512]; /* "user:password", decoded */
  char host[TW_MAX_HOST + 1];
  int32_t port;
  char authority[TW_MAX_HOST + 10]; /* as in a Host field */
  char target[TW_WEB_MAX_URL];      /* path and query */
} tw_web_url;

/* Returns 0 or TW_ERR_URL or TW_ERR_PORT. */
int32_t tw_web_url_parse(const char *text, tw_web_url *url);

/* What a Location field means, RFC 9110 10.2.2. `to` has room for TW_WEB_MAX_URL. Returns 0 or TW_ERR_REDIRECT. */
int32_t tw_web_resolve(const tw_web_url *base, const char *location, char *to);
bool tw_web_same_origin(const tw_web_url *a, const tw_web_url *b);

/* "http://[user:password@]host[:port]"; false: it is none. */
bool tw_web_proxy(const char *text, tw_web_url *url);

/* Takes percent-encoding off; false: it is malformed, or has no room. */
bool tw_web_decode(const char *text, size_t size, char *to, size_t capacity);

/* ---- web_send.c ---- */

/* What is sent as one message. */
typedef struct tw_web_message {
  const tw_http_pair *fields;
  size_t field_count;
  const void *body;
  size_t body_size;
  tw_http_source source;
  void *ctx;
  bool head_only;     /* no body follows, whatever the fields say */
  bool bodiless;      /* no body, and no length either */
  bool until_close;   /* the source's body ends with the connection */
  bool announce_zero; /* a length is due for no body, too */
  bool close;
  bool (*skips)(const char *name); /* fields that are left out; NULL: none */
} tw_web_message;

bool tw_web_is_token(const char *text);
bool tw_web_is_value(const char *text);
bool tw_web_same_name(const char *a, const char *b);

/* Adds the fields to a start line, and sends all of it. Returns 0 or an error. */
int32_t tw_web_send(int32_t conn, tw_text *head, const tw_web_message *message);

/* ---- web_receive.c ---- */

typedef struct tw_web_expected {
  uint32_t read; /* tw_http_read bits */
  uint32_t max_body;
  tw_http_sink sink; /* of 2xx; NULL: the body is collected */
  void *ctx;
  bool *begun; /* set when something of a message has come; NULL: not wanted */
} tw_web_expected;

/* Receives one message. Returns 0, or an error, with message->status what to answer a request with. */
int32_t tw_web_receive(int32_t conn, const tw_web_expected *expected, tw_http_message *message);

/* ---- http_pool.c ---- */

/* Whether connections are kept at all. */
bool tw_pool_keeps(void);

/* Takes a kept connection for a route; 0: there is none. */
int32_t tw_pool_take(const char *key);

/* Keeps a connection for `ms` milliseconds (0: as is set), or closes it. */
void tw_pool_give(int32_t conn, const char *key, uint32_t ms);

/* ---- stream.c ---- */

/* Gives bytes that were read back, to be read next. Returns 0 or an error. */
int32_t tw_unread(int32_t conn, const void *data, size_t size);

#endif
