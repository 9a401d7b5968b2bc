/* peer.c: servers in tasks of their own, with blocking sockets of the same lwIP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_netif.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "host_test.h"
#include "lwip/dns.h"
#include "lwip/sockets.h"
#include "twinwire/core.h"

enum { CHUNK = 4096, MAX_PEERS = 8, STACK = 16384, PRIORITY = 5, BACKLOG = 5, DNS_PORT = 53, RECEIVE_TIMEOUT_S = 60 };

typedef struct server {
  peer_kind kind;
  int fd;
} server;

typedef struct session {
  peer_kind kind;
  int fd;
} session;

static void begin_task(void (*code)(void *), void *argument) {
  if (xTaskCreate(code, "peer", STACK, argument, PRIORITY, NULL) != pdPASS)
    abort();
}

/* ---- Sockets ---- */

static bool receive_all(void *context, void *data, size_t size) {
  char *to = data;
  while (size > 0) {
    ssize_t got = lwip_recv(*(int *)context, to, size, 0);
    if (got <= 0)
      return false;
    to += got;
    size -= (size_t)got;
  }
  return true;
}

static bool send_all(void *context, const void *data, size_t size) {
  const char *from = data;
  while (size > 0) {
    ssize_t done = lwip_send(*(int *)context, from, size, 0);
    if (done <= 0)
      return false;
    from += done;
    size -= (size_t)done;
  }
  return true;
}

static void echo(int fd) {
  char bytes[CHUNK];
  ssize_t got;
  while ((got = lwip_recv(fd, bytes, sizeof bytes, 0)) > 0 && send_all(&fd, bytes, (size_t)got))
    ;
}

/* ---- WebSocket, RFC 6455: as much as a client needs that sends whole messages below 64 KiB ---- */

/* Reads the request's head and sends the 101 with its Sec-WebSocket-Accept, section 4.2.2. */
static bool accept_handshake(const stream *it) {
  static const char name[] = "Sec-WebSocket-Key: ", guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  enum { KEY = 24, DIGEST = 20, ACCEPT = 28 };
  char head[2048];
  size_t size = 0;
  do {
    if (size == sizeof head - 1 || !it->receive(it->context, head + size, 1))
      return false;
    head[++size] = '\0';
  } while (strstr(head, "\r\n\r\n") == NULL);
  const char *key = strstr(head, name);
  if (key == NULL)
    return false;
  char joined[KEY + sizeof guid - 1];
  uint8_t digest[DIGEST];
  char accept[ACCEPT + 1] = {0};
  memcpy(joined, key + sizeof name - 1, KEY);
  memcpy(joined + KEY, guid, sizeof guid - 1);
  twc_sha1(joined, sizeof joined, digest);
  twc_base64(digest, sizeof digest, accept);
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
  return it->send(it->context, head, (size_t)length);
}

/* Reads a frame and returns its payload with the same opcode, unmasked. */
static bool return_frame(const stream *it) {
  static const uint8_t close_opcode = 0x8, lengths = 126;
  uint8_t header[4], mask[4];
  if (!it->receive(it->context, header, 2))
    return false;
  size_t size = header[1] & 0x7f;
  bool is_long = size == lengths;
  if (size > lengths || (is_long && !it->receive(it->context, header + 2, 2)))
    return false;
  if (is_long)
    size = (size_t)header[2] << 8 | header[3];
  uint8_t *payload = malloc(size + 1);
  bool done = payload != NULL && it->receive(it->context, mask, sizeof mask) && it->receive(it->context, payload, size);
  for (size_t i = 0; done && i < size; i++)
    payload[i] ^= mask[i % 4];
  header[1] &= 0x7f;
  done = done && it->send(it->context, header, is_long ? 4 : 2) && it->send(it->context, payload, size);
  free(payload);
  return done && (header[0] & 0xf) != close_opcode;
}

void peer_serve_websocket(const stream *it) {
  if (!accept_handshake(it))
    return;
  while (return_frame(it))
    ;
}

/* ---- Serving ---- */

static void wait_for_end(int fd) {
  char byte;
  while (lwip_recv(fd, &byte, 1, 0) > 0)
    ;
}

static void serve(void *argument) {
  session it = *(session *)argument;
  free(argument);
  struct timeval soon = {.tv_sec = RECEIVE_TIMEOUT_S};
  lwip_setsockopt(it.fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  int on = 1; /* else the second half of a frame waits for lwIP's timer: a quarter of a second */
  lwip_setsockopt(it.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  switch (it.kind) {
  case PEER_ECHO:
    echo(it.fd);
    break;
  case PEER_SILENT:
    wait_for_end(it.fd);
    break;
  case PEER_WEBSOCKET:
    peer_serve_websocket(&(stream){receive_all, send_all, &it.fd});
    break;
  case PEER_TLS:
    tls_peer_serve(it.fd);
    break;
  }
  lwip_close(it.fd);
  vTaskDelete(NULL);
}

static void accept_all(void *argument) {
  const server *it = argument;
  for (;;) {
    int fd = lwip_accept(it->fd, NULL, NULL);
    if (fd < 0) {
      nap(10); /* no socket is free, or the address went */
      continue;
    }
    session *made = malloc(sizeof *made);
    *made = (session){it->kind, fd};
    begin_task(serve, made);
  }
}

static int bound_socket(int type, uint16_t *port) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = lwip_htons(*port);
  int fd = lwip_socket(AF_INET, type, 0);
  if (fd < 0 || lwip_bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      lwip_getsockname(fd, (struct sockaddr *)&address, &size) != 0)
    abort();
  *port = lwip_ntohs(address.sin_port);
  return fd;
}

uint16_t peer_start(peer_kind kind) {
  static server servers[MAX_PEERS];
  static size_t count;
  uint16_t port = 0;
  if (count == MAX_PEERS)
    abort();
  server *it = &servers[count++];
  *it = (server){kind, bound_socket(SOCK_STREAM, &port)};
  if (lwip_listen(it->fd, BACKLOG) != 0)
    abort();
  begin_task(accept_all, it);
  return port;
}

/* ---- DNS, RFC 1035 ---- */

static ip4_addr_t answer;
static int dns_fd;

/* Turns the question in `packet` into its answer. Returns its size, or -1: none is sent. */
static int answer_question(uint8_t *packet, size_t size) {
  enum { HEADER = 12, FIXED = 4, A = 1, NO_SUCH_NAME = 3 };
  static const uint8_t record_head[] = {0xc0, HEADER, 0, A, 0, 1, 0, 0, 0, 1, 0, 4};
  char name[64];
  size_t at = HEADER, length = 0;
  while (at < size && packet[at] != 0) {
    size_t label = packet[at++];
    if (at + label >= size || length + label + 2 > sizeof name)
      return -1;
    memcpy(name + length, packet + at, label);
    length += label;
    name[length++] = '.';
    at += label;
  }
  name[length] = '\0';
  at += 1 + FIXED;
  if (length == 0 || at > size || strcmp(name, "silent.test.") == 0)
    return -1;
  bool known = strcmp(name, "peer.test.") == 0 || strcmp(name, "wrong.test.") == 0;
  bool has_record = known && packet[at - FIXED + 1] == A;
  packet[2] = 0x81; /* a response; recursion was desired */
  packet[3] = known ? 0 : NO_SUCH_NAME;
  memset(packet + 6, 0, 6);
  packet[7] = has_record;
  if (has_record) {
    memcpy(packet + at, record_head, sizeof record_head);
    at += sizeof record_head;
    memcpy(packet + at, &answer.addr, sizeof answer.addr);
    at += sizeof answer.addr;
  }
  return (int)at;
}

static void serve_dns(void *unused) {
  (void)unused;
  uint8_t packet[512];
  for (;;) {
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    ssize_t got = lwip_recvfrom(dns_fd, packet, sizeof packet / 2, 0, (struct sockaddr *)&from, &from_size);
    int size = got < 0 ? -1 : answer_question(packet, (size_t)got);
    if (size > 0)
      lwip_sendto(dns_fd, packet, (size_t)size, 0, (struct sockaddr *)&from, from_size);
    else if (got < 0)
      nap(10);
  }
}

static esp_err_t use_dns(void *unused) {
  (void)unused;
  ip_addr_t address;
  ip_addr_copy_from_ip4(address, answer);
  dns_setserver(0, &address);
  return ESP_OK;
}

void peer_start_dns(const char *address) {
  uint16_t port = DNS_PORT;
  ip4addr_aton(address, &answer);
  dns_fd = bound_socket(SOCK_DGRAM, &port);
  begin_task(serve_dns, NULL);
  ESP_ERROR_CHECK(esp_netif_tcpip_exec(use_dns, NULL));
}
