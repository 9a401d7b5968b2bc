/* address_v4.c: addresses where lwIP is built without IPv6. See address.h. */
#include <string.h>

#include "address.h"
#include "lwip/netif.h"

bool tw_esp_address_parse(ip_addr_t *ip, const char *text, uint32_t size) {
  char terminated[16];
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

int tw_esp_address_family(const ip_addr_t *ip) {
  (void)ip;
  return AF_INET;
}

socklen_t tw_esp_address_store(struct sockaddr_storage *to, const ip_addr_t *ip, uint32_t port) {
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
  struct sockaddr_in v4;
  memcpy(&v4, from, sizeof v4);
  *port = lwip_ntohs(v4.sin_port);
  return lwip_inet_ntop(AF_INET, &v4.sin_addr, text, capacity) == NULL ? 0 : (uint32_t)strlen(text);
}

uint16_t tw_esp_address_load(ip_addr_t *ip, const struct sockaddr_storage *from) {
  struct sockaddr_in v4;
  memcpy(&v4, from, sizeof v4);
  inet_addr_to_ip4addr(ip_2_ip4(ip), &v4.sin_addr);
  return lwip_ntohs(v4.sin_port);
}

uint32_t tw_esp_address_versions(const struct netif *netif) {
  const ip4_addr_t *address = netif_ip4_addr(netif);
  return ip4_addr_isany(address) || ip4_addr_isloopback(address) ? 0 : TW_ESP_V4;
}

bool tw_esp_address_is_of(struct netif *netif, const ip_addr_t *ip) {
  return ip4_addr_cmp(netif_ip4_addr(netif), ip_2_ip4(ip)) != 0;
}

err_t tw_esp_address_query(const char *name, uint32_t versions, uint32_t first, ip_addr_t *ip, dns_found_callback found,
                           void *context) {
  (void)versions, (void)first;
  return dns_gethostbyname(name, ip, found, context);
}
