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

/* ---- server.c ---- */

/* Has tw_handles_deliver look at an exchange once all records have been emitted. */
void tw_exchange_settle(tw_handles *handles, tw_exchange *exchange);

/* The response is complete: the next request, or the end. */
void tw_exchange_answered(tw_handles *handles, tw_handles_slot *slot);

/* Emits "connected" of a WebSocket that was accepted, once. */
void tw_exchange_connected(tw_handles *handles, tw_handles_slot *slot);

/* ---- respond.c ---- */

/* Answers by a status alone and closes the connection behind it. */
void tw_exchange_refuse(tw_handles *handles, tw_handles_slot *slot, uint32_t status);

/* ---- ws_server.c ---- */

/* Answers the opening handshake of an exchange; 0 or an error. */
int32_t tw_exchange_accept(tw_handles *handles, tw_handles_slot *slot, const tw_ws_accept_options *options);

#endif
