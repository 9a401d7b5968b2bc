/* lookup.c: looks names up by lwIP's DNS client. See lookup.h. */
#include "lookup.h"

#include <string.h>

#include "address.h"
#include "esp_netif.h"
#include "twinwire/abi.gen.h"

typedef struct question {
  tw_esp_lookup *lookup;
  uint32_t versions;
  uint32_t first;
  char name[TW_MAX_HOST + 1];
} question;

/* Runs in lwIP's thread. Whoever moves the state on from PENDING has the last word: this, or tw_esp_lookup_drop. */
static void settle(tw_esp_lookup *lookup, const ip_addr_t *address) {
  tw_esp_wake *waker = lookup->waker; /* once the state is set, the place may be another's */
  if (address != NULL)
    lookup->address = *address;
  uint32_t expected = TW_ESP_LOOKUP_PENDING;
  uint32_t result = address != NULL ? TW_ESP_LOOKUP_FOUND : TW_ESP_LOOKUP_FAILED;
  if (!atomic_compare_exchange_strong(&lookup->state, &expected, result))
    atomic_store(&lookup->state, TW_ESP_LOOKUP_FREE);
  tw_esp_wake_up(waker);
}

static void found(const char *name, const ip_addr_t *address, void *lookup) {
  (void)name;
  settle(lookup, address);
}

/* lwIP's DNS client may be called in its thread only; it copies the name. */
static esp_err_t ask(void *context) {
  question *it = context;
  ip_addr_t address;
  err_t result = tw_esp_address_query(it->name, it->versions, it->first, &address, found, it->lookup);
  if (result != ERR_INPROGRESS)
    settle(it->lookup, result == ERR_OK ? &address : NULL);
  return ESP_OK;
}

int32_t tw_esp_lookup_start(tw_esp_lookup *lookups, uint32_t count, const char *name, uint32_t name_size,
                            uint32_t versions, uint32_t first, tw_esp_wake *waker) {
  question it = {.versions = versions, .first = first};
  if (name_size >= sizeof it.name)
    return TW_ERR_NAME_NOT_FOUND;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t expected = TW_ESP_LOOKUP_FREE;
    if (!atomic_compare_exchange_strong(&lookups[i].state, &expected, TW_ESP_LOOKUP_PENDING))
      continue;
    lookups[i].waker = waker;
    it.lookup = &lookups[i];
    memcpy(it.name, name, name_size);
    it.name[name_size] = '\0';
    if (esp_netif_tcpip_exec(ask, &it) == ESP_OK)
      return (int32_t)i;
    atomic_store(&lookups[i].state, TW_ESP_LOOKUP_FREE);
    break;
  }
  return TW_ERR_NAME_FAILED;
}

void tw_esp_lookup_drop(tw_esp_lookup *lookup) {
  uint32_t expected = TW_ESP_LOOKUP_PENDING;
  if (!atomic_compare_exchange_strong(&lookup->state, &expected, TW_ESP_LOOKUP_UNWANTED))
    atomic_store(&lookup->state, TW_ESP_LOOKUP_FREE);
}
