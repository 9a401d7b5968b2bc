/* clock.h: the clock of the port. Two files implement it: clock_esp.c on a chip, clock_linux.c on ESP-IDF's target
 * linux, where esp_timer has no clock before ESP-IDF 6. */
#ifndef TWINWIRE_ESP32_CLOCK_H
#define TWINWIRE_ESP32_CLOCK_H

#include <stdint.h>

/* Milliseconds of a monotonic clock, in 32 bits that wrap. */
uint32_t tw_esp_clock_ms(void);

#endif
