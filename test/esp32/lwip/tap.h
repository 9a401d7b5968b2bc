/* tap.h: a network interface of lwIP that ends in a tap device of Linux, in a network namespace of this process alone,
 * so that nothing of the machine's own network is touched. */
#ifndef TEST_ESP32_TAP_H
#define TEST_ESP32_TAP_H

#include <stdbool.h>

struct netif;

#define TAP_HOST "10.77.0.1"   /* Linux */
#define TAP_DEVICE "10.77.0.2" /* lwIP */

/* Enters a namespace of its own and makes the device. To be called before any thread is started. Returns false, and
 * why in `*reason`, where the system does not allow it. */
bool tap_prepare(const char **reason);

/* Adds the interface to lwIP; it is up, without an address. To be called when lwIP runs. */
void tap_add(struct netif *netif);

#endif
