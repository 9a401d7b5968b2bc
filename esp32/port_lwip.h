/* port_lwip.h: the host of a core over lwIP's sockets, as ESP-IDF has them. port_lwip.c is the calls of
 * twinwire/port.h, loop_lwip.c what waits for sockets and delivers. All of it belongs to one task, but for
 * tw_lwip_wake. Nothing is allocated: what it needs is in tw_lwip and in what tw_lwip_start is lent. */
#ifndef TWINWIRE_ESP32_PORT_LWIP_H
#define TWINWIRE_ESP32_PORT_LWIP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lookup.h"
#include "tls.h"
#include "twinwire/tw_easy.h"

/* Where a socket stands. */
typedef enum tw_lwip_state {
  TW_LWIP_LOOKUP,     /* its peer's name is being looked up; it has no descriptor yet */
  TW_LWIP_CONNECTING, /* SYN is sent */
  TW_LWIP_OPEN,       /* a stream */
  TW_LWIP_TLS_DUE,    /* a stream on which TLS is to begin at the next turn */
  TW_LWIP_SECURING,   /* the TLS handshake is under way */
  TW_LWIP_LISTEN_DUE, /* a listener that has not been told yet that it listens */
  TW_LWIP_LISTENING,
  TW_LWIP_UDP,
} tw_lwip_state;

enum {
  TW_LWIP_READING = 1,
  TW_LWIP_WRITE_OWED = 2, /* twc_written is owed once there is room */
  TW_LWIP_ENDED = 4,      /* the peer's FIN has been told */
  TW_LWIP_V6 = 8,
};

typedef struct tw_lwip_socket {
  int32_t handle; /* TW_NONE: this place is free */
  int fd;         /* -1: none yet */
  tw_tls *tls;
  uint32_t held_until; /* ms; writing is not tried again before, if HELD */
  int16_t lookup;      /* -1: none */
  uint16_t port;
  uint8_t state; /* tw_lwip_state */
  uint8_t flags;
  bool held;
} tw_lwip_socket;

/* The interface that packets leave by. All zero: there is none that is up and has an address. */
typedef struct tw_network {
  const void *interface;
  uint32_t address;
} tw_network;

typedef struct tw_lwip {
  tw_core *core;
  tw_easy *easy;
  uint8_t *arena;
  uint32_t recv_size;
  tw_lwip_socket *sockets; /* as many as the core has slots */
  tw_lookup *lookups;      /* as many */
  uint32_t count;
  tw_network network;
  uint32_t watched;    /* ms; when the network was last looked at */
  atomic_bool suspect; /* the network is to be looked at */
  /* A UDP socket that sends to itself: what makes select return when another task has something to say. */
  _Atomic int wake_fd;
  uint16_t wake_port;
  atomic_bool woken;
} tw_lwip;

/* Sets up a port. `sockets` and `lookups` (`count` each: all slots of the core) are lent, the latter for good: lwIP may
 * answer a question after the end. Core, easy and arena are set by the caller before the first turn. */
void tw_lwip_start(tw_lwip *port, tw_lwip_socket *sockets, tw_lookup *lookups, uint32_t count, uint32_t recv_size);

/* Closes all sockets at once, without a delivery. */
void tw_lwip_stop(tw_lwip *port);

/* One turn: time, network, sockets. Waits for sockets at most `ms`. Returns 0, or, if there was no socket to wait for,
 * for how many ms the caller may wait instead. */
uint32_t tw_lwip_turn(tw_lwip *port, uint32_t ms);

/* The network may have changed: the next turn looks. May be called from any task. */
void tw_lwip_suspect(tw_lwip *port);

/* Makes a turn that waits return. May be called from any task that may call lwIP's sockets. */
void tw_lwip_wake(tw_lwip *port);

/* Milliseconds since the start of the device, in 32 bits that wrap. */
uint32_t tw_lwip_now(void *host);

/* Whether a default interface is up and has an address. Safe at any time, also before lwIP is there. */
bool tw_lwip_is_up(void *host);

/* ---- Between port_lwip.c and loop_lwip.c ---- */

tw_network tw_network_look(void);
tw_lwip_socket *tw_lwip_find(tw_lwip *port, int32_t handle);
tw_lwip_socket *tw_lwip_place(tw_lwip *port, int32_t handle, tw_lwip_state state);

/* Closes what a socket has and frees its place. */
void tw_lwip_release(tw_lwip *port, tw_lwip_socket *socket, bool orderly);

/* Connects a socket that has an address now. Returns 0 or an error of the table. */
int32_t tw_lwip_connect(tw_lwip_socket *socket, const ip_addr_t *ip);

/* Begins TLS with a server called `name`. Returns 0 or an error of the table. */
int32_t tw_lwip_begin_tls(tw_lwip *port, tw_lwip_socket *socket, const char *name);

/* Non-blocking, small writes at once. */
void tw_lwip_tune(int fd, bool stream);

/* An errno as an error of the table. */
int32_t tw_lwip_error(int error);

/* No room now: twc_written is owed, when select says so, or, where it can't know, after a pause. */
void tw_lwip_owe(tw_lwip_socket *socket, bool pause);

#endif
