/* address_v46.c: addresses where lwIP has IPv4 and IPv6, as ESP-IDF builds it by default. See address.h. */
#include <string.h>

#include "address.h"
#include "lwip/netif.h"

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

uint16_t tw_esp_address_load(ip_addr_t *ip, const struct sockaddr_storage *from) {
  if (from->ss_family == AF_INET6) {
    struct sockaddr_in6 v6;
    memcpy(&v6, from, sizeof v6);
    inet6_addr_to_ip6addr(ip_2_ip6(ip), &v6.sin6_addr);
    ip6_addr_set_zone(ip_2_ip6(ip), (u8_t)v6.sin6_scope_id);
    IP_SET_TYPE_VAL(*ip, IPADDR_TYPE_V6);
    return lwip_ntohs(v6.sin6_port);
  }
  struct sockaddr_in v4;
  memcpy(&v4, from, sizeof v4);
  inet_addr_to_ip4addr(ip_2_ip4(ip), &v4.sin_addr);
  IP_SET_TYPE_VAL(*ip, IPADDR_TYPE_V4);
  return lwip_ntohs(v4.sin_port);
}

static bool has_v4(const struct netif *netif) {
  const ip4_addr_t *address = netif_ip4_addr(netif);
  return !ip4_addr_isany(address) && !ip4_addr_isloopback(address);
}

static bool has_v6(const struct netif *netif) {
  for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
    const ip6_addr_t *address = netif_ip6_addr(netif, i);
    if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) && !ip6_addr_islinklocal(address) &&
        !ip6_addr_isloopback(address))
      return true;
  }
  return false;
}

uint32_t tw_esp_address_versions(const struct netif *netif) {
  return (has_v4(netif) ? TW_ESP_V4 : 0u) | (has_v6(netif) ? TW_ESP_V6 : 0u);
}

bool tw_esp_address_is_of(struct netif *netif, const ip_addr_t *ip) {
  if (!IP_IS_V6(ip))
    return ip4_addr_cmp(netif_ip4_addr(netif), ip_2_ip4(ip)) != 0;
  s8_t index = netif_get_ip6_addr_match(netif, ip_2_ip6(ip));
  return index >= 0 && ip6_addr_isvalid(netif_ip6_addr_state(netif, index));
}

err_t tw_esp_address_query(const char *name, uint32_t versions, uint32_t first, ip_addr_t *ip, dns_found_callback found,
                           void *context) {
  u8_t type = first == TW_ESP_V4 ? LWIP_DNS_ADDRTYPE_IPV4_IPV6 : LWIP_DNS_ADDRTYPE_IPV6_IPV4;
  if (versions == TW_ESP_V4)
    type = LWIP_DNS_ADDRTYPE_IPV4;
  else if (versions == TW_ESP_V6)
    type = LWIP_DNS_ADDRTYPE_IPV6;
  return dns_gethostbyname_addrtype(name, ip, found, context, type);
}
