/* arithmetic.c: what the LX106 has no instruction for and Debian's libgcc for it lacks: division, and the product of
 * 64-bit numbers. */
#include <stdint.h>

uint32_t __udivsi3(uint32_t number, uint32_t by);
uint32_t __umodsi3(uint32_t number, uint32_t by);
int32_t __divsi3(int32_t number, int32_t by);
int64_t __muldi3(int64_t first, int64_t second);
uint64_t __udivdi3(uint64_t number, uint64_t by);
uint64_t __umoddi3(uint64_t number, uint64_t by);

/* Long division in base 2. By 0 the quotient is all ones, and nothing traps. */
static uint64_t divide(uint64_t number, uint64_t by, uint64_t *rest) {
  uint64_t quotient = 0;
  *rest = 0;
  for (int bit = 63; bit >= 0; bit--) {
    *rest = *rest << 1 | (number >> bit & 1);
    quotient <<= 1;
    if (*rest >= by) {
      *rest -= by;
      quotient |= 1;
    }
  }
  return quotient;
}

static uint32_t divide32(uint32_t number, uint32_t by, uint32_t *rest) {
  uint32_t quotient = 0;
  *rest = 0;
  for (int bit = 31; bit >= 0; bit--) {
    *rest = *rest << 1 | (number >> bit & 1);
    quotient <<= 1;
    if (*rest >= by) {
      *rest -= by;
      quotient |= 1;
    }
  }
  return quotient;
}

uint32_t __udivsi3(uint32_t number, uint32_t by) {
  uint32_t rest;
  return divide32(number, by, &rest);
}

uint32_t __umodsi3(uint32_t number, uint32_t by) {
  uint32_t rest;
  divide32(number, by, &rest);
  return rest;
}

int32_t __divsi3(int32_t number, int32_t by) {
  uint32_t rest;
  uint32_t quotient =
      divide32(number < 0 ? 0U - (uint32_t)number : (uint32_t)number, by < 0 ? 0U - (uint32_t)by : (uint32_t)by, &rest);
  return (int32_t)((number < 0) != (by < 0) ? 0U - quotient : quotient);
}

uint64_t __udivdi3(uint64_t number, uint64_t by) {
  uint64_t rest;
  return divide(number, by, &rest);
}

uint64_t __umoddi3(uint64_t number, uint64_t by) {
  uint64_t rest;
  divide(number, by, &rest);
  return rest;
}

/* The product of 32-bit halves by 16-bit quarters; what lies above 64 bits is dropped. */
int64_t __muldi3(int64_t first, int64_t second) {
  uint32_t low[2] = {(uint32_t)first, (uint32_t)second};
  uint32_t high[2] = {(uint32_t)((uint64_t)first >> 32), (uint32_t)((uint64_t)second >> 32)};
  uint32_t a = low[0] & 0xffff, b = low[0] >> 16, c = low[1] & 0xffff, d = low[1] >> 16;
  uint64_t product = (uint64_t)(b * d) << 32 | a * c;
  product += (uint64_t)(a * d) << 16;
  product += (uint64_t)(b * c) << 16;
  product += (uint64_t)(low[0] * high[1] + high[0] * low[1]) << 32;
  return (int64_t)product;
}
