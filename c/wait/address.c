/* address.c: addresses as text: "host:port", "[ipv6]:port". */
#include <string.h>

#include "wait.h"

enum { MAX_PORT = 65535, TEN = 10 };

void tw_copy_text(char *to, size_t capacity, const char *text) {
  size_t size = 0;
  while (size + 1 < capacity && text[size] != 0)
    size++;
  memcpy(to, text, size);
  to[size] = 0;
}

static int32_t parse_port(const char *text, int32_t *port) {
  int32_t number = 0;
  if (*text == 0)
    return TW_ERR_ARGUMENT;
  for (; *text != 0; text++) {
    if (*text < '0' || *text > '9')
      return TW_ERR_PORT;
    number = number * TEN + (*text - '0');
    if (number > MAX_PORT)
      return TW_ERR_PORT;
  }
  *port = number;
  return 0;
}

int32_t tw_address_split(const char *address, tw_host_port *to) {
  const char *colon = strrchr(address, ':');
  if (colon == NULL)
    return TW_ERR_ARGUMENT;
  const char *host = address;
  size_t size = (size_t)(colon - address);
  if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
    host++;
    size -= 2;
  } else if (memchr(host, ':', size) != NULL) {
    return TW_ERR_ARGUMENT; /* an IPv6 address without brackets: which part is the port? */
  }
  if (size > TW_MAX_HOST)
    return TW_ERR_ARGUMENT;
  memcpy(to->host, host, size);
  to->host[size] = 0;
  return parse_port(colon + 1, &to->port);
}
