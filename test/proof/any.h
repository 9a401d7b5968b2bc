/* any.h: arbitrary values, for Eva (Frama-C). What is proved for them holds for every input of such sizes. */
#ifndef TEST_PROOF_ANY_H
#define TEST_PROOF_ANY_H

#include <stddef.h>
#include <stdint.h>

extern volatile uint32_t any_number;
extern volatile uint8_t any_byte;

/* Of Eva: any number of [least, most], each considered by itself. */
int Frama_C_interval_split(int least, int most);

/* The same, all of them at once. */
/*@ requires least <= most;
    assigns \result \from least, most;
    ensures least <= \result <= most; */
int Frama_C_interval(int least, int most);

/* A number of [0, most], each considered by itself. A macro: Eva joins what a function returns. */
#define any_up_to(most) ((uint32_t)Frama_C_interval_split(0, (int)(most)))

/* A byte of a text, which is not NUL. Those above 127 are negative as char, so they are considered apart. */
#define any_text_byte() (any_up_to(1) == 0 ? (uint8_t)Frama_C_interval(1, 127) : (uint8_t)Frama_C_interval(128, 255))

static inline void any_bytes(uint8_t *to, size_t size) {
  /*@ loop unroll 64; */
  for (size_t i = 0; i < size; i++)
    to[i] = any_byte;
}

#endif
