/* base64.c: Base64 with padding, RFC 4648 4. */
#include "src/base64.h"

#include "twinwire/core.h"

uint32_t twc_base64(const void *data, uint32_t size, char *text) {
  static const char digits[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const uint8_t *bytes = data;
  char *out = text;
  while (size > 0) {
    uint32_t have = size < 3 ? size : 3;
    uint32_t bits = (uint32_t)bytes[0] << 16;
    if (have > 1)
      bits |= (uint32_t)bytes[1] << 8;
    if (have > 2)
      bits |= bytes[2];
    *out++ = digits[bits >> 18];
    *out++ = digits[bits >> 12 & 63];
    *out++ = have > 1 ? digits[bits >> 6 & 63] : '=';
    *out++ = have > 2 ? digits[bits & 63] : '=';
    bytes += have;
    size -= have;
  }
  return (uint32_t)(out - text);
}
