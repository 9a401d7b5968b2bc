/* address.h: addresses as text, as lwIP's ip_addr_t and as the sockaddr that its socket calls take. Two files implement
 * it, and CMakeLists.txt chooses: address_v4.c where lwIP is built for IPv4 alone, address_v46.c where it has both. */
#ifndef TWINWIRE_ESP32_ADDRESS_H
#define TWINWIRE_ESP32_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip_addr.h"
#include "lwip/sockets.h"

/* Reads a literal address; `text` has `size` bytes and is not terminated. Empty: any IPv4 address. */
bool tw_esp_address_parse(ip_addr_t *ip, const char *text, uint32_t size);

/* Fills `to` and returns the bytes of it that count. */
socklen_t tw_esp_address_store(struct sockaddr_storage *to, const ip_addr_t *ip, uint32_t port);

/* Writes the address without its port, terminated, and returns its bytes, or 0. `*port` is its port. */
uint32_t tw_esp_address_print(const struct sockaddr_storage *from, char *text, uint32_t capacity, uint32_t *port);

/* AF_INET or AF_INET6. */
int tw_esp_address_family(const ip_addr_t *ip);

#endif
