/* pairs.h: what the programs of conn.h have in common: peers that use the system's sockets alone. */
#ifndef TW_TEST_PAIRS_H
#define TW_TEST_PAIRS_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

enum { SOON = 100, LONG = 20000, MIB = 1048576 };

/* A listening socket of the system's, and its address as text. */
static inline int system_listener(char *address, size_t capacity) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 64) < 0 ||
      getsockname(fd, (struct sockaddr *)&at, &size) < 0)
    abort();
  snprintf(address, capacity, "127.0.0.1:%d", ntohs(at.sin_port));
  return fd;
}

static inline void *echo(void *ctx) {
  int fd = accept(*(int *)ctx, NULL, NULL);
  char data[4096];
  for (ssize_t got = read(fd, data, sizeof data); got > 0; got = read(fd, data, sizeof data))
    if (write(fd, data, (size_t)got) != got)
      break;
  close(fd);
  return NULL;
}

/* A connection of ours and the system's socket at its other end. */
typedef struct pair {
  int32_t conn;
  int peer;
} pair;

static inline pair make_pair_with(const tw_dial_options *options) {
  char address[TW_MAX_ADDRESS + 1];
  int listener = system_listener(address, sizeof address);
  pair it = {tw_dial("tcp", address, options), -1};
  CHECK(it.conn > 0);
  it.peer = accept(listener, NULL, NULL);
  close(listener);
  return it;
}

static inline pair make_pair(void) { return make_pair_with(NULL); }

static inline void end_pair(pair it) {
  CHECK_IS(0, tw_conn_close(it.conn));
  close(it.peer);
}

static inline bool says(const char *text) {
  if (strstr(tw_last_error_message(), text) != NULL)
    return true;
  printf("message: %s\n", tw_last_error_message());
  return false;
}

#endif
