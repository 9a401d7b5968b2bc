#pragma once
#include <stddef.h>
#include <stdint.h>
void esp_fill_random(void *buf, size_t len);
