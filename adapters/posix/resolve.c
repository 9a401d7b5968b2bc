/* resolve.c: names, looked up by getaddrinfo(3) on threads: it blocks, and the loop must not.
 *
 * All sockets that wait for one name share one look-up, and what it finds serves those that come within a few seconds:
 * connections that fail and try again don't flood the name server. One that no socket waits for any more is taken back
 * if it has not begun; if it has, its thread no longer counts, so that a name server that does not answer holds up only
 * those who ask for its names. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix.h"

enum { THREADS = 4, MOST_THREADS = 32, KEPT_MS = 5000, MOST_KEPT = 64 };

struct tw_lookup {
  /* Of the loop's thread alone. */
  struct tw_lookup *next_known;
  uint32_t waiters;    /* the index of the first socket that waits for it, or TW_POSIX_NONE */
  uint64_t kept_until; /* it was found, and serves until then; 0: it is still to be found */

  /* Of whoever works on it: the loop's thread until it is queued, and once it is done. */
  struct tw_lookup *next;
  int error; /* of getaddrinfo, and errno */
  int system;
  uint8_t count;
  tw_peer addresses[TW_POSIX_ADDRESSES];

  /* Guarded by the mutex. */
  enum { QUEUED, RUNNING, DONE } state;
  bool abandoned; /* it runs, and no socket waits for it */

  bool listening;
  char name[TW_MAX_HOST + 1];
};

/* A thread in getaddrinfo can't be stopped, and tw_posix_stop must not wait for it: so this belongs to whoever uses it
 * last. */
typedef struct tw_resolver {
  pthread_mutex_t mutex;
  pthread_cond_t work;
  uint32_t users; /* threads, and the loop */
  uint32_t threads;
  uint32_t idle;
  uint32_t queued;
  uint32_t abandoned; /* threads that do what no socket waits for */
  int wake;           /* the loop's pipe */
  bool stopped;
  tw_lookup *first; /* to be looked up */
  tw_lookup **last;
  tw_lookup *done;
  tw_lookup *known; /* all of them, by next_known; of the loop's thread alone, as is the next */
  uint32_t kept;    /* of them that have been found */
} tw_resolver;

static void free_list(tw_lookup *it) {
  while (it != NULL) {
    tw_lookup *next = it->next;
    tw_posix_free(it);
    it = next;
  }
}

/* The mutex is held, and is given back. */
static void leave(tw_resolver *resolver) {
  bool last = --resolver->users == 0;
  pthread_mutex_unlock(&resolver->mutex);
  if (!last)
    return;
  free_list(resolver->first);
  free_list(resolver->done);
  pthread_mutex_destroy(&resolver->mutex);
  pthread_cond_destroy(&resolver->work);
  tw_posix_free(resolver);
}

static bool has(const tw_lookup *it, const tw_peer *peer) {
  for (uint8_t i = 0; i < it->count; i++)
    if (tw_peer_equal(&it->addresses[i], peer))
      return true;
  return false;
}

static void look_up(tw_lookup *it) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  if (it->listening)
    hints.ai_flags = AI_PASSIVE;
  struct addrinfo *found = NULL;
  it->error = getaddrinfo(it->name, NULL, &hints, &found);
  it->system = errno;
  for (struct addrinfo *at = it->error == 0 ? found : NULL; at != NULL && it->count < TW_POSIX_ADDRESSES;
       at = at->ai_next) {
    bool inet = at->ai_family == AF_INET || at->ai_family == AF_INET6;
    tw_peer *peer = &it->addresses[it->count];
    if (!inet || at->ai_addrlen > sizeof peer->at)
      continue;
    peer->size = at->ai_addrlen;
    memcpy(&peer->at, at->ai_addr, at->ai_addrlen);
    if (!has(it, peer))
      it->count++;
  }
  if (found != NULL)
    freeaddrinfo(found);
}

static tw_lookup *take_first(tw_resolver *resolver) {
  tw_lookup *it = resolver->first;
  resolver->first = it->next;
  resolver->queued--;
  if (resolver->first == NULL)
    resolver->last = &resolver->first;
  it->state = RUNNING;
  return it;
}

static void *work(void *context) {
  tw_resolver *resolver = context;
  pthread_mutex_lock(&resolver->mutex);
  while (!resolver->stopped) {
    if (resolver->first == NULL) {
      resolver->idle++;
      pthread_cond_wait(&resolver->work, &resolver->mutex);
      resolver->idle--;
      continue;
    }
    tw_lookup *it = take_first(resolver);
    pthread_mutex_unlock(&resolver->mutex);
    look_up(it);
    pthread_mutex_lock(&resolver->mutex);
    resolver->abandoned -= it->abandoned;
    it->abandoned = false;
    it->state = DONE;
    it->next = resolver->done;
    resolver->done = it;
    if (!resolver->stopped)
      tw_posix_write_wake(resolver->wake, (tw_posted){0});
  }
  leave(resolver);
  return NULL;
}

/* The process's signals are for its own threads. */
static bool start_thread(void *(*run)(void *), void *context) {
  pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(&thread, NULL, run, context) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (started)
    pthread_detach(thread);
  return started;
}

/* Sees to it that some thread takes what is queued: one that has been woken counts as idle until it has run. The mutex
 * is held. false: there is no thread. */
static bool serve_queue(tw_resolver *resolver) {
  uint32_t most = THREADS + resolver->abandoned;
  if (most > MOST_THREADS)
    most = MOST_THREADS;
  if (resolver->idle < resolver->queued && resolver->threads < most && start_thread(work, resolver)) {
    resolver->users++;
    resolver->threads++;
  }
  pthread_cond_signal(&resolver->work);
  return resolver->threads > 0;
}

static void unlink_known(tw_resolver *resolver, const tw_lookup *it) {
  tw_lookup **link = &resolver->known;
  while (*link != it)
    link = &(*link)->next_known;
  *link = it->next_known;
}

/* Frees what was found and has been kept long enough at `now`. */
static void drop_kept(tw_resolver *resolver, uint64_t now) {
  tw_lookup **link = &resolver->known;
  while (*link != NULL) {
    tw_lookup *it = *link;
    if (it->kept_until == 0 || it->kept_until > now) {
      link = &it->next_known;
      continue;
    }
    *link = it->next_known;
    resolver->kept--;
    tw_posix_free(it);
  }
}

bool tw_resolver_start(void) {
  tw_resolver *resolver = tw_posix_zeroed(1, sizeof *resolver);
  if (resolver == NULL)
    return false;
  pthread_mutex_init(&resolver->mutex, NULL);
  pthread_cond_init(&resolver->work, NULL);
  resolver->users = 1;
  resolver->wake = tw_host.wake_write;
  resolver->last = &resolver->first;
  tw_host.resolver = resolver;
  return true;
}

void tw_resolver_stop(void) {
  tw_resolver *resolver = tw_host.resolver;
  if (resolver == NULL)
    return;
  tw_host.resolver = NULL;
  drop_kept(resolver, UINT64_MAX);
  pthread_mutex_lock(&resolver->mutex);
  resolver->stopped = true;
  pthread_cond_broadcast(&resolver->work);
  leave(resolver);
}

/* The mutex is held. */
static void unqueue(tw_resolver *resolver, const tw_lookup *it) {
  tw_lookup **link = &resolver->first;
  while (*link != it)
    link = &(*link)->next;
  *link = it->next;
  if (*link == NULL)
    resolver->last = link;
  resolver->queued--;
}

static void wait_for(tw_sock *sock, tw_lookup *it) {
  sock->lookup = it;
  sock->next_waiter = it->waiters;
  it->waiters = (uint32_t)(sock - tw_host.socks);
}

static tw_lookup *find_known(const tw_resolver *resolver, const char *name, bool listening) {
  tw_lookup *it = resolver->known;
  while (it != NULL && (it->listening != listening || strcmp(it->name, name) != 0))
    it = it->next_known;
  return it;
}

static void claim(tw_resolver *resolver, tw_lookup *it) {
  pthread_mutex_lock(&resolver->mutex);
  resolver->abandoned -= it->abandoned;
  it->abandoned = false;
  pthread_mutex_unlock(&resolver->mutex);
}

static void hand_out(const tw_lookup *it, tw_sock *sock) {
  int32_t error = it->error != 0 ? tw_posix_lookup_error(it->error, it->system) : TW_ERR_NAME_NOT_FOUND;
  tw_peer addresses[TW_POSIX_ADDRESSES];
  for (uint8_t i = 0; i < it->count; i++) {
    addresses[i] = it->addresses[i];
    tw_peer_set_port(&addresses[i], sock->port);
  }
  if (it->listening && it->count > 0)
    tw_posix_listen_at(sock, &addresses[0]);
  else
    tw_posix_race_allowed(sock, error, addresses, it->count);
}

bool tw_resolver_lookup(tw_sock *sock, const char *name, bool listening) {
  tw_resolver *resolver = tw_host.resolver;
  if (resolver->kept > 0)
    drop_kept(resolver, tw_posix_clock());
  tw_lookup *it = find_known(resolver, name, listening);
  if (it != NULL && it->kept_until != 0) {
    hand_out(it, sock);
    return true;
  }
  if (it != NULL) {
    claim(resolver, it);
    wait_for(sock, it);
    return true;
  }
  it = tw_posix_zeroed(1, sizeof *it);
  if (it == NULL)
    return false;
  it->listening = listening;
  it->waiters = TW_POSIX_NONE;
  snprintf(it->name, sizeof it->name, "%s", name);
  pthread_mutex_lock(&resolver->mutex);
  *resolver->last = it;
  resolver->last = &it->next;
  resolver->queued++;
  bool served = serve_queue(resolver);
  if (!served)
    unqueue(resolver, it);
  pthread_mutex_unlock(&resolver->mutex);
  if (!served) {
    tw_posix_free(it);
    return false;
  }
  it->next_known = resolver->known;
  resolver->known = it;
  wait_for(sock, it);
  return true;
}

void tw_resolver_cancel(tw_sock *sock) {
  tw_resolver *resolver = tw_host.resolver;
  tw_lookup *it = sock->lookup;
  uint32_t *link = &it->waiters;
  while (&tw_host.socks[*link] != sock)
    link = &tw_host.socks[*link].next_waiter;
  *link = sock->next_waiter;
  sock->lookup = NULL;
  if (it->waiters != TW_POSIX_NONE)
    return;
  pthread_mutex_lock(&resolver->mutex);
  bool queued = it->state == QUEUED;
  if (queued) {
    unqueue(resolver, it);
  } else if (it->state == RUNNING) {
    it->abandoned = true;
    resolver->abandoned++;
    if (resolver->queued > 0)
      serve_queue(resolver);
  }
  pthread_mutex_unlock(&resolver->mutex);
  if (!queued)
    return; /* its thread has it, or tw_resolver_deliver will */
  unlink_known(resolver, it);
  tw_posix_free(it);
}

void tw_resolver_deliver(void) {
  tw_resolver *resolver = tw_host.resolver;
  pthread_mutex_lock(&resolver->mutex);
  tw_lookup *done = resolver->done;
  resolver->done = NULL;
  pthread_mutex_unlock(&resolver->mutex);
  while (done != NULL) {
    tw_lookup *it = done;
    done = it->next;
    while (it->waiters != TW_POSIX_NONE) {
      tw_sock *sock = &tw_host.socks[it->waiters];
      it->waiters = sock->next_waiter;
      sock->lookup = NULL;
      hand_out(it, sock);
    }
    if (it->count > 0 && !it->listening && resolver->kept < MOST_KEPT) {
      it->kept_until = tw_posix_clock() + KEPT_MS;
      resolver->kept++;
    } else {
      unlink_known(resolver, it);
      tw_posix_free(it);
    }
  }
}
