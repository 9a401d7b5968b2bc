/* host_test.h: what the parts of the test program share: an interface that comes and goes, peers, and the record of
 * what one connection did. */
#ifndef HOST_TEST_H
#define HOST_TEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "twinwire/tw_esp.h"

#define OWN_ADDRESS "10.88.0.1"
#define OTHER_ADDRESS "10.88.0.2"

/* Ends the running test as failed unless `right`. */
#define CHECK(right) TEST_ASSERT_TRUE(right)

/* ---- The interface (interface.c) ---- */

/* Creates an esp_netif that reaches only itself, as the default interface; it has no address yet. */
void interface_create(void);

/* What a driver does when its link comes up with `address`, and when it goes down. */
void interface_up(const char *address);
void interface_down(void);

/* ---- Peers (peer.c, tls_peer.c) ---- */

typedef enum peer_kind {
  PEER_ECHO,      /* returns what it receives */
  PEER_SILENT,    /* accepts, and neither reads nor writes */
  PEER_WEBSOCKET, /* returns each message; one frame each, up to 64 KiB */
  PEER_TLS,       /* PEER_WEBSOCKET over TLS, with certificate_server */
} peer_kind;

/* Starts a server in tasks of its own. Returns its port; the process ends if it can't be started. */
uint16_t peer_start(peer_kind kind);

/* Starts a DNS server and makes it lwIP's: peer.test and wrong.test are `address`; silent.test is never answered;
 * no other name exists. */
void peer_start_dns(const char *address);

/* What peer_start runs for a connection of PEER_TLS. */
void tls_peer_serve(int fd);

/* A stream of bytes below the WebSocket server: a socket, or TLS over it. */
typedef struct stream {
  bool (*receive)(void *context, void *data, size_t size); /* all of it, or false */
  bool (*send)(void *context, const void *data, size_t size);
  void *context;
} stream;

/* Answers the handshake, then returns each message, until the stream ends. */
void peer_serve_websocket(const stream *it);

/* ---- Certificates (certificates.c): PEM, terminated ---- */

extern const char certificate_authority[];  /* signed the server's */
extern const char certificate_stranger[];   /* an authority that signed nothing */
extern const char certificate_server[];     /* for the name peer.test */
extern const char certificate_server_key[]; /* the private key of certificate_server */

/* ---- One connection (main.c) ---- */

/* Written by the network task, read by the tests. */
typedef struct record {
  _Atomic int32_t handle;
  _Atomic int32_t opening; /* 0, or why it was not opened */
  _Atomic uint32_t connected, disconnected, errors, drains, received;
  _Atomic int32_t code; /* of the last error or, without one, disconnected */
} record;

/* What to open, in the network task: a URL of a WebSocket, or else host and port. */
typedef struct target {
  record *record;
  const char *url;
  const char *host;
  uint16_t port;
  bool reconnect;
  const tw_tls_options *tls;
} target;

/* Opens it in the network task, and returns when that is done: a handle, or an error of the table. */
int32_t record_open(const target *to);

/* Waits until `*counter` is at least `least`; false after ten seconds. */
bool reaches(const _Atomic uint32_t *counter, uint32_t least);
bool reaches_within(const _Atomic uint32_t *counter, uint32_t least, uint32_t ms);

void nap(uint32_t ms);
uint32_t now_ms(void);

void start(void); /* with the options of menuconfig */
void start_with(const tw_esp_options *options);
void stop(void); /* returns when it has stopped */

void run_network_tests(void);
void run_task_tests(void);
void run_tls_tests(void);

#endif
