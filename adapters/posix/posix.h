/* posix.h: what the files of the POSIX host share. */
#ifndef TW_POSIX_POSIX_H
#define TW_POSIX_POSIX_H

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "twinwire/port.h"
#include "twinwire/tw_posix.h"

typedef struct tw_tls tw_tls;
typedef struct tw_lookup tw_lookup;

enum {
  TW_POSIX_ADDRESSES = 8, /* of one name that are tried */
  TW_POSIX_TURN_MS = 250, /* how long one of several may take before the next is tried; RFC 8305 8 */
};

/* An address of the system. */
typedef struct tw_peer {
  socklen_t size;
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
    struct sockaddr_storage room;
  } at;
} tw_peer;

typedef enum tw_socket_life {
  TW_LIFE_LOOKUP,     /* its name is looked up */
  TW_LIFE_CONNECTING, /* connect(2) is under way */
  TW_LIFE_FAILED,     /* `error` is to be told */
  TW_LIFE_READY,      /* a listener that has yet to say so */
  TW_LIFE_OPEN,       /* connected, bound or listening */
  TW_LIFE_SECURING,   /* the TLS handshake is under way */
} tw_socket_life;

/* One socket of the core's. */
typedef struct tw_sock {
  int32_t handle;  /* 0: none */
  uint32_t serial; /* no other socket has it: a handle that connects again has another */
  int fd;          /* -1: none yet */
  uint8_t kind;    /* tw_socket_kind */
  uint8_t life;    /* tw_socket_life */
  bool reading;    /* the core wants bytes */
  bool owes_write; /* twc_written is owed once it is writable */
  bool ended;      /* the peer's end was told */
  bool has_peer;   /* UDP: twc_port_connect fixed one */
  bool shut;       /* our half is ended, or will be once TLS has said so */
  bool queued;     /* it is in the list of those that are looked at in the next turn */
  int32_t error;   /* FAILED: what is to be told; UDP: a failure that it survives */
  uint32_t place;  /* in the poll set */
  uint32_t next;   /* in that list */
  uint16_t port;
  uint8_t address_count;
  uint8_t address_next;
  uint32_t turn_ends; /* when the next address is tried, if there is one */
  tw_peer *addresses; /* those that are left to try; freed when connected */
  char *name;         /* what it was opened for: TLS verifies it, a Unix listener removes it */
  tw_peer *peer;      /* UDP: the fixed one */
  tw_lookup *lookup;
  tw_tls *tls;
} tw_sock;

/* A socket that nobody has a number for any more: it is read until its peer ends, or its close would be a reset. */
typedef struct tw_linger {
  int fd;
  uint32_t until;
  tw_tls *tls; /* whose last words are still to be written, or NULL */
  bool ready;  /* poll says that something happened */
} tw_linger;

typedef struct tw_posix {
  bool started;
  tw_core *core;
  tw_easy *easy;
  tw_limits limits;
  void *arena;
  size_t arena_size;
  void *door;
  uint32_t count; /* of sockets that there can be */
  tw_sock *socks;
  struct pollfd *polled; /* first the wake pipe, then sockets, then those that linger */
  uint32_t *poll_owner;  /* index of the socket at each place */
  uint32_t polled_count; /* wake pipe and sockets */
  struct tw_ready *ready;
  tw_linger *lingers;
  uint32_t linger_count;
  uint32_t linger_room;
  uint32_t first_queued;
  uint32_t racing; /* sockets that have another address to try */
  uint32_t serial;
  uint32_t now_ms;
  int wake_read;
  int wake_write;
  int spare_fd; /* given up for a moment when there are no more, to turn a connection away */
  int backlog;
  uint32_t keep_alive_s;
  int32_t last_errno;
  struct tw_pool *pool; /* of threads that look names up */
} tw_posix;

#define TW_POSIX_NONE UINT32_MAX

extern tw_posix tw_host;

/* ---- loop.c ---- */

/* Looks at a socket in the next turn, although nothing happens on it. */
void tw_posix_queue(tw_sock *sock);
uint32_t tw_posix_clock(void);

/* ---- table.c ---- */

/* The socket of a handle, or NULL. */
tw_sock *tw_posix_find(int32_t handle);

/* A fresh one for a handle. */
tw_sock *tw_posix_take(int32_t handle, uint32_t kind);

/* Puts a descriptor into the poll set, non-blocking and closed on exec; false: the system refuses. */
bool tw_posix_adopt(tw_sock *sock, int fd);

/* Takes the descriptor out of the poll set and returns it. */
int tw_posix_detach(tw_sock *sock);

/* Asks poll for what the socket is to be told now. */
void tw_posix_update(tw_sock *sock);

/* Closes the descriptor and forgets the socket. */
void tw_posix_forget(tw_sock *sock);

/* Forgets the socket and tells the core so. */
void tw_posix_gone(tw_sock *sock, int32_t error);

bool tw_posix_prepare(int fd);

/* ---- connect.c ---- */

int32_t tw_posix_connect(tw_sock *sock, const char *name, uint32_t size, uint16_t port);
int32_t tw_posix_connect_path(tw_sock *sock, const char *path, uint32_t size);

/* What a look-up found, or `error`. Takes `addresses`. */
void tw_posix_found(tw_sock *sock, int32_t error, tw_peer *addresses, uint8_t count);

/* Sets what every TCP connection has. */
void tw_posix_tune(int fd);

/* connect(2) has ended one way or another. */
void tw_posix_connect_ready(tw_sock *sock);

/* The time of one address is over. */
void tw_posix_connect_turn(tw_sock *sock);

/* To be told in the next turn. */
void tw_posix_fail(tw_sock *sock, int32_t error);

/* ---- listen.c ---- */

int32_t tw_posix_listen(tw_sock *sock, const char *name, uint32_t size, uint16_t port);
int32_t tw_posix_listen_path(tw_sock *sock, const char *path, uint32_t size);
void tw_posix_listen_at(tw_sock *sock, const tw_peer *at);
void tw_posix_accept(tw_sock *sock);

/* ---- stream.c ---- */

void tw_posix_read(tw_sock *sock);
int32_t tw_posix_write(tw_sock *sock, const tw_span *spans, uint32_t count);
void tw_posix_close(tw_sock *sock, uint32_t how);
void tw_posix_shutdown(tw_sock *sock);
void tw_posix_linger_ready(uint32_t index);
void tw_posix_linger_end(uint32_t index);

/* ---- udp.c ---- */

int32_t tw_posix_udp_open(tw_sock *sock, const char *name, uint32_t size, uint16_t port);
int32_t tw_posix_udp_connect(tw_sock *sock, const char *name, uint32_t size, uint16_t port);
int32_t tw_posix_udp_send(tw_sock *sock, const char *name, uint32_t size, uint16_t port, const void *data,
                          uint32_t length);
void tw_posix_udp_read(tw_sock *sock);

/* ---- address.c ---- */

/* A literal address; false: it is none. An empty one is any IPv4. */
bool tw_peer_parse(tw_peer *peer, const char *text, uint32_t size, uint16_t port);
bool tw_peer_path(tw_peer *peer, const char *path, uint32_t size);
void tw_peer_set_port(tw_peer *peer, uint16_t port);
uint16_t tw_peer_port(const tw_peer *peer);

/* The address without its port; returns its bytes. `text` has room for TW_MAX_ADDRESS. */
uint32_t tw_peer_text(const tw_peer *peer, char *text);

/* "ip:port" or a path; returns its bytes, at most `capacity`. */
int32_t tw_peer_name(const tw_peer *peer, char *text, uint32_t capacity);
bool tw_peer_equal(const tw_peer *a, const tw_peer *b);

/* ---- errors.c ---- */

/* The number of the error table for an errno. */
int32_t tw_posix_error(int number);
int32_t tw_posix_lookup_error(int number, int system);

/* ---- resolve.c ---- */

bool tw_pool_start(void);
void tw_pool_stop(void);

/* Looks a name up, for connecting or for listening; tw_posix_found follows. NULL: no memory. */
tw_lookup *tw_pool_lookup(tw_sock *sock, const char *name, uint16_t port, bool listening);
void tw_pool_cancel(tw_lookup *lookup);

/* Hands on what has been found. */
void tw_pool_deliver(void);

/* ---- tls/ or tls_none.c ---- */

typedef enum tw_tls_want { TW_TLS_DONE, TW_TLS_READ, TW_TLS_WRITE, TW_TLS_FAILED } tw_tls_want;

int32_t tw_tls_check(const tw_tls_options *options, bool server);

/* Begins TLS on a descriptor; NULL: `*error` says why not. `name`: whom to verify, if the options do not say. */
tw_tls *tw_tls_begin(int fd, const tw_tls_options *options, bool server, const char *name, int32_t *error);
tw_tls_want tw_tls_handshake(tw_tls *tls, int32_t *error);
tw_tls_want tw_tls_wants(const tw_tls *tls);

/* Bytes read, 0 at the peer's end, or an error; TW_ERR_BACKPRESSURE: none for now. */
int32_t tw_tls_read(tw_tls *tls, void *data, uint32_t size);

/* Whether bytes wait that poll knows nothing of. */
bool tw_tls_pending(const tw_tls *tls);

/* Bytes taken, or an error. 0: none for now. */
int32_t tw_tls_write(tw_tls *tls, const void *data, uint32_t size);

/* Says that we send no more; false: it has to be said again once the descriptor is writable. */
bool tw_tls_finish(tw_tls *tls);
int32_t tw_tls_describe(const tw_tls *tls, tw_posix_tls_info *info);
void tw_tls_free(tw_tls *tls);
void tw_tls_stop(void);

#endif
