/* What a WebSocket's peer reads from it. RFC 6455 4.2, 5.1 to 5.3 */
#include <stdio.h>
#include <string.h>

#include "script_host.h"

void client_stream_start(test_sock *sock) {
  buffer_clear(&sock->stream);
  sock->upgraded = false;
  sock->has_mask = false;
}

static size_t head_size(const test_buffer *stream) {
  for (size_t i = 3; i < stream->size; i++)
    if (memcmp(stream->data + i - 3, "\r\n\r\n", 4) == 0)
      return i + 1;
  return 0;
}

static void take_key(script_host *host, test_sock *sock, const char *line, size_t size) {
  static const char name[] = "Sec-WebSocket-Key: ";
  size_t name_size = sizeof name - 1;
  if (size < name_size || memcmp(line, name, name_size) != 0)
    return;
  if (size - name_size != 24)
    script_host_fault(host, "the key is not the base64 of 16 bytes", sock);
  char key[32];
  snprintf(key, sizeof key, "%.*s", (int)(size - name_size), line + name_size);
  if (strcmp(sock->key, key) == 0)
    script_host_fault(host, "a key is used twice", sock); /* RFC 6455 4.1 item 7 */
  memcpy(sock->key, key, sizeof key);
}

/* The head of a client, or of a server's answer. A proxy is asked first, RFC 9110 9.3.6: then another request follows.
 */
static bool read_request(script_host *host, test_sock *sock) {
  size_t size = head_size(&sock->stream);
  if (size == 0)
    return false;
  const char *line = (const char *)sock->stream.data;
  const char *end = line + size - 2;
  const char *word = sock->server ? "answer" : "request";
  bool proxy = size > 8 && memcmp(line, "CONNECT ", 8) == 0;
  while (line < end) {
    const char *stop = memchr(line, '\r', (size_t)(end - line) + 1);
    if (stop == NULL || stop[1] != '\n')
      script_host_fault(host, "a line of the request has no CRLF", sock);
    if (stop == NULL)
      break;
    take_key(host, sock, line, (size_t)(stop - line));
    if (!sock->quiet)
      log_line(&host->wire, "%s %s %.*s", word, sock->name, (int)(stop - line), line);
    word = "header";
    line = stop + 2;
  }
  sock->upgraded = !proxy;
  buffer_drop(&sock->stream, size);
  return proxy;
}

static void log_frame(script_host *host, test_sock *sock, unsigned first, const uint8_t *data, size_t size) {
  unsigned opcode = first & 15;
  bool final = (first & 0x80) != 0;
  const char *kind = NULL;
  switch (opcode) {
  case 0:
    kind = "continuation";
    break;
  case 1:
    kind = "text";
    break;
  case 2:
    kind = "binary";
    break;
  case 8:
    kind = "close";
    break;
  case 9:
    kind = "ping";
    break;
  case 10:
    kind = "pong";
    break;
  default:
    script_host_fault(host, "a frame has a reserved opcode", sock);
    return;
  }
  if (opcode >= 8 && (!final || size > TW_MAX_CONTROL))
    script_host_fault(host, "a control frame is fragmented or too long", sock);
  char prefix[64];
  snprintf(prefix, sizeof prefix, "frame %s %s%s%s", sock->name, kind, (first & 0x40) != 0 ? " compressed" : "",
           final ? "" : " more");
  if (opcode != 8) {
    log_bytes(&host->wire, prefix, data, size);
  } else if (size == 0) {
    log_line(&host->wire, "%s", prefix);
  } else if (size == 1) {
    script_host_fault(host, "a close frame has a payload of one byte", sock);
  } else {
    snprintf(prefix, sizeof prefix, "frame %s close %d", sock->name, data[0] * 256 + data[1]);
    log_bytes(&host->wire, prefix, data + 2, size - 2);
  }
}

/* One frame from the front of the stream; false if it is not all there. */
static bool read_frame(script_host *host, test_sock *sock) {
  uint8_t *at = sock->stream.data;
  size_t have = sock->stream.size;
  if (have < 2)
    return false;
  unsigned opcode = at[0] & 15u;
  bool compressed = (at[0] & 0x40) != 0; /* RFC 7692 6 */
  if ((at[0] & 0x30) != 0 || (compressed && opcode != 1 && opcode != 2))
    script_host_fault(host, "a frame has a reserved bit", sock);
  bool masked = (at[1] & 0x80) != 0;
  if (masked == sock->server) /* RFC 6455 5.1 */
    script_host_fault(host, masked ? "a server's frame is masked" : "a client's frame is not masked", sock);
  unsigned length = at[1] & 127u;
  size_t key_size = masked ? 4 : 0;
  size_t header = (length == 127 ? 10u : length == 126 ? 4u : 2u) + key_size;
  if (have < header)
    return false;
  uint64_t size = length;
  if (length >= 126) {
    size = 0;
    for (size_t i = 2; i < header - key_size; i++)
      size = size << 8 | at[i];
    if (size < (length == 126 ? 126u : 65536u))
      script_host_fault(host, "a frame's length is not in its shortest form", sock);
  }
  if (size > 0x7fffffff) {
    script_host_fault(host, "a frame is absurdly long", sock);
    return false;
  }
  if (have - header < size)
    return false;
  if (masked) {
    uint8_t *mask = at + header - key_size;
    /* RFC 6455 5.3: a fresh key for each frame */
    if (sock->has_mask && memcmp(sock->mask, mask, key_size) == 0)
      script_host_fault(host, "a masking key is used twice", sock);
    memcpy(sock->mask, mask, key_size);
    sock->has_mask = true;
    for (size_t i = 0; i < size; i++)
      at[header + i] ^= mask[i & 3];
  }
  log_frame(host, sock, at[0], at + header, (size_t)size);
  buffer_drop(&sock->stream, header + (size_t)size);
  return true;
}

void client_stream_bytes(script_host *host, test_sock *sock, const uint8_t *data, size_t size) {
  buffer_append(&sock->stream, data, size);
  while (!sock->upgraded && read_request(host, sock)) {
  }
  if (sock->upgraded)
    while (host->fault[0] == '\0' && read_frame(host, sock)) {
    }
}
