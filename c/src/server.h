/* server.h: a connection of an HTTP server, between its requests and their responses. */
#ifndef TW_HANDLES_SERVER_H
#define TW_HANDLES_SERVER_H

#include "handles.h"

typedef enum tw_exchange_phase {
  TW_EXCHANGE_READING,  /* a request is awaited or under way */
  TW_EXCHANGE_WAITING,  /* it is whole, and the application has not answered */
  TW_EXCHANGE_SENDING,  /* the response has begun and is sent in parts */
  TW_EXCHANGE_OVER,     /* the connection is being closed */
  TW_EXCHANGE_UPGRADED, /* it is a WebSocket: what came behind the request is still to be passed on */
} tw_exchange_phase;

/* Bytes that a request is made of, or that came behind it. */
typedef struct tw_bytes {
  char *at;
  uint32_t size;
  uint32_t room;
} tw_bytes;

struct tw_exchange {
  int32_t handle;
  uint8_t phase;   /* tw_exchange_phase */
  bool queued;     /* it is in handles->settling */
  bool keep_alive; /* the client wants to send another request */
  bool is_head;    /* the request's method is HEAD */
  bool is_http10;
  bool upgrade;        /* the request is the opening handshake of a WebSocket */
  bool ended;          /* the client has ended its half */
  bool connected;      /* UPGRADED: "connected" was emitted */
  bool lent;           /* the request lies in the receive buffer: `head` and `body` point there */
  bool paused;         /* nothing is received: bytes behind the request wait already */
  tw_bytes kept;       /* else: head and body */
  tw_bytes behind;     /* bytes behind the request */
  const char *head;    /* lent */
  char *body;          /* lent */
  uint32_t head_size;  /* bytes of the head, lent or kept */
  uint32_t body_size;  /* lent */
  tw_exchange *settle; /* the next in handles->settling */
};

/* ---- exchange.c ---- */

/* Appends to bytes that are kept; false: no memory, or the limit of what all connections keep is reached. */
bool tw_bytes_append(tw_handles *handles, tw_bytes *bytes, const char *data, uint32_t size);
void tw_bytes_drop(tw_handles *handles, tw_bytes *bytes);

/* Frees the exchange of a slot, if it has one. */
void tw_exchange_free(tw_handles *handles, tw_handles_slot *slot);

/* Closes the connection: nothing more is read from it. */
void tw_exchange_close(tw_handles *handles, tw_handles_slot *slot);

/* The request's head, wherever it lies. */
const char *tw_exchange_head(const tw_exchange *exchange);

/* Copies a request out of the receive buffer, if it lies there; false as tw_bytes_append. */
bool tw_exchange_keep(tw_handles *handles, tw_exchange *exchange);

/* Emits "error" for a connection. `status`: of the response that is sent, or 0. */
void tw_exchange_report(tw_handles *handles, tw_handles_slot *slot, int32_t code, uint32_t status);

/* Emits "error", then responds with `status` and closes the connection unless a listener has. */
void tw_exchange_fail(tw_handles *handles, tw_handles_slot *slot, int32_t code, uint32_t status);

/* Emits "connected" of a WebSocket that was accepted, once. */
void tw_exchange_connected(tw_handles *handles, tw_handles_slot *slot);

/* ---- request.c ---- */

/* Begins to read a request, or closes the connection if there will be none. */
void tw_exchange_read(tw_handles *handles, tw_handles_slot *slot);

/* The records of a request: HTTP_HEAD, HTTP_BODY, HTTP_END. */
void tw_request_head(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, const char *data);
void tw_request_body(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, char *data);
void tw_request_end(tw_handles *handles, tw_handles_slot *slot, const tw_event *record);

/* The response is complete: the next request, or the end. */
void tw_exchange_answered(tw_handles *handles, tw_handles_slot *slot);

/* ---- pipeline.c ---- */

/* Keeps bytes that arrived behind a request until that is answered. */
void tw_exchange_take_behind(tw_handles *handles, tw_handles_slot *slot, const char *data, uint32_t size);

/* Has tw_exchange_settle_all look at an exchange. */
void tw_exchange_settle_later(tw_handles *handles, tw_exchange *exchange);

/* Once all records of a delivery have been emitted: copies a request out of the receive buffer, delivers the bytes that
 * arrived behind requests, and frees the exchanges of connections that have become WebSockets. */
void tw_exchange_settle_all(tw_handles *handles);

/* ---- respond.c ---- */

/* Answers by a status alone and closes the connection behind it. */
void tw_exchange_refuse(tw_handles *handles, tw_handles_slot *slot, uint32_t status);

/* ---- ws_server.c ---- */

/* Answers the opening handshake of an exchange; 0 or an error. */
int32_t tw_exchange_accept(tw_handles *handles, tw_handles_slot *slot, const tw_ws_accept_options *options);

#endif
