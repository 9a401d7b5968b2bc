/* options.c: options of sockets, and multicast groups. */
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <string.h>

#include "posix.h"

static int set(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value); }

static bool is_ipv6(int fd) {
  tw_peer local = {.size = sizeof local.at};
  return getsockname(fd, &local.at.any, &local.size) == 0 && local.at.any.sa_family == AF_INET6;
}

/* BSD takes a byte for these two. */
static int set_multicast(int fd, bool ipv6, int name4, int name6, int value) {
  if (ipv6)
    return set(fd, IPPROTO_IPV6, name6, value);
  unsigned char byte = (unsigned char)value;
  return setsockopt(fd, IPPROTO_IP, name4, &byte, sizeof byte);
}

static int set_option(int fd, tw_option option, int32_t value) {
  bool ipv6 = is_ipv6(fd);
  switch (option) {
  case TW_OPTION_NO_DELAY:
    return set(fd, IPPROTO_TCP, TCP_NODELAY, value);
  case TW_OPTION_SEND_BUFFER:
    return set(fd, SOL_SOCKET, SO_SNDBUF, value);
  case TW_OPTION_RECEIVE_BUFFER:
    return set(fd, SOL_SOCKET, SO_RCVBUF, value);
  case TW_OPTION_BROADCAST:
    return set(fd, SOL_SOCKET, SO_BROADCAST, value);
  case TW_OPTION_MULTICAST_TTL:
    return set_multicast(fd, ipv6, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, value);
  case TW_OPTION_MULTICAST_LOOP:
    return set_multicast(fd, ipv6, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, value);
  case TW_OPTION_TTL:
    return ipv6 ? set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, value) : set(fd, IPPROTO_IP, IP_TTL, value);
  }
  errno = EINVAL;
  return -1;
}

int32_t tw_posix_set_option(void *host, int32_t handle, tw_option option, int32_t value) {
  (void)host;
  const tw_sock *sock = tw_posix_find(handle);
  if (sock == NULL || sock->watch.fd < 0)
    return TW_ERR_STATE;
  return set_option(sock->watch.fd, option, value) == 0 ? 0 : tw_posix_error(errno);
}

static int set_group4(int fd, const tw_peer *group, const char *interface, bool on) {
  struct ip_mreq request = {.imr_multiaddr = group->at.v4.sin_addr};
  tw_peer local;
  if (interface != NULL) {
    if (!tw_peer_parse(&local, interface, (uint32_t)strlen(interface), 0) || local.at.any.sa_family != AF_INET) {
      errno = EADDRNOTAVAIL;
      return -1;
    }
    request.imr_interface = local.at.v4.sin_addr;
  }
  if (on && interface != NULL &&
      setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request.imr_interface, sizeof(struct in_addr)) < 0)
    return -1;
  return setsockopt(fd, IPPROTO_IP, on ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request, sizeof request);
}

static int set_group6(int fd, const tw_peer *group, const char *interface, bool on) {
  struct ipv6_mreq request = {.ipv6mr_multiaddr = group->at.v6.sin6_addr};
  if (interface != NULL && (request.ipv6mr_interface = if_nametoindex(interface)) == 0)
    return -1;
  unsigned index = request.ipv6mr_interface;
  if (on && interface != NULL && setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) < 0)
    return -1;
  return setsockopt(fd, IPPROTO_IPV6, on ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request, sizeof request);
}

int32_t tw_posix_set_group(void *host, int32_t handle, const char *text, const char *interface, bool on) {
  (void)host;
  const tw_sock *sock = tw_posix_find(handle);
  tw_peer group;
  if (sock == NULL || sock->watch.fd < 0)
    return TW_ERR_STATE;
  size_t size = strlen(text);
  if (size == 0 || size > TW_MAX_ADDRESS || !tw_peer_parse(&group, text, (uint32_t)size, 0))
    return TW_ERR_ADDRESS;
  bool ipv6 = group.at.any.sa_family == AF_INET6;
  bool multicast =
      ipv6 ? IN6_IS_ADDR_MULTICAST(&group.at.v6.sin6_addr) : IN_MULTICAST(ntohl(group.at.v4.sin_addr.s_addr));
  if (!multicast || ipv6 != is_ipv6(sock->watch.fd))
    return TW_ERR_ADDRESS;
  int result =
      ipv6 ? set_group6(sock->watch.fd, &group, interface, on) : set_group4(sock->watch.fd, &group, interface, on);
  return result == 0 ? 0 : tw_posix_error(errno);
}
