/* clock_esp.c: the clock of a chip. See clock.h. */
#include "clock.h"
#include "esp_timer.h"

uint32_t tw_esp_clock_ms(void) { return (uint32_t)((uint64_t)esp_timer_get_time() / 1000u); }
