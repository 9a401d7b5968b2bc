/* port_lwip.h: the host of a core over lwIP's sockets, as ESP-IDF has them.
 *
 *   port_lwip.c    the calls of twinwire/port.h
 *   socket_lwip.c  the sockets: places, opening, errors, closing
 *   loop_lwip.c    waits for sockets
 *   serve_lwip.c   delivers what a socket has
 *
 * All of it belongs to one task, the network task. Nothing is allocated: what it needs is in tw_esp_port and in what
 * tw_esp_port_start is lent. */
#ifndef TWINWIRE_ESP32_PORT_LWIP_H
#define TWINWIRE_ESP32_PORT_LWIP_H

#include <stdbool.h>
#include <stdint.h>

#include "lookup.h"
#include "tls.h"
#include "twinwire/host.h"
#include "wake.h"

/* Where a socket stands. */
typedef enum tw_esp_socket_state {
  TW_ESP_LOOKUP,     /* its peer's name is being looked up; it has no descriptor yet */
  TW_ESP_CONNECTING, /* SYN is sent */
  TW_ESP_OPEN,       /* a stream */
  TW_ESP_TLS_DUE,    /* a stream on which TLS is to begin with the next iteration */
  TW_ESP_SECURING,   /* the TLS handshake is under way */
  TW_ESP_LISTEN_DUE, /* a listener whose twc_connected is due */
  TW_ESP_LISTENING,
  TW_ESP_UDP,
} tw_esp_socket_state;

/* Bits of tw_esp_socket.flags. */
enum {
  TW_ESP_READING = 1,
  TW_ESP_WRITE_OWED = 2, /* twc_written is owed once there is room */
  TW_ESP_ENDED = 4,      /* the peer's end has been delivered */
  TW_ESP_IS_V6 = 8,
  TW_ESP_HELD = 16,       /* lwIP had no memory: writing is not tried again before held_until */
  TW_ESP_TLS_FULL = 32,   /* the TLS session waits for room to write */
  TW_ESP_FINISHING = 64,  /* close_notify is to be written, and FIN behind it */
  TW_ESP_BY_NAME = 128,   /* its address was looked up */
  TW_ESP_READ_HELD = 256, /* as HELD, for reading and accepting */
  TW_ESP_FINISHED = 512,  /* our half has ended */
};

enum { TW_ESP_HOLD_MS = 10 }; /* before a call that lwIP had no memory for is tried again */

typedef struct tw_esp_socket {
  int32_t handle; /* TW_NONE: this place is free */
  int fd;         /* -1: none yet */
  tw_esp_tls *tls;
  ip_addr_t local;     /* of a stream: the address of the interface that it uses */
  uint32_t held_until; /* ms */
  int16_t lookup;      /* -1: none */
  uint16_t port;
  uint16_t flags;
  uint8_t state; /* tw_esp_socket_state */
  bool v6_first; /* outlives the socket: the next attempt of this handle asks for an IPv6 address first */
} tw_esp_socket;

typedef struct tw_esp_port {
  tw_core *core;
  tw_handles *handles;
  uint8_t *arena;
  tw_esp_wake *wake;
  tw_esp_socket *sockets; /* as many as the core has slots; a handle's place has the number of its slot */
  tw_esp_lookup *lookups; /* as many */
  uint32_t count;
  uint32_t recv_size;
  const char *interface; /* the name of the one that sockets are bound to; NULL: whichever leads to the peer */
} tw_esp_port;

/* Sets up a port. `sockets` and `lookups` (`count` each: all slots of the core) and `wake` are lent, the latter two for
 * good: lwIP may answer a question after the end. Core, handles and arena are set by the caller before the first
 * iteration. */
void tw_esp_port_start(tw_esp_port *port, tw_esp_wake *wake, tw_esp_socket *sockets, tw_esp_lookup *lookups,
                       uint32_t count, uint32_t recv_size);

/* Closes all sockets at once, without a delivery. */
void tw_esp_port_stop(tw_esp_port *port);

/* Runs one iteration: time, network, sockets. Waits at most `ms`. */
void tw_esp_port_run(tw_esp_port *port, uint32_t ms);

/* Milliseconds since the start of the device, in 32 bits that wrap. */
uint32_t tw_esp_port_now(void *host);

/* Whether an interface is up and has an address. Safe at any time, also before lwIP runs. */
bool tw_esp_port_is_up(void *host);

/* Sets keep-alive of a stream. The form that tw_handles_host wants. */
void tw_esp_port_keep_alive(void *host, int32_t handle, const tw_keep_alive *keep_alive);

/* ---- socket_lwip.c ---- */

/* The place of a handle, or NULL. */
tw_esp_socket *tw_esp_socket_find(tw_esp_port *port, int32_t handle);

/* Takes the place of a handle that has none. NULL: the number is not one of the core's. */
tw_esp_socket *tw_esp_socket_take(tw_esp_port *port, int32_t handle, tw_esp_socket_state state);

/* Opens, by the kind of twc_port_open. Returns 0 or an error of the table. */
int32_t tw_esp_socket_open(tw_esp_port *port, tw_esp_socket *socket, uint32_t kind, const char *name,
                           uint32_t name_size);

/* Connects a socket that has an address now. Returns 0 or an error of the table. */
int32_t tw_esp_socket_connect(const tw_esp_port *port, tw_esp_socket *socket, const ip_addr_t *ip);

/* Takes over a connection that lwip_accept returned. */
void tw_esp_socket_adopt(const tw_esp_port *port, tw_esp_socket *socket, int fd);

/* Closes what a socket has and frees its place. */
void tw_esp_socket_release(tw_esp_port *port, tw_esp_socket *socket, bool orderly);

/* Begins TLS: as a client of a server called `name`, or as the server if the connection was accepted. Returns 0 or an
 * error of the table. */
int32_t tw_esp_socket_begin_tls(tw_esp_port *port, tw_esp_socket *socket, const char *name);

/* Ends our half of a stream, TLS first. */
void tw_esp_socket_finish(tw_esp_socket *socket);

/* Whether a stream may be read now. Once our half has ended behind the peer's (LAST_ACK), reading the peer's end before
 * the peer has acknowledged ours makes lwIP (2.1.3, and Espressif's) free the connection below the socket, which then
 * points nowhere. */
bool tw_esp_socket_may_read(const tw_esp_socket *socket);

/* Leaves a direction (TW_ESP_HELD or TW_ESP_READ_HELD) alone until lwIP may have memory again. */
void tw_esp_socket_hold(tw_esp_socket *socket, uint16_t direction);

/* An errno as an error of the table. */
int32_t tw_esp_socket_error(int error);

/* What ended a stream: `error`, unless the network that it used is gone. */
int32_t tw_esp_socket_reason(const tw_esp_socket *socket, int32_t error);

/* Whether an errno says that lwIP can't do it now and may later. */
bool tw_esp_socket_is_full(int error);

/* ---- serve_lwip.c ---- */

/* What select has found of a socket. */
typedef struct tw_esp_ready {
  bool read, write, failed;
} tw_esp_ready;

/* Delivers what a socket has. */
void tw_esp_serve(tw_esp_port *port, tw_esp_socket *socket, tw_esp_ready ready);

/* The socket is gone: releases it, then delivers that. */
void tw_esp_serve_loss(tw_esp_port *port, tw_esp_socket *socket, int32_t error);

/* Whether there is something to read of which select does not know. */
bool tw_esp_serve_buffered(const tw_esp_socket *socket);

#endif
