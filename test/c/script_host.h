/* script_host.h: a host without an operating system. It answers the calls of port.h as a vector's steps instruct it to,
 * writes every call down, and refuses calls that break the contract of port.h.
 *
 * It has no clock, no network and no threads, resolves no names, and never delivers anything by itself: the session
 * that runs the steps does. */
#ifndef TEST_SCRIPT_HOST_H
#define TEST_SCRIPT_HOST_H

#include "log.h"
#include "tap.h"
#include "twinwire/core.h"

enum { TEST_SOCKS = 128, TEST_NAME = 16 };

/* A handle that a vector named. It keeps its number after close. */
typedef struct test_sock {
  char name[TEST_NAME];
  char remote[TW_MAX_ADDRESS]; /* its peer's address; empty: 192.0.2.2:80 */
  int32_t handle;
  uint32_t kind; /* tw_kind that the application opened */
  bool open;     /* the host has a socket for it */
  bool reading;
  bool finished;        /* our half was ended */
  bool securing;        /* a TLS handshake is under way */
  long long take;       /* bytes the next writes may take, or -1 for all */
  int32_t refuse_write; /* what the next twc_port_write answers */
  uint32_t writes;
  /* What the last write left pending: where it lies and what it was, to see that the core leaves it alone. */
  tw_span spans[TW_MAX_SPANS];
  uint32_t span_count;
  uint32_t span_done; /* bytes done with, from the start of spans */
  test_buffer pending;
  bool again;       /* pending bytes were handed back: the next write must begin with them */
  bool offer_again; /* the dribbling host's next move */
  /* What the host received while reading was off. */
  test_buffer held;
  bool held_end;
  /* The bytes that a WebSocket wrote: its request, then its frames. */
  test_buffer stream;
  bool server;   /* it answers a handshake instead of asking for one */
  bool upgraded; /* its frames follow */
  bool quiet;    /* the request is not logged */
  char key[32];
  uint8_t mask[4];
  bool has_mask;
  /* The message, or the section of an HTTP message, whose parts the application is receiving. */
  uint16_t section; /* tw_event_type */
  bool in_message;
  bool in_text;
  bool compressed;
  bool shown;
} test_sock;

typedef struct script_host {
  const uint8_t *arena;
  test_tap tap;
  test_log wire;
  test_sock socks[TEST_SOCKS];
  int count;
  test_sock *opening; /* whose open call is running */
  test_buffer random; /* what a vector wants to be drawn next */
  uint32_t random_state;
  int32_t refuse_open;    /* what the next twc_port_open answers */
  int32_t refuse_send;    /* what the next twc_port_send_to answers */
  int32_t refuse_connect; /* what the next twc_port_connect answers */
  int32_t refuse_tls;     /* what the next twc_port_start_tls answers */
  bool dribble;           /* take half of each write, the rest later */
  char fault[200];        /* how the core broke the contract, or empty */
} script_host;

/* Makes it as new; keeps memory for the next run. */
void script_host_reset(script_host *host);
void script_host_free(script_host *host);

test_sock *script_host_sock(script_host *host, int32_t handle);
test_sock *script_host_named(script_host *host, const char *name);

/* The host has a socket for the handle from now on. */
void script_host_open(test_sock *sock, int32_t handle);

/* Adds a handle that is about to be opened; NULL if the table is full or the name is taken or too long. */
test_sock *script_host_add(script_host *host, const char *name, uint32_t kind);

/* Writes `size` of the pending bytes, 0 or more; false if fewer are pending. */
bool script_host_write_pending(script_host *host, test_sock *sock, size_t size);

/* What is still pending goes back to the core: it offers it again. */
void script_host_hand_back(test_sock *sock);

/* The socket is gone, as after twc_closed. */
void script_host_forget(test_sock *sock);

void script_host_fault(script_host *host, const char *what, const test_sock *sock);

/* A TCP connection is a WebSocket's server side from now on. */
void script_host_serve(test_sock *sock);

/* client_stream.c: the bytes of a WebSocket, read as its peer would, into the wire log: its request, or its answer,
 * line by line, its frames unmasked. */
void client_stream_start(test_sock *sock);
void client_stream_bytes(script_host *host, test_sock *sock, const uint8_t *data, size_t size);

#endif
