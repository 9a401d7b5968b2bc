/* address.h: addresses as text, as lwIP's ip_addr_t and as the sockaddr that its socket calls take, and what depends on
 * the versions of IP that lwIP is built with. Two files implement it, and CMakeLists.txt chooses: address_v4.c where
 * lwIP is built for IPv4 alone, address_v46.c where it has both. */
#ifndef TWINWIRE_ESP32_ADDRESS_H
#define TWINWIRE_ESP32_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/dns.h"
#include "lwip/ip_addr.h"
#include "lwip/sockets.h"

struct netif;

enum { TW_ESP_V4 = 1, TW_ESP_V6 = 2 };

/* Reads a literal address; `text` has `size` bytes and is not terminated. Empty: any IPv4 address. */
bool tw_esp_address_parse(ip_addr_t *ip, const char *text, uint32_t size);

/* Fills `to` and returns the bytes of it that count. */
socklen_t tw_esp_address_store(struct sockaddr_storage *to, const ip_addr_t *ip, uint32_t port);

/* Reads the address that a socket call has filled in. Returns its port. */
uint16_t tw_esp_address_load(ip_addr_t *ip, const struct sockaddr_storage *from);

/* Writes the address without its port, terminated, and returns its bytes, or 0. `*port` is its port. */
uint32_t tw_esp_address_print(const struct sockaddr_storage *from, char *text, uint32_t capacity, uint32_t *port);

/* AF_INET or AF_INET6. */
int tw_esp_address_family(const ip_addr_t *ip);

/* ---- In lwIP's thread ---- */

/* The versions of IP that an interface has an address of which reaches beyond this device and, IPv6, beyond its link:
 * TW_ESP_V4, TW_ESP_V6. */
uint32_t tw_esp_address_versions(const struct netif *netif);

/* Whether an interface has the address. */
bool tw_esp_address_is_of(struct netif *netif, const ip_addr_t *ip);

/* Asks for one address of `name`, as dns_gethostbyname does: of one of `versions` (TW_ESP_V4 | TW_ESP_V6), `first`
 * before the other. */
err_t tw_esp_address_query(const char *name, uint32_t versions, uint32_t first, ip_addr_t *ip, dns_found_callback found,
                           void *context);

#endif
