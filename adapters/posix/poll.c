/* poll.c: the poller of systems that have nothing better. A wait costs what is watched. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "memory.h"
#include "poller.h"

enum { FIRST_ROOM = 64 };

struct tw_poller {
  struct pollfd *polled;
  tw_watch **watches; /* at the same places */
  tw_ready *ready;
  uint32_t room;
  uint32_t watched;
  uint32_t count; /* of the last wait */
};

tw_poller *tw_poller_new(void) { return tw_posix_zeroed(1, sizeof(tw_poller)); }

void tw_poller_free(tw_poller *poller) {
  tw_posix_free(poller->polled);
  tw_posix_free(poller->watches);
  tw_posix_free(poller->ready);
  tw_posix_free(poller);
}

int tw_poller_fd(const tw_poller *poller) {
  (void)poller;
  return -1;
}

static void *resized(void *memory, uint32_t count, size_t size, bool *right) {
  void *grown = tw_posix_resize(memory, count * size);
  *right = *right && grown != NULL;
  return grown == NULL ? memory : grown;
}

static bool grow(tw_poller *poller) {
  uint32_t room = poller->room == 0 ? FIRST_ROOM : poller->room * 2;
  bool right = true;
  poller->polled = resized(poller->polled, room, sizeof *poller->polled, &right);
  poller->watches = resized(poller->watches, room, sizeof(tw_watch *), &right);
  poller->ready = resized(poller->ready, room, sizeof *poller->ready, &right);
  if (right)
    poller->room = room;
  return right;
}

/* A hang-up is reported even where nothing is wanted: poll passes over descriptors below 0. */
static void put(tw_poller *poller, tw_watch *watch) {
  short events =
      (short)(((watch->wanted & TW_READABLE) != 0 ? POLLIN : 0) | ((watch->wanted & TW_WRITABLE) != 0 ? POLLOUT : 0));
  poller->polled[watch->place] = (struct pollfd){.fd = events == 0 ? -1 : watch->fd, .events = events};
  poller->watches[watch->place] = watch;
}

bool tw_poller_add(tw_poller *poller, tw_watch *watch, int fd, uint8_t wanted) {
  if (poller->watched == poller->room && !grow(poller)) {
    errno = ENOMEM;
    return false;
  }
  watch->fd = fd;
  watch->wanted = wanted;
  watch->place = poller->watched++;
  watch->ready = TW_NOT_READY;
  put(poller, watch);
  return true;
}

void tw_poller_change(tw_poller *poller, tw_watch *watch, uint8_t wanted) {
  if (watch->fd < 0 || watch->wanted == wanted)
    return;
  watch->wanted = wanted;
  put(poller, watch);
}

static void forget_ready(tw_poller *poller, tw_watch *watch) {
  if (watch->ready < poller->count)
    poller->ready[watch->ready].watch = NULL;
  watch->ready = TW_NOT_READY;
}

void tw_poller_move(tw_poller *poller, tw_watch *from, tw_watch *to, uint8_t wanted) {
  forget_ready(poller, from);
  to->fd = from->fd;
  to->wanted = wanted;
  to->place = from->place;
  to->ready = TW_NOT_READY;
  from->fd = -1;
  put(poller, to);
}

int tw_poller_remove(tw_poller *poller, tw_watch *watch) {
  int fd = watch->fd;
  if (fd < 0)
    return -1;
  forget_ready(poller, watch);
  tw_watch *last = poller->watches[--poller->watched];
  last->place = watch->place;
  put(poller, last);
  watch->fd = -1;
  return fd;
}

uint32_t tw_poller_wait(tw_poller *poller, int ms, tw_ready **ready) {
  for (uint32_t i = 0; i < poller->count; i++)
    if (poller->ready[i].watch != NULL)
      poller->ready[i].watch->ready = TW_NOT_READY;
  poller->count = 0;
  int happened = poll(poller->polled, poller->watched, ms);
  for (uint32_t i = 0; i < poller->watched && happened > 0; i++) {
    short events = poller->polled[i].revents;
    if (poller->polled[i].fd < 0 || events == 0)
      continue;
    bool broken = (events & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    tw_watch *watch = poller->watches[i];
    watch->ready = poller->count;
    poller->ready[poller->count++] =
        (tw_ready){watch, (uint8_t)((broken || (events & POLLIN) != 0 ? TW_READABLE : 0) |
                                    (broken || (events & POLLOUT) != 0 ? TW_WRITABLE : 0))};
  }
  *ready = poller->ready;
  return poller->count;
}
