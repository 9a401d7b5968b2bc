/* kqueue.c: the poller of macOS and the BSDs. */
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>

#include <sys/event.h>
#include <sys/time.h>
#include <unistd.h>

#include "memory.h"
#include "poller.h"

enum { MOST_READY = 256 };

struct tw_poller {
  int fd;
  uint32_t count; /* of the last wait */
  tw_ready ready[MOST_READY];
  struct kevent events[MOST_READY];
};

tw_poller *tw_poller_new(void) {
  tw_poller *poller = tw_posix_resize(NULL, sizeof *poller);
  if (poller == NULL)
    return NULL;
  poller->count = 0;
  poller->fd = kqueue();
  if (poller->fd >= 0)
    return poller;
  tw_posix_free(poller);
  return NULL;
}

void tw_poller_free(tw_poller *poller) {
  close(poller->fd);
  tw_posix_free(poller);
}

int tw_poller_fd(const tw_poller *poller) { return poller->fd; }

/* Both filters are there from the start, and are turned on and off: that takes no memory, so it can't fail. */
static int control(const tw_poller *poller, tw_watch *watch, unsigned add) {
  struct kevent changes[2];
  unsigned reads = (watch->wanted & TW_READABLE) != 0 ? EV_ENABLE : EV_DISABLE;
  unsigned writes = (watch->wanted & TW_WRITABLE) != 0 ? EV_ENABLE : EV_DISABLE;
  EV_SET(&changes[0], (uintptr_t)watch->fd, EVFILT_READ, (unsigned short)(add | reads), 0, 0, watch);
  EV_SET(&changes[1], (uintptr_t)watch->fd, EVFILT_WRITE, (unsigned short)(add | writes), 0, 0, watch);
  return kevent(poller->fd, changes, 2, NULL, 0, NULL);
}

bool tw_poller_add(tw_poller *poller, tw_watch *watch, int fd, uint8_t wanted) {
  watch->fd = fd;
  watch->wanted = wanted;
  watch->ready = TW_NOT_READY;
  if (control(poller, watch, EV_ADD) == 0)
    return true;
  watch->fd = -1;
  return false;
}

void tw_poller_change(tw_poller *poller, tw_watch *watch, uint8_t wanted) {
  if (watch->fd < 0 || watch->wanted == wanted)
    return;
  watch->wanted = wanted;
  control(poller, watch, EV_ADD);
}

/* A descriptor can be in the list once for each filter: `ready` is the first of them, and the second follows it. */
static void forget_ready(tw_poller *poller, tw_watch *watch) {
  for (uint32_t i = watch->ready; i < poller->count; i++)
    if (poller->ready[i].watch == watch)
      poller->ready[i].watch = NULL;
  watch->ready = TW_NOT_READY;
}

void tw_poller_move(tw_poller *poller, tw_watch *from, tw_watch *to, uint8_t wanted) {
  forget_ready(poller, from);
  to->fd = from->fd;
  to->wanted = wanted;
  to->ready = TW_NOT_READY;
  from->fd = -1;
  control(poller, to, EV_ADD);
}

int tw_poller_remove(tw_poller *poller, tw_watch *watch) {
  int fd = watch->fd;
  if (fd < 0)
    return -1;
  forget_ready(poller, watch);
  struct kevent changes[2];
  EV_SET(&changes[0], (uintptr_t)fd, EVFILT_READ, EV_DELETE, 0, 0, NULL);
  EV_SET(&changes[1], (uintptr_t)fd, EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
  kevent(poller->fd, changes, 2, NULL, 0, NULL);
  watch->fd = -1;
  return fd;
}

uint32_t tw_poller_wait(tw_poller *poller, int ms, tw_ready **ready) {
  for (uint32_t i = 0; i < poller->count; i++)
    if (poller->ready[i].watch != NULL)
      poller->ready[i].watch->ready = TW_NOT_READY;
  struct timespec patience = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  int count = kevent(poller->fd, NULL, 0, poller->events, MOST_READY, ms < 0 ? NULL : &patience);
  poller->count = count < 0 ? 0 : (uint32_t)count;
  for (uint32_t i = 0; i < poller->count; i++) {
    tw_watch *watch = poller->events[i].udata;
    bool reads = poller->events[i].filter == EVFILT_READ;
    if (watch->ready == TW_NOT_READY)
      watch->ready = i;
    poller->ready[i] = (tw_ready){watch, reads ? TW_READABLE : TW_WRITABLE};
  }
  *ready = poller->ready;
  return poller->count;
}
