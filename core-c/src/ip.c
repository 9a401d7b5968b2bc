/* ip.c: whether a text is a literal IPv4 or IPv6 address. */
#include "src/ip.h"

#include <stdbool.h>
#include <stdint.h>

#include "src/bytes.h"

static bool is_hex_digit(char c) {
  char lower = twc_ascii_lower(c);
  return twc_is_digit((uint8_t)c) || (lower >= 'a' && lower <= 'f');
}

static bool is_ipv4(const char *text, size_t size) {
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

static bool is_ipv6(const char *text, size_t size) {
  int groups = 0;
  bool shortened = false; /* "::" was seen; it stands for one group or more */
  size_t i = 0;
  if (size >= 2 && text[0] == ':' && text[1] == ':') {
    shortened = true;
    i = 2;
  }
  while (i < size) {
    size_t start = i;
    while (i < size && i - start < 4 && is_hex_digit(text[i]))
      i++;
    if (i == start)
      return false;
    if (i < size && text[i] == '.') {
      groups += 2;
      return is_ipv4(text + start, size - start) && (shortened ? groups < 8 : groups == 8);
    }
    groups++;
    if (i == size)
      break;
    if (text[i++] != ':' || i == size)
      return false;
    if (text[i] == ':') {
      if (shortened)
        return false;
      shortened = true;
      i++;
    }
  }
  return shortened ? groups < 8 : groups == 8;
}

int twc_ip_family(const char *text, size_t size) {
  if (is_ipv4(text, size))
    return 4;
  for (size_t i = 0; i < size; i++)
    if (text[i] == '%')
      return is_ipv6(text, i) && is_zone(text + i + 1, size - i - 1) ? 6 : 0;
  return is_ipv6(text, size) ? 6 : 0;
}
