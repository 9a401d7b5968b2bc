/* epoll.c: the poller of Linux. A wait costs what is ready, however many descriptors there are. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "memory.h"
#include "poller.h"

enum { MOST_READY = 256 };

struct tw_poller {
  int fd;
  uint32_t count; /* of the last wait */
  tw_ready ready[MOST_READY];
  struct epoll_event events[MOST_READY];
};

tw_poller *tw_poller_new(void) {
  tw_poller *poller = tw_posix_resize(NULL, sizeof *poller);
  if (poller == NULL)
    return NULL;
  poller->count = 0;
  poller->fd = epoll_create1(EPOLL_CLOEXEC);
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

/* Errors and hang-ups are always reported: where nothing is wanted, only the change, so that none is repeated. */
static int control(const tw_poller *poller, int operation, tw_watch *watch) {
  struct epoll_event event = {.data.ptr = watch};
  if (watch->wanted == 0)
    event.events = EPOLLET;
  if ((watch->wanted & TW_READABLE) != 0)
    event.events |= EPOLLIN;
  if ((watch->wanted & TW_WRITABLE) != 0)
    event.events |= EPOLLOUT;
  return epoll_ctl(poller->fd, operation, watch->fd, &event);
}

bool tw_poller_add(tw_poller *poller, tw_watch *watch, int fd, uint8_t wanted) {
  watch->fd = fd;
  watch->wanted = wanted;
  watch->ready = TW_NOT_READY;
  if (control(poller, EPOLL_CTL_ADD, watch) == 0)
    return true;
  watch->fd = -1;
  return false;
}

void tw_poller_change(tw_poller *poller, tw_watch *watch, uint8_t wanted) {
  if (watch->fd < 0 || watch->wanted == wanted)
    return;
  watch->wanted = wanted;
  control(poller, EPOLL_CTL_MOD, watch);
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
  to->ready = TW_NOT_READY;
  from->fd = -1;
  control(poller, EPOLL_CTL_MOD, to);
}

int tw_poller_remove(tw_poller *poller, tw_watch *watch) {
  int fd = watch->fd;
  if (fd < 0)
    return -1;
  forget_ready(poller, watch);
  epoll_ctl(poller->fd, EPOLL_CTL_DEL, fd, &(struct epoll_event){0});
  watch->fd = -1;
  return fd;
}

uint32_t tw_poller_wait(tw_poller *poller, int ms, tw_ready **ready) {
  for (uint32_t i = 0; i < poller->count; i++)
    if (poller->ready[i].watch != NULL)
      poller->ready[i].watch->ready = TW_NOT_READY;
  int count = epoll_wait(poller->fd, poller->events, MOST_READY, ms);
  poller->count = count < 0 ? 0 : (uint32_t)count; /* a signal, at most */
  for (uint32_t i = 0; i < poller->count; i++) {
    uint32_t events = poller->events[i].events;
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    tw_watch *watch = poller->events[i].data.ptr;
    watch->ready = i;
    poller->ready[i] = (tw_ready){watch, (uint8_t)((broken || (events & EPOLLIN) != 0 ? TW_READABLE : 0) |
                                                   (broken || (events & EPOLLOUT) != 0 ? TW_WRITABLE : 0))};
  }
  *ready = poller->ready;
  return poller->count;
}
