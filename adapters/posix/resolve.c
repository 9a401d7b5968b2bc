/* resolve.c: names, looked up by getaddrinfo(3) on threads: it blocks, and the loop must not. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix.h"

enum { THREADS = 4 };

struct tw_lookup {
  struct tw_lookup *next;
  int32_t handle;
  uint32_t serial;
  bool cancelled; /* only the loop's thread reads and writes it */
  bool listening;
  int32_t error; /* of getaddrinfo, and errno */
  int system;
  uint16_t port;
  uint8_t count;
  tw_peer *addresses;
  char name[TW_MAX_HOST + 1];
};

/* A thread in getaddrinfo can't be stopped, and tw_posix_stop must not wait for it: so the pool belongs to whoever uses
 * it last. */
typedef struct tw_pool {
  pthread_mutex_t mutex;
  pthread_cond_t work;
  uint32_t users; /* threads, and the loop */
  uint32_t idle;
  uint32_t queued;
  uint32_t threads;
  bool stopped;
  tw_lookup *first; /* to be looked up */
  tw_lookup **last;
  tw_lookup *done;
} tw_pool;

static void free_lookup(tw_lookup *it) {
  free(it->addresses);
  free(it);
}

static void free_list(tw_lookup *it) {
  while (it != NULL) {
    tw_lookup *next = it->next;
    free_lookup(it);
    it = next;
  }
}

/* The mutex is held, and is given back. */
static void leave(tw_pool *pool) {
  bool last = --pool->users == 0;
  pthread_mutex_unlock(&pool->mutex);
  if (!last)
    return;
  free_list(pool->first);
  free_list(pool->done);
  pthread_mutex_destroy(&pool->mutex);
  pthread_cond_destroy(&pool->work);
  free(pool);
}

static bool known(const tw_lookup *it, const tw_peer *peer) {
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
  it->addresses = it->error == 0 ? calloc(TW_POSIX_ADDRESSES, sizeof *it->addresses) : NULL;
  for (struct addrinfo *at = found; at != NULL && it->addresses != NULL; at = at->ai_next) {
    bool inet = at->ai_family == AF_INET || at->ai_family == AF_INET6;
    if (!inet || it->count == TW_POSIX_ADDRESSES)
      continue;
    tw_peer *peer = &it->addresses[it->count];
    peer->size = at->ai_addrlen;
    memcpy(&peer->at, at->ai_addr, at->ai_addrlen);
    tw_peer_set_port(peer, it->port);
    if (!known(it, peer))
      it->count++;
  }
  if (found != NULL)
    freeaddrinfo(found);
}

static void *work(void *context) {
  tw_pool *pool = context;
  pthread_mutex_lock(&pool->mutex);
  while (!pool->stopped) {
    tw_lookup *it = pool->first;
    if (it == NULL) {
      pool->idle++;
      pthread_cond_wait(&pool->work, &pool->mutex);
      pool->idle--;
      continue;
    }
    pool->first = it->next;
    pool->queued--;
    if (pool->first == NULL)
      pool->last = &pool->first;
    pthread_mutex_unlock(&pool->mutex);
    look_up(it);
    pthread_mutex_lock(&pool->mutex);
    it->next = pool->done;
    pool->done = it;
    if (!pool->stopped)
      tw_posix_wake();
  }
  leave(pool);
  return NULL;
}

/* The mutex is held. */
static bool add_thread(tw_pool *pool) {
  pthread_t thread;
  pool->users++;
  if (pthread_create(&thread, NULL, work, pool) != 0) {
    pool->users--;
    return false;
  }
  pthread_detach(thread);
  pool->threads++;
  return true;
}

bool tw_pool_start(void) {
  tw_pool *pool = calloc(1, sizeof *pool);
  if (pool == NULL)
    return false;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->work, NULL);
  pool->users = 1;
  pool->last = &pool->first;
  tw_host.pool = pool;
  return true;
}

void tw_pool_stop(void) {
  tw_pool *pool = tw_host.pool;
  tw_host.pool = NULL;
  pthread_mutex_lock(&pool->mutex);
  pool->stopped = true;
  pthread_cond_broadcast(&pool->work);
  leave(pool);
}

tw_lookup *tw_pool_lookup(tw_sock *sock, const char *name, uint16_t port, bool listening) {
  tw_pool *pool = tw_host.pool;
  tw_lookup *it = calloc(1, sizeof *it);
  if (it == NULL)
    return NULL;
  it->handle = sock->handle;
  it->serial = sock->serial;
  it->listening = listening;
  it->port = port;
  snprintf(it->name, sizeof it->name, "%s", name);
  pthread_mutex_lock(&pool->mutex);
  /* One that has been woken counts as idle until it has run. */
  bool served = pool->idle > pool->queued || pool->threads == THREADS || add_thread(pool) || pool->threads > 0;
  if (served) {
    pool->queued++;
    *pool->last = it;
    pool->last = &it->next;
    pthread_cond_signal(&pool->work);
  }
  pthread_mutex_unlock(&pool->mutex);
  if (!served)
    free(it);
  return served ? it : NULL;
}

void tw_pool_cancel(tw_lookup *lookup) { lookup->cancelled = true; }

void tw_pool_deliver(void) {
  tw_pool *pool = tw_host.pool;
  pthread_mutex_lock(&pool->mutex);
  tw_lookup *done = pool->done;
  pool->done = NULL;
  pthread_mutex_unlock(&pool->mutex);
  while (done != NULL) {
    tw_lookup *it = done;
    done = it->next;
    tw_sock *sock = it->cancelled ? NULL : tw_posix_find(it->handle);
    if (sock != NULL && sock->serial == it->serial) {
      int32_t error = it->error != 0   ? tw_posix_lookup_error(it->error, it->system)
                      : it->count == 0 ? TW_ERR_NAME_NOT_FOUND
                                       : 0;
      tw_peer *addresses = it->addresses;
      it->addresses = NULL;
      if (error != 0) {
        free(addresses);
        addresses = NULL;
      }
      tw_posix_found(sock, error, addresses, it->count);
    }
    free_lookup(it);
  }
}
