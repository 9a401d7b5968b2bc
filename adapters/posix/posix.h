/* posix.h: what the files of the POSIX host share. */
#ifndef TW_POSIX_POSIX_H
#define TW_POSIX_POSIX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "memory.h"
#include "poller.h"
#include "timers.h"
#include "twinwire/host.h"
#include "twinwire/port.h"
#include "twinwire/tw_posix.h"

typedef struct tw_tls tw_tls;
typedef struct tw_lookup tw_lookup;
typedef struct tw_race tw_race;
typedef struct tw_acceptor tw_acceptor;

enum { TW_POSIX_ADDRESSES = 8 /* of one name that are tried */ };

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
  TW_LIFE_CONNECTING, /* its addresses race */
  TW_LIFE_FAILED,     /* `error` is to be delivered */
  TW_LIFE_READY,      /* connected or listening, which is still to be delivered */
  TW_LIFE_OPEN,       /* connected, bound or listening */
  TW_LIFE_SECURING,   /* the TLS handshake is under way */
} tw_socket_life;

/* One socket of the core. */
typedef struct tw_sock {
  tw_watch watch;       /* first: a watch of kind TW_WATCH_SOCK is its socket */
  int32_t handle;       /* 0: none */
  uint32_t serial;      /* no other socket has it: a handle that connects again has another */
  uint8_t kind;         /* tw_socket_kind */
  uint8_t life;         /* tw_socket_life */
  bool reading;         /* the core wants bytes */
  bool owes_write;      /* twc_written is owed once it is writable */
  bool ended;           /* the peer's end was delivered */
  bool has_peer;        /* UDP: twc_port_connect fixed one */
  bool shut;            /* our half is ended, or will be once TLS has said so */
  bool queued;          /* it is in the list of sockets that the next iteration looks at */
  int32_t error;        /* FAILED: what is to be delivered; UDP: a failure that it survives, or 0 */
  uint32_t next;        /* in that list */
  uint32_t next_waiter; /* LOOKUP: the index of the next socket that waits for the same name, or TW_POSIX_NONE */
  uint16_t port;        /* to connect to; UDP: the address family */
  char *name;           /* what it was opened for: TLS verifies it, a Unix listener removes it */
  union {
    tw_lookup *lookup;     /* LOOKUP */
    tw_race *race;         /* CONNECTING */
    tw_acceptor *acceptor; /* a listener's, behind LOOKUP */
    tw_peer *peer;         /* UDP: the fixed one */
  }; /* NULL: it has none yet, or no more */
  tw_tls *tls;
} tw_sock;

struct tw_posix {
  bool started;
  bool polling; /* an iteration is under way */
  bool reuse_port;
  tw_core *core;
  tw_handles *handles;
  tw_limits limits;
  void *arena;
  size_t arena_size;
  void *handles_memory;
  uint32_t count; /* of sockets that there can be */
  tw_sock *socks;
  tw_poller *poller;
  tw_timers timers;
  struct tw_linger *lingers;
  struct tw_alarm *alarms; /* timers of the application */
  int32_t last_alarm;
  void (*log)(void *ctx, const char *text);
  void *log_ctx;
  uint32_t first_queued;
  uint32_t serial;
  tw_watch wake; /* the end of a pipe that is read */
  int wake_write;
  int backlog;
  uint32_t keep_alive_s;
  int32_t last_errno;
  struct tw_resolver *resolver;
};

typedef struct tw_posix tw_posix;

#define TW_POSIX_NONE UINT32_MAX

/* Each thread has its own. */
extern _Thread_local tw_posix tw_host;

/* ---- loop.c ---- */

/* Has the next iteration look at a socket, although nothing happens on its descriptor. */
void tw_posix_queue(tw_sock *sock);

/* Work for a loop: what its pipe carries. `run` NULL: only to wake it. */
typedef struct tw_posted {
  void (*run)(void *ctx);
  void *ctx;
} tw_posted;

/* Wakes the loop that reads the other end of a pipe, and hands it work; false: the pipe is full. For any thread and for
 * signal handlers. */
bool tw_posix_write_wake(int fd, tw_posted work);

/* Milliseconds of a monotonic clock. */
uint64_t tw_posix_clock(void);

/* ---- table.c ---- */

/* The socket of a handle, or NULL. */
tw_sock *tw_posix_find(int32_t handle);

/* Whether a socket is still what it was: its handle has not been closed or opened again since. */
bool tw_posix_is_same(int32_t handle, uint32_t serial);

/* A fresh one for a handle. */
tw_sock *tw_posix_take(int32_t handle, uint32_t kind);

/* Opens a socket, non-blocking and closed on exec; -1: see errno. */
int tw_posix_socket(int family, int type);

/* Puts an open descriptor into the poller; false: the system refuses, see errno. */
bool tw_posix_adopt(tw_sock *sock, int fd);

/* Has the poller report what the socket waits for now. */
void tw_posix_update(tw_sock *sock);

/* Whether it accepts connections. */
bool tw_posix_is_listener(const tw_sock *sock);

/* Closes the descriptor and forgets the socket. */
void tw_posix_forget(tw_sock *sock);

/* Forgets the socket and delivers its end to the core. */
void tw_posix_gone(tw_sock *sock, int32_t error);

/* Makes a descriptor non-blocking and closed on exec; false: see errno. */
bool tw_posix_prepare(int fd);

/* A terminated copy, to be freed; NULL: no memory. */
char *tw_posix_copy(const char *text, uint32_t size);

/* ---- connect.c ---- */

int32_t tw_posix_connect(tw_sock *sock, const char *name, uint32_t size, uint16_t port);
int32_t tw_posix_connect_path(tw_sock *sock, const char *path, uint32_t size);

/* Races the addresses that a look-up found; `count` 0: `error` says why there are none. */
void tw_posix_race(tw_sock *sock, int32_t error, const tw_peer *addresses, uint8_t count);

/* The same for what a name was resolved to: only to the addresses that the connection's policy allows. */
void tw_posix_race_allowed(tw_sock *sock, int32_t error, const tw_peer *addresses, uint8_t count);

/* One of the attempts has a result. */
void tw_posix_attempt_ready(tw_watch *watch);

/* Closes the attempts that are under way. */
void tw_posix_race_end(tw_sock *sock);

/* Sets the options of a TCP connection that is open. */
void tw_posix_tune(int32_t handle, int fd);
void tw_posix_set_keep_alive(void *host, int32_t handle, const tw_keep_alive *how);

/* Delivers `error` as the socket's end in the next iteration. */
void tw_posix_fail(tw_sock *sock, int32_t error);

/* ---- listen.c ---- */

int32_t tw_posix_listen(tw_sock *sock, const char *name, uint32_t size, uint16_t port);
int32_t tw_posix_listen_path(tw_sock *sock, const char *path, uint32_t size);

/* Listens at the address that a look-up found. */
void tw_posix_listen_at(tw_sock *sock, const tw_peer *at);
void tw_posix_accept(tw_sock *sock);

/* Whether a listener waits for the system to have room for connections again. */
bool tw_posix_accept_paused(const tw_sock *sock);
void tw_posix_acceptor_free(tw_sock *sock);

/* ---- stream.c ---- */

void tw_posix_read(tw_sock *sock);
int32_t tw_posix_write(tw_sock *sock, const tw_span *spans, uint32_t count);
void tw_posix_close(tw_sock *sock, uint32_t how);
void tw_posix_shutdown(tw_sock *sock);

/* ---- linger.c ---- */

/* Ends our half of a stream; false: TLS has yet to say so, once the descriptor is writable. */
bool tw_posix_end_half(int fd, tw_tls *tls);

/* Takes a descriptor over, and `tls` (or NULL) if its last words are still to be written: it is closed once the peer
 * has ended as well, within limits.closeTimeoutMs. */
void tw_posix_linger(int fd, tw_tls *tls);
void tw_posix_linger_ready(tw_watch *watch);

/* Closes all of them. */
void tw_posix_linger_stop(void);

/* ---- udp.c ---- */

int32_t tw_posix_udp_open(tw_sock *sock, const char *name, uint32_t size, uint16_t port);
int32_t tw_posix_udp_connect(tw_sock *sock, const char *name, uint32_t size, uint16_t port);
int32_t tw_posix_udp_send(tw_sock *sock, const char *name, uint32_t size, uint16_t port, const void *data,
                          uint32_t length);
void tw_posix_udp_read(tw_sock *sock);

/* ---- alarm.c ---- */

/* Frees the application's timers. */
void tw_posix_alarms_stop(void);

/* ---- log.c ---- */

/* Logs a failure that no listener has received. See tw_handles_host. */
void tw_posix_unhandled(void *host, int32_t handle, int32_t code, uint32_t step);

/* ---- options.c: see tw_handles_host ---- */

int32_t tw_posix_set_option(void *host, int32_t handle, tw_option option, int32_t value);
int32_t tw_posix_set_group(void *host, int32_t handle, const char *group, const char *interface, bool on);

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

bool tw_resolver_start(void);
void tw_resolver_stop(void);

/* Looks a name up, for connecting or for listening; what is found goes to tw_posix_race or tw_posix_listen_at, at once
 * if it is known. false: no memory, or no thread. */
bool tw_resolver_lookup(tw_sock *sock, const char *name, bool listening);

/* The socket no longer waits. */
void tw_resolver_cancel(tw_sock *sock);

/* Hands out what has been found. */
void tw_resolver_deliver(void);

/* ---- deflate_zlib.c or deflate_none.c ---- */

/* The library for permessage-deflate; NULL: none. */
const tw_deflate_library *tw_posix_deflate(void);

/* ---- tls/ or tls_none.c ---- */

typedef enum tw_tls_want { TW_TLS_DONE, TW_TLS_READ, TW_TLS_WRITE, TW_TLS_FAILED } tw_tls_want;

int32_t tw_tls_check(const tw_tls_options *options, bool server);

/* Begins TLS on a descriptor; NULL: `*error` says why not. `name`: the name to verify if the options have none. */
tw_tls *tw_tls_begin(int fd, const tw_tls_options *options, bool server, const char *name, int32_t *error);
tw_tls_want tw_tls_handshake(tw_tls *tls, int32_t *error);
tw_tls_want tw_tls_wants(const tw_tls *tls);

/* Returns the bytes read, 0 at the peer's close_notify, or an error, TW_ERR_ENDED for an end without one among them;
 * TW_ERR_BACKPRESSURE: nothing for now. */
int32_t tw_tls_read(tw_tls *tls, void *data, uint32_t size);

/* Whether a read has something to return that the poller does not report. */
bool tw_tls_pending(const tw_tls *tls);

/* Bytes taken, or an error. 0: none for now. */
int32_t tw_tls_write(tw_tls *tls, const void *data, uint32_t size);

/* Says that we send no more; false: it has to be said again once the descriptor is writable. */
bool tw_tls_finish(tw_tls *tls);
int32_t tw_tls_describe(const tw_tls *tls, tw_posix_tls_info *info);
void tw_tls_free(tw_tls *tls);
void tw_tls_stop(void);

#endif
