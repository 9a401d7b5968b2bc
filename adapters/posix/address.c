/* address.c: addresses as text, and back. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "posix.h"

void tw_peer_set_port(tw_peer *peer, uint16_t port) {
  if (peer->at.any.sa_family == AF_INET6)
    peer->at.v6.sin6_port = htons(port);
  else
    peer->at.v4.sin_port = htons(port);
}

uint16_t tw_peer_port(const tw_peer *peer) {
  return ntohs(peer->at.any.sa_family == AF_INET6 ? peer->at.v6.sin6_port : peer->at.v4.sin_port);
}

/* A zone is the name of an interface, or its number. RFC 4007 11 */
static bool parse_v6(struct sockaddr_in6 *to, char *text) {
  char *zone = strchr(text, '%');
  if (zone != NULL)
    *zone++ = 0;
  to->sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, text, &to->sin6_addr) != 1)
    return false;
  if (zone == NULL)
    return true;
  to->sin6_scope_id = if_nametoindex(zone);
  if (to->sin6_scope_id == 0)
    to->sin6_scope_id = (uint32_t)strtoul(zone, NULL, 10);
  return to->sin6_scope_id != 0;
}

bool tw_peer_parse(tw_peer *peer, const char *text, uint32_t size, uint16_t port) {
  char copy[TW_MAX_ADDRESS + 1];
  if (size > TW_MAX_ADDRESS)
    return false;
  memset(peer, 0, sizeof *peer);
  memcpy(copy, text, size);
  copy[size] = 0;
  peer->at.v4.sin_family = AF_INET;
  peer->size = sizeof peer->at.v4;
  if (size > 0 && inet_pton(AF_INET, copy, &peer->at.v4.sin_addr) != 1) {
    memset(peer, 0, sizeof *peer);
    peer->size = sizeof peer->at.v6;
    if (!parse_v6(&peer->at.v6, copy))
      return false;
  }
  tw_peer_set_port(peer, port);
  return true;
}

bool tw_peer_path(tw_peer *peer, const char *path, uint32_t size) {
  memset(peer, 0, sizeof *peer);
  if (size >= sizeof peer->at.path.sun_path)
    return false;
  peer->at.path.sun_family = AF_UNIX;
  memcpy(peer->at.path.sun_path, path, size);
  peer->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
  return true;
}

uint32_t tw_peer_text(const tw_peer *peer, char *text) {
  char out[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE] = "";
  if (peer->at.any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &peer->at.v4.sin_addr, out, sizeof out);
  } else if (peer->at.any.sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &peer->at.v6.sin6_addr, out, INET6_ADDRSTRLEN);
    char zone[IF_NAMESIZE];
    if (peer->at.v6.sin6_scope_id != 0 && if_indextoname(peer->at.v6.sin6_scope_id, zone) != NULL) {
      size_t at = strlen(out);
      snprintf(out + at, sizeof out - at, "%%%s", zone);
    }
  }
  size_t size = strlen(out);
  if (size > TW_MAX_ADDRESS)
    size = TW_MAX_ADDRESS;
  memcpy(text, out, size);
  return (uint32_t)size;
}

int32_t tw_peer_name(const tw_peer *peer, char *text, uint32_t capacity) {
  char out[sizeof peer->at.path.sun_path + 16];
  size_t size = 0;
  if (peer->at.any.sa_family == AF_UNIX) {
    size_t most =
        peer->size > offsetof(struct sockaddr_un, sun_path) ? peer->size - offsetof(struct sockaddr_un, sun_path) : 0;
    while (size < most && size < sizeof peer->at.path.sun_path && peer->at.path.sun_path[size] != 0)
      size++;
    memcpy(out, peer->at.path.sun_path, size);
  } else {
    char address[TW_MAX_ADDRESS + 1];
    address[tw_peer_text(peer, address)] = 0;
    const char *form = peer->at.any.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u";
    size = (size_t)snprintf(out, sizeof out, form, address, (unsigned)tw_peer_port(peer));
  }
  if (size > capacity)
    size = capacity;
  memcpy(text, out, size);
  return (int32_t)size;
}

bool tw_peer_equal(const tw_peer *a, const tw_peer *b) {
  if (a->at.any.sa_family != b->at.any.sa_family || tw_peer_port(a) != tw_peer_port(b))
    return false;
  if (a->at.any.sa_family == AF_INET)
    return a->at.v4.sin_addr.s_addr == b->at.v4.sin_addr.s_addr;
  return memcmp(&a->at.v6.sin6_addr, &b->at.v6.sin6_addr, sizeof a->at.v6.sin6_addr) == 0;
}
