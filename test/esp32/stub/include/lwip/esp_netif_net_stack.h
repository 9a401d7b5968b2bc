#pragma once
#include "esp_netif.h"
#include "lwip/netif.h"
struct esp_netif_netstack_config {
  struct {
    err_t (*init_fn)(struct netif *netif);
    void (*input_fn)(void *netif, void *buffer, size_t len, void *eb);
  } lwip;
};
