#include "fuzz_http.h"

#include <string.h>

#define COUNT(table) (uint32_t)(sizeof(table) / sizeof *(table))

static const char *pick(fuzz_input *input, const char *const *texts, uint32_t count) {
  return texts[fuzz_range(input, count)];
}

uint32_t fuzz_http_text(fuzz_input *input, uint8_t *to) {
  static const char *const starts[] = {"GET / HTTP/1.1\r\nHost: h\r\n",
                                       "POST /a?b HTTP/1.1\r\nHost: h\r\n",
                                       "HTTP/1.1 200 OK\r\n",
                                       "HTTP/1.0 404 \r\n",
                                       "HTTP/1.1 101 x\r\n",
                                       "CONNECT a:1 HTTP/1.1\r\nHost: h\r\n",
                                       "\r\nGET / HTTP/1.0\r\n",
                                       "HTTP/1.1 100 \r\n",
                                       ""};
  static const char *const fields[] = {"Content-Length: 5\r\n",
                                       "Content-Length: 0\r\n",
                                       "Transfer-Encoding: chunked\r\n",
                                       "Connection: close\r\n",
                                       "Connection: keep-alive, upgrade\r\n",
                                       "Upgrade: websocket\r\n",
                                       "Expect: 100-continue\r\n",
                                       "X: y\r\n",
                                       "Host: i\r\n",
                                       ""};
  static const char *const bodies[] = {
      "hello", "5\r\nhello\r\n0\r\n\r\n", "0\r\nX: y\r\n\r\n", "3;a=\"b\"\r\nabc\r\n", "",
      "\r\n",  "GET / HTTP/1.1\r\n"};
  uint32_t size = 0;
  const char *start = pick(input, starts, COUNT(starts));
  const char *parts[5] = {start, pick(input, fields, COUNT(fields)), pick(input, fields, COUNT(fields)),
                          *start == 0 ? "" : "\r\n", pick(input, bodies, COUNT(bodies))};
  for (uint32_t i = 0; i < COUNT(parts); i++) {
    memcpy(to + size, parts[i], strlen(parts[i]));
    size += (uint32_t)strlen(parts[i]);
  }
  if (size == 0)
    to[size++] = fuzz_byte(input);
  if (fuzz_range(input, 6) == 0)
    to[fuzz_range(input, size)] = fuzz_byte(input);
  if (fuzz_range(input, 6) == 0)
    size = 1 + fuzz_range(input, size);
  return size;
}

int32_t fuzz_http_open(tw_core *core, fuzz_input *input) {
  const char *credentials = fuzz_range(input, 2) == 0 ? "" : "user:pass";
  const uint32_t size = (uint32_t)strlen(credentials);
  const int32_t port = (int32_t)fuzz_range(input, 3);
  static const char *const urls[] = {"ws://h/", "wss://[::1]/x", "ws+unix:/s"};
  static const char *const hosts[] = {"h", "::1", "a b"};
  if (fuzz_range(input, 2) == 0) {
    const char *url = pick(input, urls, COUNT(urls));
    return twc_ws_connect_via(core, url, (uint32_t)strlen(url), "p", 1, port, credentials, size);
  }
  const char *host = pick(input, hosts, COUNT(hosts));
  return twc_tcp_connect_via(core, host, (uint32_t)strlen(host), 1, "p", 1, port, credentials, size);
}

int32_t fuzz_http_read(tw_core *core, fuzz_input *input, int32_t handle) {
  return twc_http_read(core, handle, fuzz_range(input, 9), fuzz_range(input, 40));
}

int32_t fuzz_http_send(tw_core *core, fuzz_input *input, int32_t handle) {
  static const struct {
    const char *text;
    uint32_t size;
    uint32_t fields;
    uint32_t status;
  } heads[] = {{"OK", 3, 0, 200},
               {"OK\0X\0y", 7, 1, 200},
               {"GET\0/\0Host\0h", 13, 1, 0},
               {"POST\0/\0Host\0h", 14, 1, 0},
               {"OK\0Content-Length\0005", 20, 1, 200},
               {"\0", 1, 0, 304},
               {"\0", 1, 0, 100},
               {"OK\0X\0y\r\n", 9, 1, 200},
               {"OK\0X", 5, 1, 200}};
  uint8_t body[96];
  const uint32_t head = fuzz_range(input, COUNT(heads));
  const uint32_t size = fuzz_range(input, 3) * fuzz_range(input, 32);
  const uint32_t trailers = fuzz_range(input, 2);
  memset(body, 'b', sizeof body);
  if (fuzz_range(input, 2) == 0)
    return twc_http_send_body(core, handle, fuzz_range(input, 2), body, size, "X\0y", trailers * 4, trailers);
  return twc_http_send(core, handle, fuzz_range(input, 16), heads[head].status, heads[head].text, heads[head].size,
                       heads[head].fields, body, size);
}

void fuzz_serve(tw_core *core, fuzz_input *input, int32_t handle) {
  static const char head[] = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Protocol: a, b\r\n"
                             "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
  char text[sizeof head];
  memcpy(text, head, sizeof head);
  if (fuzz_range(input, 8) == 0)
    text[fuzz_range(input, sizeof head - 1)] = (char)fuzz_byte(input);
  switch (fuzz_range(input, 6)) {
  case 0:
    twc_ws_set_options(core, handle, fuzz_range(input, 4), fuzz_range(input, 3) * 64, fuzz_range(input, 4));
    break;
  case 1:
    twc_ws_set_deflate(core, handle, fuzz_range(input, 2) * (0xff + 256 * fuzz_range(input, 4)));
    break;
  case 2:
    twc_ws_set_heartbeat(core, handle, fuzz_range(input, 60), fuzz_range(input, 60));
    break;
  case 3:
    twc_ws_pong(core, handle, "pong", fuzz_range(input, 5));
    break;
  default:
    twc_ws_accept(core, handle, text, sizeof head - 1, "b", fuzz_range(input, 2), "X\0y", 4, fuzz_range(input, 8) != 0,
                  fuzz_range(input, 2) * 0xff);
    break;
  }
}

void fuzz_broadcast(tw_core *core, fuzz_input *input, const int32_t *handles, uint32_t count) {
  int32_t results[16];
  uint8_t bytes[300];
  const uint32_t size = fuzz_range(input, sizeof bytes);
  memset(bytes, 'm', sizeof bytes);
  memcpy(results, handles, count * sizeof *results);
  const int32_t took = twc_ws_broadcast(core, results, count, fuzz_range(input, 3), bytes, size);
  int32_t sent = 0;
  for (uint32_t i = 0; took >= 0 && i < count; i++)
    sent += results[i] == (int32_t)size;
  fuzz_check(took < 0 || sent == took, "a broadcast counts wrong");
}
