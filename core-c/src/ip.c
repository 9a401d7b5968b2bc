/* ip.c: literal IPv4 and IPv6 addresses. */
#include "src/ip.h"

#include <stdbool.h>
#include <string.h>

#include "src/bytes.h"

static bool parse_ipv4(const char *text, size_t size, uint8_t *bytes) {
  size_t i = 0;
  for (int part = 0; part < 4; part++) {
    if (part > 0 && (i == size || text[i++] != '.'))
      return false;
    size_t start = i;
    unsigned value = 0;
    for (; i < size && i - start < 3 && twc_is_digit((uint8_t)text[i]); i++)
      value = value * 10 + (unsigned)(text[i] - '0');
    size_t digits = i - start;
    if (digits == 0 || value > 255 || (digits > 1 && text[start] == '0'))
      return false;
    bytes[part] = (uint8_t)value;
  }
  return i == size;
}

/* RFC 4007 11.2 leaves the zone to the system; the characters are those of RFC 6874 2. */
static bool is_zone(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    char c = text[i];
    if (!twc_is_letter((uint8_t)c) && !twc_is_digit((uint8_t)c) && c != '-' && c != '.' && c != '_' && c != '~')
      return false;
  }
  return size > 0;
}

/* RFC 4291 2.2. `bytes` are all zero. */
static bool parse_ipv6(const char *text, size_t size, uint8_t *bytes) {
  enum { NOT_SHORTENED = -1 };
  int count = 0;                 /* bytes so far */
  int shortened = NOT_SHORTENED; /* where "::" stands; it is one group of zeros or more */
  size_t i = 0;
  if (size >= 2 && text[0] == ':' && text[1] == ':') {
    shortened = 0;
    i = 2;
  }
  while (i < size) {
    size_t start = i;
    unsigned value = 0;
    for (int digit; i < size && i - start < 4 && (digit = twc_hex_value((uint8_t)text[i])) >= 0; i++)
      value = value << 4 | (unsigned)digit;
    if (i == start || count == TW_IP_BYTES)
      return false;
    if (i < size && text[i] == '.') {
      if (count > TW_IP_BYTES - 4 || !parse_ipv4(text + start, size - start, bytes + count))
        return false;
      count += 4;
      break;
    }
    bytes[count++] = (uint8_t)(value >> 8);
    bytes[count++] = (uint8_t)value;
    if (i == size)
      break;
    if (text[i++] != ':' || i == size)
      return false;
    if (text[i] == ':') {
      if (shortened != NOT_SHORTENED)
        return false;
      shortened = count;
      i++;
    }
  }
  if (shortened == NOT_SHORTENED || count == TW_IP_BYTES)
    return shortened == NOT_SHORTENED && count == TW_IP_BYTES;
  int tail = count - shortened;
  memmove(bytes + TW_IP_BYTES - tail, bytes + shortened, (size_t)tail);
  memset(bytes + shortened, 0, (size_t)(TW_IP_BYTES - count));
  return true;
}

int twc_ip_parse(const char *text, size_t size, uint8_t bytes[TW_IP_BYTES]) {
  memset(bytes, 0, TW_IP_BYTES);
  if (parse_ipv4(text, size, bytes + 12)) {
    bytes[10] = bytes[11] = 0xff;
    return 4;
  }
  bytes[12] = bytes[13] = bytes[14] = bytes[15] = 0;
  size_t end = 0;
  while (end < size && text[end] != '%')
    end++;
  bool plain = end == size || is_zone(text + end + 1, size - end - 1);
  return plain && parse_ipv6(text, end, bytes) ? 6 : 0;
}

int twc_ip_parse_endpoint(const char *text, size_t size, uint8_t bytes[TW_IP_BYTES]) {
  while (size > 0 && text[size - 1] != ':')
    size--;
  if (size == 0)
    return 0;
  size--;
  if (size > 2 && text[0] == '[' && text[size - 1] == ']') {
    text++;
    size -= 2;
  }
  return twc_ip_parse(text, size, bytes);
}

int twc_ip_family(const char *text, size_t size) {
  uint8_t bytes[TW_IP_BYTES];
  return twc_ip_parse(text, size, bytes);
}
