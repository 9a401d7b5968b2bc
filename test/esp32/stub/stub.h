/* stub.h: what a test does with the stub that ESP-IDF and its hardware would do. */
#ifndef TEST_ESP32_STUB_H
#define TEST_ESP32_STUB_H

#include <stdbool.h>
#include <stdint.h>

struct netif;

/* Makes this interface of lwIP the one that esp_netif has; NULL: there is none. */
void stub_use_netif(struct netif *netif);

/* What Wi-Fi does, as esp_netif carries it out. Up: the interface is up, has the address, and IP_EVENT_STA_GOT_IP is
 * raised. Down: the address is taken off, which aborts lwIP's connections, the interface is down, and there is no
 * default one; no IP_EVENT is raised (IP_EVENT_STA_LOST_IP comes two minutes later). */
void stub_network(bool up, const char *address);

/* Makes the calling thread stand for an interrupt, or not any more. */
void stub_isr(bool on);

/* Whether the calling thread is lwIP's. */
bool stub_in_lwip(void);

/* Blocks that heap_caps_... has given and not got back, and how often it was asked. */
uint32_t stub_heap_blocks(void);
uint32_t stub_heap_requests(void);

/* The authorities of the certificate bundle: PEM, terminated. Borrowed. */
void stub_bundle(const char *pem);

/* What the last static task was made with. */
typedef struct stub_task {
  uint32_t stack_size; /* bytes */
  uint32_t priority;   /* as it is now */
  int32_t core;        /* -1: any */
  bool stack_in_psram;
} stub_task;
const stub_task *stub_last_task(void);

/* The capabilities that a block of heap_caps_... was asked for; of the last one. */
uint32_t stub_heap_caps(void);

/* Sessions of esp-tls that are open. */
uint32_t stub_tls_sessions(void);

#endif
