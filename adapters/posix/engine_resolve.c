/* engine_resolve.c: a look-up of a name for a thread that waits: by getaddrinfo(3) on a thread of its own, since the
 * wait has to end in time, and getaddrinfo can't be stopped. */
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "posix.h"

enum { DEFAULT_MS = 10000, MS = 1000, NS_PER_MS = 1000000, NS = 1000000000 };

/* Belongs to the two threads, and is freed by the one that leaves last. */
typedef struct question {
  pthread_mutex_t mutex;
  pthread_cond_t answered;
  bool done;
  bool left; /* by the first of the two */
  int32_t error;
  tw_peer found;
  char name[TW_MAX_HOST + 1];
} question;

/* The mutex is held. */
static void leave(question *it) {
  bool last = it->left;
  it->left = true;
  pthread_mutex_unlock(&it->mutex);
  if (!last)
    return;
  pthread_mutex_destroy(&it->mutex);
  pthread_cond_destroy(&it->answered);
  free(it);
}

static void answer(void *ctx) {
  question *it = ctx;
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  int error = getaddrinfo(it->name, NULL, &hints, &found);
  pthread_mutex_lock(&it->mutex);
  it->error = error == 0 ? TW_ERR_NAME_NOT_FOUND : tw_posix_lookup_error(error, 0);
  for (struct addrinfo *at = error == 0 ? found : NULL; at != NULL && it->error != 0; at = at->ai_next) {
    if ((at->ai_family != AF_INET && at->ai_family != AF_INET6) || at->ai_addrlen > sizeof it->found.at)
      continue;
    it->found.size = at->ai_addrlen;
    memcpy(&it->found.at, at->ai_addr, at->ai_addrlen);
    it->error = 0;
  }
  if (found != NULL)
    freeaddrinfo(found);
  it->done = true;
  pthread_cond_signal(&it->answered);
  leave(it);
}

static void wait_for(question *it, uint32_t ms) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += (time_t)(ms / MS);
  end.tv_nsec += (long)(ms % MS) * NS_PER_MS;
  if (end.tv_nsec >= NS) {
    end.tv_nsec -= NS;
    end.tv_sec++;
  }
  int over = 0;
  while (!it->done && over == 0)
    over = pthread_cond_timedwait(&it->answered, &it->mutex, &end);
}

static int32_t write_text(const tw_peer *peer, char *ip, size_t capacity) {
  char text[TW_MAX_ADDRESS + 1];
  uint32_t size = tw_peer_text(peer, text);
  if (size >= capacity)
    return TW_ERR_ARGUMENT;
  memcpy(ip, text, size);
  ip[size] = 0;
  return (int32_t)size;
}

int32_t tw_engine_resolve(const char *host, uint32_t ms, char *ip, size_t capacity) {
  size_t size = strnlen(host, TW_MAX_HOST + 1);
  tw_peer literal;
  if (size == 0 || size > TW_MAX_HOST)
    return TW_ERR_ARGUMENT;
  if (tw_peer_parse(&literal, host, (uint32_t)size, 0))
    return write_text(&literal, ip, capacity);
  question *it = calloc(1, sizeof *it);
  if (it == NULL)
    return TW_ERR_MEMORY;
  memcpy(it->name, host, size);
  pthread_mutex_init(&it->mutex, NULL);
  pthread_cond_init(&it->answered, NULL);
  pthread_mutex_lock(&it->mutex);
  int32_t error = tw_engine_spawn(answer, it);
  if (error != 0) {
    it->left = true;
    leave(it);
    return error;
  }
  wait_for(it, ms == 0 ? DEFAULT_MS : ms);
  error = it->done ? it->error : TW_ERR_TIMEOUT;
  if (error == 0)
    error = write_text(&it->found, ip, capacity);
  leave(it);
  return error;
}
