#ifndef TEST_ESP32_STUB_EVENT_H
#define TEST_ESP32_STUB_EVENT_H
#include <stdint.h>
void stub_tell(int32_t event);
#endif
