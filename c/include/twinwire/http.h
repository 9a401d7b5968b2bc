/* http.h: HTTP/1.1 with calls that wait: requests as a client, and reading and answering requests on a connection of
 * conn.h. docs/c-calls.md shows programs. A server that is driven by events is http_server.h.
 *
 *   tw_http_message response;
 *   int32_t status = tw_http_request(&(tw_http_order){.url = "https://example.com/"}, &response);
 *   if (status < 0)
 *     fprintf(stderr, "%s\n", tw_last_error_message());
 *   else
 *     fwrite(response.body, 1, response.body_size, stdout);
 *   tw_http_free(&response);
 *
 * The core parses, strictly: a message that two parsers could interpret differently is refused. Names, values, methods
 * and targets that are sent are checked first: a line feed in one is TW_ERR_HEADER, and nothing is sent. Threads,
 * results and error messages are as in conn.h. */
#ifndef TWINWIRE_HTTP_H
#define TWINWIRE_HTTP_H

#include "twinwire/conn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A header field: two terminated texts. */
typedef struct tw_http_pair {
  const char *name;
  const char *value;
} tw_http_pair;

/* A message that was received. Belongs to the caller until tw_http_free; its texts are terminated. */
typedef struct tw_http_message {
  int32_t status;       /* of a response; 0: a request */
  const char *reason;   /* of a response, may be empty */
  const char *method;   /* of a request, as are the next two */
  const char *path;     /* not decoded, before the "?" */
  const char *query;    /* not decoded, after it; "" if there is none */
  const char *version;  /* "HTTP/1.1" or "HTTP/1.0" */
  tw_http_pair *fields; /* in the order and case in which they came */
  size_t field_count;
  char *body; /* a NUL follows its last byte; NULL if it was given to on_body */
  size_t body_size;
  bool has_body;   /* there is a body, possibly an empty one */
  bool keep_alive; /* the connection can carry another message after this one */
  char *url;       /* of a response: what was requested last, after redirects */
  uint32_t redirects;
  tw_http_pair *trailers; /* the fields behind a chunked body, RFC 9112 7.1.2; NULL: there are none */
  size_t trailer_count;
  char *memory; /* private, as the next one */
  char *trailer_memory;
} tw_http_message;

/* Takes the next part of a body that is received. Returns whether to continue; false ends the exchange with
 * TW_ERR_ABORTED. */
typedef bool (*tw_http_sink)(const void *data, size_t size, void *ctx);

/* Writes the next part of a body that is sent to `buffer`. Returns its bytes, 0 at the end, or an error that ends the
 * exchange. */
typedef int32_t (*tw_http_source)(void *buffer, size_t capacity, void *ctx);

/* A request to send; what is 0 or NULL is the default. All of it is used until tw_http_request returns. */
typedef struct tw_http_order {
  const char *method; /* default: "GET" */
  const char *url;    /* http:// or https://; a user and password in it are sent as Authorization: Basic */
  const tw_http_pair *fields;
  size_t field_count;
  const void *body;
  size_t body_size;
  tw_http_source source;     /* instead of `body`: it is sent in chunks */
  tw_http_sink sink;         /* takes the body of a 2xx response in parts; default: it is collected in the message */
  void *ctx;                 /* of the two */
  uint32_t timeout_ms;       /* of the whole exchange, redirects included, 1..86400000; default: 300000 */
  uint32_t max_body;         /* bytes of the response's body, 1..2147483647; default: 16 MiB */
  uint32_t max_redirects;    /* that are followed, 0..100; default: none, the redirect itself is returned */
  const char *proxy;         /* "http://[user:password@]host:port"; https goes through a tunnel (CONNECT) */
  const tw_tls_options *tls; /* for https; used until the call returns */
  const char *policy;        /* the addresses to connect to, also after redirects: as in tw_dial_options */
  bool close;                /* uses a connection of its own that ends afterwards; default: a kept connection */
} tw_http_order;

/* Sends a request, and waits for the whole response. Connections are kept for further requests to the same server by
 * the same proxy, policy and TLS options (tw_http_set_pool). A server may close one while a request is on its way: then
 * GET, HEAD, OPTIONS, TRACE, PUT and DELETE are sent once more on another one, if nothing of a response has come and
 * `source` is not used (RFC 9112 9.3.1); other requests fail with TW_ERR_RESET, TW_ERR_ENDED or TW_ERR_UNEXPECTED_EOF.
 * 301 and 302 change POST to GET, 303 changes every method but HEAD to GET, 307 and 308 repeat the request;
 * Authorization, Cookie, Proxy-Authorization and Host are not sent to another origin.
 *
 * Returns the status, 200..599 (400 and above are not errors); or TW_ERR_URL, TW_ERR_ARGUMENT, TW_ERR_HEADER,
 * TW_ERR_HTTP_LENGTH, TW_ERR_TIMEOUT, TW_ERR_HTTP..., TW_ERR_HEAD_TOO_LARGE, TW_ERR_BODY_TOO_LARGE,
 * TW_ERR_UNEXPECTED_EOF (the server closed and there is no response), TW_ERR_ENDED (in the middle of one),
 * TW_ERR_REDIRECT, TW_ERR_ABORTED, or an error of tw_dial. `response` is filled in any case, and freed by tw_http_free.
 */
int32_t tw_http_request(const tw_http_order *order, tw_http_message *response);

/* Sets how many connections of tw_http_request are kept in all, 0..4096 (0: none; default: 64), 16 to one server at
 * most, and for how long they may be idle if the server does not say (Keep-Alive: timeout=): `idle_ms`, 1..86400000, 0:
 * 4000. What is kept beyond that is closed, the oldest first. Returns 0; or TW_ERR_ARGUMENT, TW_ERR_STATE. */
int32_t tw_http_set_pool(uint32_t connections, uint32_t idle_ms);

/* Reads one request from a connection, and waits for all of it. `max_body`: 1..2147483647, 0: 16 MiB. A client that
 * waits for 100 (Continue) is sent that. Deadlines and timeouts are those of the connection. Bytes behind the request
 * stay there to be read. Returns 0; or TW_ERR_UNEXPECTED_EOF (the client has closed, and sent no more requests),
 * TW_ERR_ENDED, TW_ERR_HTTP..., TW_ERR_HEAD_TOO_LARGE, TW_ERR_BODY_TOO_LARGE, or an error of tw_read. After a malformed
 * request `request->status` is what to answer it with (400, 413, 414, 431, 501 or 505), and nothing more can be read.
 * `request` is filled in any case, and freed by tw_http_free. */
int32_t tw_http_read_request(int32_t conn, uint32_t max_body, tw_http_message *request);

/* A response to send; what is 0 or NULL is the default. */
typedef struct tw_http_answer {
  int32_t status;                 /* 200..599 */
  const char *reason;             /* default: the status's usual one */
  const tw_http_message *request; /* that it answers: to HEAD no body is sent, to HTTP/1.0 no chunks. Default: a GET */
  const tw_http_pair *fields;
  size_t field_count;
  const void *body;
  size_t body_size;
  tw_http_source source; /* instead of `body`: it is sent in chunks */
  void *ctx;
  bool close; /* the connection ends behind it; so it does if the request wants it */
} tw_http_answer;

/* Answers a request. Content-Length is added; a 204 or 304 and the answer to HEAD have no body. If the connection ends
 * behind the response, "connection: close" is added, and our half ended. Returns 1 if the connection can carry another
 * request, 0 if it ends here; or TW_ERR_ARGUMENT, TW_ERR_HEADER, TW_ERR_HTTP_LENGTH, or an error of tw_write_all. */
int32_t tw_http_write_response(int32_t conn, const tw_http_answer *answer);

/* Returns the value of the first field of this name, in whatever case; NULL: there is none. */
const char *tw_http_value(const tw_http_message *message, const char *name);

/* Frees what a message holds. Has no effect on one that was freed. */
void tw_http_free(tw_http_message *message);

#ifdef __cplusplus
}
#endif
#endif
