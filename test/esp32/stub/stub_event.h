#ifndef TEST_ESP32_STUB_EVENT_H
#define TEST_ESP32_STUB_EVENT_H
#include "esp_event.h"

void stub_raise(esp_event_base_t base, int32_t event);
#endif
