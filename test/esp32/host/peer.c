/* peer.c: see peer.h. Compiled twice, with peer_linux.h and with peer_lwip.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include PEER_SOCKETS

#include "peer.h"
#include "twinwire/core.h"

enum { CHUNK = 4096, GUID_SIZE = 36, KEY_SIZE = 24 };

typedef struct session {
  peer *of;
  int fd;
} session;

static bool send_all(int fd, const void *data, uint32_t size) {
  const char *from = data;
  while (size > 0) {
    long done = (long)p_send(fd, from, size);
    if (done <= 0)
      return false;
    from += done;
    size -= (uint32_t)done;
  }
  return true;
}

static bool receive_all(int fd, void *data, uint32_t size) {
  char *to = data;
  while (size > 0) {
    long got = (long)p_recv(fd, to, size);
    if (got <= 0)
      return false;
    to += got;
    size -= (uint32_t)got;
  }
  return true;
}

static void nap(long ms) {
  struct timespec time = {0, ms * 1000000};
  nanosleep(&time, NULL);
}

static void echo(int fd) {
  char bytes[CHUNK];
  long got;
  while ((got = (long)p_recv(fd, bytes, sizeof bytes)) > 0 && send_all(fd, bytes, (uint32_t)got))
    ;
}

/* A close with bytes unread resets in lwIP; Linux is asked to. */
static void reset(int fd) {
  char byte;
  struct linger at_once = {1, 0};
  (void)p_recv(fd, &byte, 1);
  p_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void read_slowly(peer *it, int fd) {
  char bytes[1000];
  long got;
  while ((got = (long)p_recv(fd, bytes, sizeof bytes)) > 0) {
    it->received += (uint32_t)got;
    nap(2);
  }
}

static void send_pattern(const peer *it, int fd) {
  uint8_t bytes[CHUNK];
  for (uint32_t at = 0; at < it->amount;) {
    uint32_t size = it->amount - at < CHUNK ? it->amount - at : CHUNK;
    for (uint32_t i = 0; i < size; i++)
      bytes[i] = peer_pattern(at + i);
    if (!send_all(fd, bytes, size))
      return;
    at += size;
  }
}

static void sink(peer *it, int fd) {
  char bytes[CHUNK];
  long got;
  uint32_t total = 0;
  while ((got = (long)p_recv(fd, bytes, sizeof bytes)) > 0)
    total += (uint32_t)got;
  it->received += total;
  int size = snprintf(bytes, sizeof bytes, "%u", (unsigned)total);
  send_all(fd, bytes, (uint32_t)size);
}

/* ---- WebSocket, RFC 6455: what a client that sends whole messages below 64 KiB needs ---- */

static bool shake_hands(int fd) {
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char head[2048];
  char answer[256];
  uint32_t size = 0;
  do {
    if (size == sizeof head - 1 || p_recv(fd, head + size, 1) != 1)
      return false;
    head[++size] = '\0';
  } while (strstr(head, "\r\n\r\n") == NULL);
  const char *key = strstr(head, "Sec-WebSocket-Key: ");
  if (key == NULL)
    return false;
  char joined[KEY_SIZE + GUID_SIZE];
  uint8_t digest[20];
  char accept[29] = {0};
  memcpy(joined, key + strlen("Sec-WebSocket-Key: "), KEY_SIZE);
  memcpy(joined + KEY_SIZE, guid, GUID_SIZE);
  twc_sha1(joined, sizeof joined, digest);
  twc_base64(digest, sizeof digest, accept);
  int length = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
  return send_all(fd, answer, (uint32_t)length);
}

static bool echo_frame(int fd) {
  uint8_t head[4];
  uint8_t mask[4];
  if (!receive_all(fd, head, 2))
    return false;
  uint32_t size = head[1] & 0x7f;
  uint32_t head_size = size == 126 ? 4 : 2;
  if (size == 126) {
    if (!receive_all(fd, head + 2, 2))
      return false;
    size = (uint32_t)head[2] << 8 | head[3];
  }
  uint8_t *frame = malloc(head_size + size);
  uint8_t *payload = frame + head_size;
  bool done = receive_all(fd, mask, 4) && receive_all(fd, payload, size);
  for (uint32_t i = 0; i < size; i++)
    payload[i] ^= mask[i % 4];
  bool close = (head[0] & 0x0f) == 8;
  if ((head[0] & 0x0f) == 9)
    head[0] = 0x8a; /* a pong for a ping */
  head[1] &= 0x7f;
  memcpy(frame, head, head_size);
  done = done && send_all(fd, frame, head_size + size);
  free(frame);
  return done && !close;
}

static void serve_websocket(int fd) {
  if (!shake_hands(fd))
    return;
  while (echo_frame(fd))
    ;
}

/* ---- Sessions ---- */

static void *run_session(void *argument) {
  session it = *(session *)argument;
  free(argument);
  switch (it.of->kind) {
  case PEER_ECHO:
    echo(it.fd);
    break;
  case PEER_RESET:
    reset(it.fd);
    break;
  case PEER_SLOW:
    read_slowly(it.of, it.fd);
    break;
  case PEER_SOURCE:
    send_pattern(it.of, it.fd);
    break;
  case PEER_SINK:
    sink(it.of, it.fd);
    break;
  case PEER_WEBSOCKET:
    serve_websocket(it.fd);
    break;
  default:
    break;
  }
  p_close(it.fd);
  return NULL;
}

static void begin(void *(*run)(void *), void *argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, argument) != 0)
    abort();
  pthread_detach(thread);
}

static void *accept_all(void *argument) {
  peer *it = argument;
  int listener = it->fd;
  for (;;) {
    int fd = p_accept(listener, NULL, NULL);
    if (fd < 0)
      return NULL;
    it->accepted++;
    session *one = malloc(sizeof *one);
    *one = (session){it, fd};
    begin(run_session, one);
  }
}

/* ---- Datagrams ---- */

/* RFC 1035 4: answers the one question of `packet`. Returns the bytes to send back, -1: none. */
static long answer_question(const peer *it, uint8_t *packet, uint32_t size) {
  static const uint8_t peer_test[] = "\4peer\4test";
  static const uint8_t slow_test[] = "\4slow\4test";
  static const uint8_t nowhere_test[] = "\7nowhere\4test";
  uint32_t end = 12;
  while (end < size && packet[end] != 0)
    end += packet[end] + 1u;
  end += 5;
  if (end > size || end + 16 > 512)
    return -1;
  bool slow = memcmp(packet + 12, slow_test, sizeof slow_test) == 0;
  bool known = slow || memcmp(packet + 12, peer_test, sizeof peer_test) == 0;
  if (slow)
    nap(200);
  if (!known && memcmp(packet + 12, nowhere_test, sizeof nowhere_test) != 0)
    return -1;
  bool ip4 = packet[end - 3] == 1;
  packet[2] = 0x84;
  packet[3] = known ? 0 : 3; /* NXDOMAIN */
  packet[7] = known && ip4;
  memset(packet + 8, 0, 4);
  if (!known || !ip4)
    return end;
  static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4};
  in_addr_t address = p_address(it->answer);
  memcpy(packet + end, record, sizeof record);
  memcpy(packet + end + sizeof record, &address, 4);
  return (long)(end + sizeof record + 4);
}

static void *serve_datagrams(void *argument) {
  peer *it = argument;
  int fd = it->fd;
  uint8_t packet[CHUNK];
  for (;;) {
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    long got = (long)p_recvfrom(fd, packet, sizeof packet, 0, (struct sockaddr *)&from, &from_size);
    if (got < 0)
      return NULL;
    it->received += (uint32_t)got;
    long size = it->kind == PEER_DNS ? answer_question(it, packet, (uint32_t)got) : got;
    if (size >= 0)
      p_sendto(fd, packet, (size_t)size, 0, (struct sockaddr *)&from, from_size);
  }
}

/* ---- The calls ---- */

static struct sockaddr_in address_of(const char *text, uint16_t port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = p_htons(port);
  address.sin_addr.s_addr = text == NULL ? 0 : p_address(text);
  return address;
}

static bool start(peer *it) {
  bool udp = it->kind == PEER_UDP || it->kind == PEER_DNS;
  struct sockaddr_in address = address_of(NULL, it->port);
  socklen_t size = sizeof address;
  int on = 1;
  it->fd = p_socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
  it->accepted = 0;
  it->received = 0;
  p_setsockopt(it->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (it->fd < 0 || p_bind(it->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      (!udp && p_listen(it->fd, 5) != 0) || p_getsockname(it->fd, (struct sockaddr *)&address, &size) != 0)
    return false;
  it->port = p_ntohs(address.sin_port);
  begin(udp ? serve_datagrams : accept_all, it);
  return true;
}

static void stop(peer *it) {
  p_close_listener(it->fd);
  it->fd = -1;
}

static bool talk(const char *text, uint16_t port, const void *data, uint32_t size) {
  struct sockaddr_in address = address_of(text, port);
  struct timeval soon = {5, 0};
  char *back = malloc(size);
  int fd = p_socket(AF_INET, SOCK_STREAM, 0);
  p_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  bool same = p_connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && send_all(fd, data, size) &&
              receive_all(fd, back, size) && memcmp(data, back, size) == 0;
  p_close(fd);
  free(back);
  return same;
}

const peer_calls PEER(calls) = {start, stop, talk};
