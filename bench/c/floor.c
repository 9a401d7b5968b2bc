/* floor.c: the least that a server has to do, an epoll loop that reads and writes: what the system itself costs.
 *
 *   floor tcp   echoes bytes; prints its port
 *   floor ws    answers the handshake, then unmasks and echoes frames of less than 126 bytes */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FD = 20000, BATCH = 512, BUFFER = 65536 };

static bool is_open[MAX_FD]; /* a WebSocket whose handshake is done */
static char buffer[BUFFER];
static char out[BUFFER];

static size_t handshake(const char *head) {
  static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char text[128];
  unsigned char digest[SHA_DIGEST_LENGTH];
  unsigned char accept[64];
  const char *key = strstr(head, "Sec-WebSocket-Key: ");
  if (key == NULL)
    return 0;
  int size = snprintf(text, sizeof text, "%.24s%s", key + 19, magic);
  SHA1((unsigned char *)text, (size_t)size, digest);
  EVP_EncodeBlock(accept, digest, sizeof digest);
  return (size_t)snprintf(out, sizeof out,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %s\r\n\r\n",
                          accept);
}

/* Whole frames are expected in one read. */
static size_t echo_frames(const char *data, size_t size) {
  size_t done = 0;
  for (size_t at = 0; at + 6 <= size;) {
    size_t length = (unsigned char)data[at + 1] & 127u;
    const char *mask = data + at + 2;
    out[done++] = data[at];
    out[done++] = (char)length;
    for (size_t i = 0; i < length; i++)
      out[done++] = (char)(data[at + 6 + i] ^ mask[i & 3]);
    at += 6 + length;
  }
  return done;
}

static void serve(int fd, bool web_socket) {
  ssize_t got = read(fd, buffer, sizeof buffer - 1);
  if (got <= 0) {
    is_open[fd] = false;
    close(fd);
    return;
  }
  buffer[got] = 0;
  const char *data = buffer;
  size_t size = (size_t)got;
  if (web_socket) {
    size = is_open[fd] ? echo_frames(buffer, size) : handshake(buffer);
    is_open[fd] = true;
    data = out;
  }
  if (write(fd, data, size) < 0)
    close(fd);
}

int main(int argc, char **argv) {
  bool web_socket = argc > 1 && strcmp(argv[1], "ws") == 0;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof at;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int poller = epoll_create1(0);
  if (bind(listener, (struct sockaddr *)&at, size) < 0 || listen(listener, 1024) < 0)
    return 1;
  getsockname(listener, (struct sockaddr *)&at, &size);
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(poller, events, BATCH, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.fd != listener) {
        serve(events[i].data.fd, web_socket);
        continue;
      }
      for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
        if (fd >= MAX_FD || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
          close(fd);
      }
    }
  }
}
