/* poller.h: which descriptors are ready. epoll.c, kqueue.c and poll.c each implement it; CMake chooses one.
 *
 * Level-triggered: a watch is reported again by each wait until what it reports is dealt with or no longer wanted. */
#ifndef TW_POSIX_POLLER_H
#define TW_POSIX_POLLER_H

#include <stdbool.h>
#include <stdint.h>

enum { TW_READABLE = 1, TW_WRITABLE = 2 };

/* What a watch is part of. */
typedef enum tw_watch_kind { TW_WATCH_WAKE, TW_WATCH_SOCK, TW_WATCH_ATTEMPT, TW_WATCH_LINGER } tw_watch_kind;

/* A descriptor in a poller. Lies in the object that owns the descriptor, at the same address until it is removed. */
typedef struct tw_watch {
  int fd;         /* -1: none, the watch is in no poller */
  uint8_t kind;   /* tw_watch_kind */
  uint8_t wanted; /* TW_READABLE | TW_WRITABLE; with neither, nothing is reported */
  uint32_t place; /* the poller's own */
  uint32_t ready; /* index in the list of the last wait; TW_NOT_READY: not in it */
} tw_watch;

#define TW_NOT_READY UINT32_MAX

typedef struct tw_ready {
  tw_watch *watch; /* NULL: removed since the wait */
  uint8_t events;  /* TW_READABLE | TW_WRITABLE; an error or a hang-up is both */
} tw_ready;

typedef struct tw_poller tw_poller;

/* NULL: the system refuses, see errno. */
tw_poller *tw_poller_new(void);
void tw_poller_free(tw_poller *poller);

/* The descriptor that is readable when a wait would return at once; -1: this poller has none. */
int tw_poller_fd(const tw_poller *poller);

/* Adds a descriptor. false: the system refuses, see errno; the watch stays without a descriptor. */
bool tw_poller_add(tw_poller *poller, tw_watch *watch, int fd, uint8_t wanted);
void tw_poller_change(tw_poller *poller, tw_watch *watch, uint8_t wanted);

/* Hands the descriptor of `from` to `to`, which has none. */
void tw_poller_move(tw_poller *poller, tw_watch *from, tw_watch *to, uint8_t wanted);

/* Takes the descriptor out, also of the list of the last wait, and returns it. */
int tw_poller_remove(tw_poller *poller, tw_watch *watch);

/* Waits at most `ms` (-1: without end) and returns how many watches are ready, in `*ready`: valid until the next wait.
 */
uint32_t tw_poller_wait(tw_poller *poller, int ms, tw_ready **ready);

#endif
