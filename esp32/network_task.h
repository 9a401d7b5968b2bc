/* network_task.h: what calls.c needs of the network task. */
#ifndef TWINWIRE_ESP_NETWORK_TASK_H
#define TWINWIRE_ESP_NETWORK_TASK_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the calling task is the network task. */
bool tw_esp_is_network_task(void);

/* limits.sendBuffer of the last start. */
uint32_t tw_esp_send_buffer(void);

#endif
