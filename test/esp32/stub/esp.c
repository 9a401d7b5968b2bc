/* esp.c: the clock, random bytes, the heap with capabilities. */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "esp_err.h"
#include "esp_heap_caps.h"
#include "esp_random.h"
#include "esp_timer.h"
#include "stub.h"

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

static _Atomic uint32_t last_caps;
static _Atomic uint32_t blocks;
static _Atomic uint32_t requests;

void *heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps) {
  last_caps = caps;
  blocks++;
  requests++;
  return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void *heap_caps_realloc(void *ptr, size_t size, uint32_t caps) {
  (void)caps;
  blocks += ptr == NULL;
  requests++;
  return realloc(ptr, size);
}

void heap_caps_free(void *ptr) {
  if (ptr != NULL)
    blocks--;
  free(ptr);
}

uint32_t stub_heap_caps(void) { return last_caps; }
uint32_t stub_heap_blocks(void) { return blocks; }
uint32_t stub_heap_requests(void) { return requests; }

size_t heap_caps_get_free_size(uint32_t caps) {
  (void)caps;
  return (size_t)1024 * 1024 - blocks;
}
