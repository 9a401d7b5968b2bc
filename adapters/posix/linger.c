/* linger.c: closed connections whose peer has not ended yet. close(2) while bytes lie unread, or are still to come, is
 * a reset, and would take from the peer what it has not read. So the descriptor is kept, and what comes is discarded,
 * until the peer has ended as well or the time is over. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "posix.h"

enum { READS_PER_ITERATION = 8 };

typedef struct tw_linger {
  tw_watch watch; /* first: a watch of kind TW_WATCH_LINGER is its linger */
  tw_timer timer; /* when it is closed, whatever its peer does */
  tw_tls *tls;    /* whose last words are still to be written, or NULL */
  struct tw_linger *next;
  struct tw_linger **link; /* what points to it */
} tw_linger;

bool tw_posix_end_half(int fd, tw_tls *tls) {
  if (tls != NULL && !tw_tls_finish(tls))
    return false;
  shutdown(fd, SHUT_WR);
  return true;
}

static void end(tw_linger *it) {
  tw_timer_disarm(&tw_host.timers, &it->timer);
  int fd = tw_poller_remove(tw_host.poller, &it->watch);
  if (it->tls != NULL)
    tw_tls_free(it->tls);
  if (fd >= 0)
    close(fd);
  *it->link = it->next;
  if (it->next != NULL)
    it->next->link = it->link;
  tw_posix_free(it);
}

static void expired(tw_timer *timer) { end((tw_linger *)((char *)timer - offsetof(tw_linger, timer))); }

static uint8_t wanted(const tw_linger *it) { return TW_READABLE | (it->tls != NULL ? TW_WRITABLE : 0); }

void tw_posix_linger(int fd, tw_tls *tls) {
  tw_linger *it = tw_posix_zeroed(1, sizeof *it);
  if (it == NULL) {
    if (tls != NULL)
      tw_tls_free(tls);
    close(fd);
    return;
  }
  it->watch = (tw_watch){.fd = -1, .kind = TW_WATCH_LINGER, .ready = TW_NOT_READY};
  it->tls = tls;
  it->link = &tw_host.lingers;
  it->next = tw_host.lingers;
  if (it->next != NULL)
    it->next->link = &it->next;
  tw_host.lingers = it;
  uint64_t until = tw_posix_clock() + tw_host.limits.closeTimeoutMs;
  bool watched = tw_poller_add(tw_host.poller, &it->watch, fd, wanted(it));
  if (!watched)
    close(fd);
  if (!watched || !tw_timer_arm(&tw_host.timers, &it->timer, until, expired))
    end(it);
}

void tw_posix_linger_ready(tw_watch *watch) {
  static _Thread_local char waste[16384];
  tw_linger *it = (tw_linger *)watch;
  if (it->tls != NULL && tw_posix_end_half(watch->fd, it->tls)) {
    tw_tls_free(it->tls);
    it->tls = NULL;
    tw_poller_change(tw_host.poller, watch, wanted(it));
  }
  for (int i = 0; i < READS_PER_ITERATION; i++) {
    ssize_t got = recv(watch->fd, waste, sizeof waste, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
      return;
    if (got <= 0) {
      end(it);
      return;
    }
  }
}

void tw_posix_linger_stop(void) {
  while (tw_host.lingers != NULL)
    end(tw_host.lingers);
}
