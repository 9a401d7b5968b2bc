/* network.h: the interfaces of the device as lwIP has them. lwIP reports each change; nothing is polled. */
#ifndef TWINWIRE_ESP32_NETWORK_H
#define TWINWIRE_ESP32_NETWORK_H

#include <stdbool.h>

#include "lwip/ip_addr.h"
#include "wake.h"

/* Wakes `wake` at each change from now on; NULL: nobody. */
void tw_esp_network_watch(tw_esp_wake *wake);

/* Whether lwIP runs and has an interface. Until then none of its functions may be called. */
bool tw_esp_network_exists(void);

/* Whether an interface is up and has an address: IPv4, or an IPv6 one that reaches beyond the link. */
bool tw_esp_network_is_up(void);

/* The versions of IP that they are of: TW_ESP_V4, TW_ESP_V6. */
uint32_t tw_esp_network_versions(void);

/* Whether something has changed since the last call. */
bool tw_esp_network_changed(void);

/* Whether an interface that is up has the address `local`, so that connections bound to it can go on. Asks lwIP's
 * thread, and waits for its answer: what lwIP was changing is changed then. */
bool tw_esp_network_has(const ip_addr_t *local);

#endif
