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

const char *esp_err_to_name(esp_err_t code) {
  static const struct {
    esp_err_t code;
    const char *name;
  } names[] = {{ESP_OK, "ESP_OK"},
               {ESP_FAIL, "ESP_FAIL"},
               {ESP_ERR_NO_MEM, "ESP_ERR_NO_MEM"},
               {ESP_ERR_INVALID_ARG, "ESP_ERR_INVALID_ARG"},
               {ESP_ERR_INVALID_STATE, "ESP_ERR_INVALID_STATE"},
               {ESP_ERR_TIMEOUT, "ESP_ERR_TIMEOUT"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].code == code)
      return names[i].name;
  return "UNKNOWN ERROR";
}

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

size_t heap_caps_get_free_size(uint32_t caps) {
  (void)caps;
  return (size_t)1024 * 1024 - blocks;
}

/* ---- Events: handlers are called by the thread that has something to tell ---- */

esp_event_base_t const IP_EVENT = "IP_EVENT";
static bool loop_exists;

static struct handler {
  esp_event_base_t base;
  int32_t event;
  esp_event_handler_t call;
  void *argument;
} handlers[8];

esp_err_t esp_event_loop_create_default(void) {
  loop_exists = true;
  return ESP_OK;
}

esp_err_t esp_event_handler_register(esp_event_base_t event_base, int32_t event_id, esp_event_handler_t event_handler,
                                     void *event_handler_arg) {
  if (!loop_exists)
    return ESP_ERR_INVALID_STATE;
  for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
    if (handlers[i].call != NULL)
      continue;
    handlers[i] = (struct handler){event_base, event_id, event_handler, event_handler_arg};
    return ESP_OK;
  }
  return ESP_ERR_NO_MEM;
}

void stub_tell(esp_event_base_t base, int32_t event) {
  for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
    if (handlers[i].call != NULL && handlers[i].base == base &&
        (handlers[i].event == ESP_EVENT_ANY_ID || handlers[i].event == event))
      handlers[i].call(handlers[i].argument, base, event, NULL);
}
