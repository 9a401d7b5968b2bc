/* esp.c: the clock, random bytes, the heap with capabilities, and the default event loop. */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_netif.h"
#include "esp_random.h"
#include "esp_timer.h"
#include "stub.h"
#include "stub_event.h"

int64_t esp_timer_get_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void esp_fill_random(void *buf, size_t len) {
  if (getrandom(buf, len, 0) != (ssize_t)len)
    abort();
}

static _Atomic uint32_t blocks;
static _Atomic uint32_t requests;

void *heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps) {
  (void)caps;
  blocks++;
  requests++;
  return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void heap_caps_free(void *ptr) {
  if (ptr != NULL)
    blocks--;
  free(ptr);
}

uint32_t stub_heap_blocks(void) { return blocks; }
uint32_t stub_heap_requests(void) { return requests; }

/* ---- Events: one handler, called by the thread that has something to tell ---- */

esp_event_base_t const IP_EVENT = "IP_EVENT";
static bool loop_exists;
static esp_event_handler_t handler;
static void *handler_argument;

esp_err_t esp_event_loop_create_default(void) {
  loop_exists = true;
  return ESP_OK;
}

esp_err_t esp_event_handler_register(esp_event_base_t event_base, int32_t event_id, esp_event_handler_t event_handler,
                                     void *event_handler_arg) {
  (void)event_base, (void)event_id;
  if (!loop_exists)
    return ESP_ERR_INVALID_STATE;
  handler = event_handler;
  handler_argument = event_handler_arg;
  return ESP_OK;
}

void stub_tell(int32_t event) {
  if (handler != NULL)
    handler(handler_argument, IP_EVENT, event, NULL);
}
