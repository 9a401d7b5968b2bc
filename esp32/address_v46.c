/* address_v46.c: addresses where lwIP has IPv4 and IPv6, as ESP-IDF builds it by default. See address.h. */
#include <string.h>

#include "address.h"

bool tw_esp_address_parse(ip_addr_t *ip, const char *text, uint32_t size) {
  char terminated[IP6ADDR_STRLEN_MAX];
  if (size == 0) {
    ip_addr_set_any(false, ip);
    return true;
  }
  if (size >= sizeof terminated)
    return false;
  memcpy(terminated, text, size);
  terminated[size] = '\0';
  return ipaddr_aton(terminated, ip) != 0;
}

int tw_esp_address_family(const ip_addr_t *ip) { return IP_IS_V6(ip) ? AF_INET6 : AF_INET; }

socklen_t tw_esp_address_store(struct sockaddr_storage *to, const ip_addr_t *ip, uint32_t port) {
  memset(to, 0, sizeof *to);
  if (IP_IS_V6(ip)) {
    struct sockaddr_in6 v6;
    memset(&v6, 0, sizeof v6);
    v6.sin6_len = sizeof v6;
    v6.sin6_family = AF_INET6;
    v6.sin6_port = lwip_htons((uint16_t)port);
    inet6_addr_from_ip6addr(&v6.sin6_addr, ip_2_ip6(ip));
    v6.sin6_scope_id = ip6_addr_zone(ip_2_ip6(ip));
    memcpy(to, &v6, sizeof v6);
    return sizeof v6;
  }
  struct sockaddr_in v4;
  memset(&v4, 0, sizeof v4);
  v4.sin_len = sizeof v4;
  v4.sin_family = AF_INET;
  v4.sin_port = lwip_htons((uint16_t)port);
  inet_addr_from_ip4addr(&v4.sin_addr, ip_2_ip4(ip));
  memcpy(to, &v4, sizeof v4);
  return sizeof v4;
}

uint32_t tw_esp_address_print(const struct sockaddr_storage *from, char *text, uint32_t capacity, uint32_t *port) {
  const char *done;
  if (from->ss_family == AF_INET6) {
    struct sockaddr_in6 v6;
    memcpy(&v6, from, sizeof v6);
    *port = lwip_ntohs(v6.sin6_port);
    done = lwip_inet_ntop(AF_INET6, &v6.sin6_addr, text, capacity);
  } else {
    struct sockaddr_in v4;
    memcpy(&v4, from, sizeof v4);
    *port = lwip_ntohs(v4.sin_port);
    done = lwip_inet_ntop(AF_INET, &v4.sin_addr, text, capacity);
  }
  return done == NULL ? 0 : (uint32_t)strlen(text);
}
