/* url.c: ws:, wss: and ws+unix: URLs. */
#include "src/url.h"

#include <stdbool.h>
#include <stddef.h>

#include "src/bytes.h"
#include "src/ip.h"
#include "twinwire/core.h"

static bool is_one_of(char c, const char *set) {
  for (; *set != 0; set++)
    if (c == *set)
      return true;
  return false;
}

/* Bytes that are refused wherever they stand: controls and space, which could end the request line, the backslash,
 * which some take for a slash, and the fragment, which RFC 6455 3 forbids. */
static bool is_refused(char c) {
  uint8_t byte = (uint8_t)c;
  return byte <= 0x20 || byte == 0x7f || c == '\\' || c == '#';
}

/* Whether the last label (a closing dot aside) is a number, as in 1.2.3 or 0x7f.1: no name of the DNS ends so, and
 * systems differ in which address they read. The test is that of the URL standard, "ends in a number". */
static bool ends_in_number(const char *host, size_t size) {
  if (size > 0 && host[size - 1] == '.')
    size--;
  size_t start = size;
  while (start > 0 && host[start - 1] != '.')
    start--;
  const char *label = host + start;
  size_t length = size - start;
  bool hex = length >= 2 && label[0] == '0' && twc_ascii_lower(label[1]) == 'x';
  const unsigned base = hex ? 16 : 10;
  for (size_t i = hex ? 2 : 0; i < length; i++)
    if ((unsigned)twc_hex_value((uint8_t)label[i]) >= base)
      return false;
  return length > 0;
}

static bool is_host_name(const char *host, size_t size) {
  if (size == 0 || size > TW_MAX_HOST)
    return false;
  for (size_t i = 0; i < size; i++)
    if (!twc_is_name_char((uint8_t)host[i]))
      return false;
  return !ends_in_number(host, size) || twc_ip_family(host, size) == 4;
}

/* RFC 3986 3.2.3: any number of digits, or none for the default. */
static int32_t parse_port(const char *text, size_t size, uint16_t *port) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; i++) {
    if (!twc_is_digit((uint8_t)text[i]))
      return TW_ERR_URL;
    if (value <= UINT16_MAX)
      value = value * 10 + (uint32_t)(text[i] - '0');
  }
  if (size == 0)
    return 0;
  if (value == 0 || value > UINT16_MAX)
    return TW_ERR_PORT;
  *port = (uint16_t)value;
  return 0;
}

/* Returns the bytes of the scheme and its "://", or 0 if it is none of ours. */
static uint32_t parse_scheme(const char *url, uint32_t size, bool *secure) {
  *secure = size >= 6 && twc_bytes_equal_nocase(url, 6, "wss://", 6);
  if (*secure)
    return 6;
  return size >= 5 && twc_bytes_equal_nocase(url, 5, "ws://", 5) ? 5 : 0;
}

/* ws+unix:/path/of/socket:/target, with or without // before the path. No registered scheme: what programs use. */
static int32_t parse_unix(const char *url, uint32_t size, uint32_t start, tw_url *out) {
  if (size - start >= 3 && url[start] == '/' && url[start + 1] == '/' && url[start + 2] == '/')
    start += 2;
  uint32_t end = start;
  while (end < size && url[end] != ':')
    end++;
  if (end == start || end - start > TW_MAX_PATH)
    return TW_ERR_URL;
  uint32_t target = end < size ? end + 1 : size;
  *out = (tw_url){.host = start,
                  .host_size = end - start,
                  .target = target,
                  .target_size = size - target,
                  .flags = TW_URL_UNIX | TW_URL_DEFAULT_PORT};
  return 0;
}

int32_t twc_url_parse(const char *url, uint32_t size, tw_url *out) {
  bool secure;
  for (uint32_t i = 0; i < size; i++)
    if (is_refused(url[i]))
      return TW_ERR_URL;
  if (size >= 8 && twc_bytes_equal_nocase(url, 8, "ws+unix:", 8))
    return parse_unix(url, size, 8, out);
  uint32_t start = parse_scheme(url, size, &secure);
  if (start == 0)
    return TW_ERR_URL;

  uint32_t end = start;
  while (end < size && url[end] != '/' && url[end] != '?')
    end++;
  tw_url parsed = {.target = end, .target_size = size - end, .flags = secure ? TW_URL_SECURE : 0};

  uint32_t after_host;
  if (start < end && url[start] == '[') {
    after_host = start + 1;
    while (after_host < end && url[after_host] != ']' && url[after_host] != '%')
      after_host++;
    if (after_host == end || twc_ip_family(url + start + 1, after_host - start - 1) != 6)
      return TW_ERR_URL;
    parsed.host = start + 1;
    parsed.host_size = after_host - start - 1;
    parsed.flags |= TW_URL_IPV6;
    if (url[after_host++] != ']')
      return TW_ERR_URL;
    if (after_host < end && url[after_host] != ':')
      return TW_ERR_URL;
  } else {
    after_host = start;
    while (after_host < end && url[after_host] != ':')
      after_host++;
    parsed.host = start;
    parsed.host_size = after_host - start;
    if (!is_host_name(url + parsed.host, parsed.host_size))
      return TW_ERR_URL;
  }

  const uint16_t standard = secure ? 443 : 80;
  parsed.port = standard;
  if (after_host < end) {
    int32_t error = parse_port(url + after_host + 1, end - after_host - 1, &parsed.port);
    if (error != 0)
      return error;
  }
  if (parsed.port == standard)
    parsed.flags |= TW_URL_DEFAULT_PORT;
  *out = parsed;
  return 0;
}

unsigned twc_url_encode_byte(uint8_t byte, char out[3]) {
  static const char digits[17] = "0123456789ABCDEF";
  if (twc_is_name_char(byte) || is_one_of((char)byte, ":@/?%")) {
    out[0] = (char)byte;
    return 1;
  }
  out[0] = '%';
  out[1] = digits[byte >> 4];
  out[2] = digits[byte & 15];
  return 3;
}
