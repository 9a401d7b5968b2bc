/* A chat server with rooms, on two threads. Start it with a port, for example chat-server 8080, and open
 * http://localhost:8080/ in two windows; the room is the path: /kitchen.
 *
 * Each thread has a loop of its own, and both listen on the port: the system spreads the connections. A message goes to
 * the room's members on the same loop at once, and to those on the other one by tw_posix_post. There is no lock. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twinwire/tw_posix.h"

enum { LOOPS = 2, ROOM_NAME = 64, BUCKETS = 64 };

typedef struct room {
  char name[ROOM_NAME];
  int32_t *members;
  size_t count;
  size_t space;
  struct room *next;
} room;

/* What a thread has: only that thread touches it, but for `loop`, which is there before the threads serve. */
typedef struct worker {
  tw_posix_loop *loop;
  int32_t server;
  room *rooms[BUCKETS];
} worker;

static worker workers[LOOPS];
static _Thread_local worker *self;
static int32_t port;
static atomic_bool failed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t met = PTHREAD_COND_INITIALIZER;
static unsigned arrivals;

static const char page[] =
    "<!doctype html><meta charset=utf-8><title>chat</title><input autofocus placeholder='say "
    "something'><ul></ul><script>"
    "const ws = new WebSocket(location.href.replace('http', 'ws')), list = document.querySelector('ul');"
    "ws.onmessage = ({ data }) => { const li = document.createElement('li'); li.textContent = data; list.prepend(li); "
    "};"
    "document.querySelector('input').onchange = ({ target }) => { ws.send(target.value); target.value = ''; "
    "};</script>";

/* ---- Rooms ---------------------------------------------------------------------------------------------------- */

static room **find_room(const char *name) {
  unsigned hash = 0;
  for (const char *at = name; *at != 0; at++)
    hash = hash * 31 + (unsigned char)*at;
  room **link = &self->rooms[hash % BUCKETS];
  while (*link != NULL && strcmp((*link)->name, name) != 0)
    link = &(*link)->next;
  return link;
}

static room *join(const char *name, int32_t conn) {
  room **link = find_room(name);
  if (*link == NULL && (*link = calloc(1, sizeof **link)) == NULL)
    return NULL;
  room *it = *link;
  snprintf(it->name, sizeof it->name, "%s", name);
  if (it->count == it->space) {
    size_t space = it->space == 0 ? 8 : it->space * 2;
    int32_t *members = realloc(it->members, space * sizeof *members);
    if (members == NULL)
      return NULL; /* the room stays, without this one */
    it->members = members;
    it->space = space;
  }
  it->members[it->count++] = conn;
  return it;
}

static void leave(room *it, int32_t conn) {
  for (size_t i = 0; i < it->count; i++)
    if (it->members[i] == conn)
      it->members[i] = it->members[--it->count];
  if (it->count > 0)
    return;
  *find_room(it->name) = it->next;
  free(it->members);
  free(it);
}

/* ---- Messages ------------------------------------------------------------------------------------------------- */

/* On its way to the other loop. */
typedef struct parcel {
  char room[ROOM_NAME];
  size_t size;
  char text[];
} parcel;

static void deliver(void *ctx) {
  parcel *it = ctx;
  const room *to = *find_room(it->room);
  if (to != NULL)
    tw_ws_broadcast(to->members, to->count, false, it->text, it->size, NULL);
  free(it);
}

static void post_to_others(const room *from, const char *text, size_t size) {
  for (worker *other = workers; other < workers + LOOPS; other++) {
    parcel *it = other == self ? NULL : malloc(sizeof *it + size);
    if (it == NULL)
      continue;
    memcpy(it->room, from->name, sizeof it->room);
    memcpy(it->text, text, size);
    it->size = size;
    if (!tw_posix_post(other->loop, deliver, it)) {
      fprintf(stderr, "a message was lost: too much waits for the other thread\n");
      free(it);
    }
  }
}

static void on_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  const room *it = tw_user(e->conn);
  if (e->binary)
    return;
  tw_ws_broadcast(it->members, it->count, false, e->message, e->size, NULL);
  post_to_others(it, e->message, e->size);
}

static void on_disconnected(const WsDisconnected *e, void *ctx) {
  (void)ctx;
  leave(tw_user(e->conn), e->conn);
}

/* ---- Requests ------------------------------------------------------------------------------------------------- */

static void on_request(const HttpRequest *e, void *ctx) {
  (void)ctx;
  if (!e->upgrade) {
    tw_http_respond(e->sock, 200, "text/html", page, sizeof page - 1);
  } else if (strlen(e->target) >= ROOM_NAME) {
    tw_http_respond(e->sock, 414, NULL, NULL, 0);
  } else {
    static const tw_ws_accept_options accept = {
        .heartbeat_interval_ms = 30000, .heartbeat_timeout_ms = 10000, .max_message = 4096};
    room *it = join(e->target, e->sock);
    if (it == NULL) {
      tw_http_respond(e->sock, 503, NULL, NULL, 0);
    } else if (tw_ws_accept(e->sock, &accept) < 0) {
      leave(it, e->sock);
      tw_http_respond(e->sock, 503, NULL, NULL, 0);
    } else {
      tw_set_user(e->sock, it);
    }
  }
}

/* ---- Threads -------------------------------------------------------------------------------------------------- */

static void on_listening(const NetConnected *e, void *ctx) {
  (void)ctx;
  char address[TW_MAX_ADDRESS + 1];
  tw_net_local_addr(e->sock, address, sizeof address);
  printf("listening on %s\n", address);
}

static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  fprintf(stderr, "%s: %s; %s\n", tw_error_name(e->code), tw_error_text(e->code), tw_error_advice(e->code));
  if (e->retry_ms < 0)
    atomic_store(&failed, true), raise(SIGTERM);
}

/* Waits until every thread has come here. */
static void meet(void) {
  pthread_mutex_lock(&lock);
  unsigned wanted = (arrivals / LOOPS + 1) * LOOPS;
  if (++arrivals == wanted)
    pthread_cond_broadcast(&met);
  while (arrivals < wanted)
    pthread_cond_wait(&met, &lock);
  pthread_mutex_unlock(&lock);
}

static void begin(worker *it) {
  const tw_posix_options options = {.reuse_port = true};
  self = it;
  if (tw_posix_start(&options) < 0) {
    fprintf(stderr, "%s\n", tw_error_text(tw_last_error()));
    exit(1);
  }
  it->loop = tw_posix_current();
}

static void serve(void) {
  self->server = tw_http_listen("127.0.0.1", port, NULL);
  tw_net_on(self->server, on_listening, NULL);
  tw_net_on(self->server, on_error, NULL);
  tw_http_on(self->server, on_request, NULL);
  tw_ws_on(self->server, on_message, NULL);
  tw_ws_on(self->server, on_disconnected, NULL);
}

static void *second_thread(void *ctx) {
  begin(ctx);
  meet(); /* both loops exist: messages can be posted */
  meet(); /* the port is known */
  serve();
  tw_runtime_keep_alive();
  meet(); /* nothing is posted any more */
  tw_poll(0);
  tw_posix_stop();
  return NULL;
}

static void stop(void *ctx) {
  (void)ctx;
  tw_runtime_exit(0);
}

/* tw_posix_post may be called from a signal handler. */
static void on_signal(int number) {
  (void)number;
  for (worker *it = workers; it < workers + LOOPS; it++)
    tw_posix_post(it->loop, stop, NULL);
}

/* A port that the system chooses has to be known before the second thread can listen on it, too. */
static void await_port(void) {
  char address[TW_MAX_ADDRESS + 1];
  while (tw_net_state(self->server) == TW_STATE_CONNECTING)
    tw_poll(TW_FOREVER);
  tw_net_local_addr(self->server, address, sizeof address);
  const char *colon = strrchr(address, ':');
  if (colon != NULL)
    port = (int32_t)strtol(colon + 1, NULL, 10);
}

int main(int argc, char **argv) {
  pthread_t thread;
  port = argc > 1 ? (int32_t)strtol(argv[1], NULL, 10) : 8080;
  setvbuf(stdout, NULL, _IOLBF, 0);
  begin(&workers[0]);
  if (pthread_create(&thread, NULL, second_thread, &workers[1]) != 0)
    return 1;
  meet();
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  serve();
  await_port();
  meet();
  tw_runtime_keep_alive();
  meet();
  tw_poll(0); /* what was posted last */
  tw_posix_stop();
  pthread_join(thread, NULL);
  return atomic_load(&failed);
}
