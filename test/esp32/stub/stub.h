/* stub.h: what a test does with the stub that ESP-IDF and its hardware would do. */
#ifndef TEST_ESP32_STUB_H
#define TEST_ESP32_STUB_H

#include <stdbool.h>
#include <stdint.h>

struct netif;

/* Makes this interface of lwIP the default one; NULL: there is none. */
void stub_use_netif(struct netif *netif);

/* What Wi-Fi does: the interface gets an address and is up, or goes down; tells IP_EVENT if `tell`. */
void stub_network(bool up, const char *address, bool tell);

/* Blocks that heap_caps_... has given and not got back, and how often it was asked. */
uint32_t stub_heap_blocks(void);
uint32_t stub_heap_requests(void);

/* The authorities of the certificate bundle: PEM, terminated. Borrowed. */
void stub_bundle(const char *pem);

/* Sessions of esp-tls that are open. */
uint32_t stub_tls_sessions(void);

#endif
