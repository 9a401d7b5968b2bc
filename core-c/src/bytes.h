/* bytes.h: big-endian words and the byte classes that HTTP and WebSocket parsing share. */
#ifndef TW_BYTES_H
#define TW_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t twc_load_be16(const uint8_t *p) { return (uint16_t)((unsigned)p[0] << 8 | p[1]); }

static inline uint32_t twc_load_be32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t twc_load_be64(const uint8_t *p) {
  return (uint64_t)twc_load_be32(p) << 32 | twc_load_be32(p + 4);
}

static inline void twc_store_be16(uint8_t *p, uint16_t value) {
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}

static inline void twc_store_be32(uint8_t *p, uint32_t value) {
  p[0] = (uint8_t)(value >> 24);
  p[1] = (uint8_t)(value >> 16);
  p[2] = (uint8_t)(value >> 8);
  p[3] = (uint8_t)value;
}

static inline void twc_store_be64(uint8_t *p, uint64_t value) {
  twc_store_be32(p, (uint32_t)(value >> 32));
  twc_store_be32(p + 4, (uint32_t)value);
}

static inline bool twc_is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

static inline bool twc_is_letter(uint8_t byte) {
  uint8_t lower = byte | 0x20;
  return lower >= 'a' && lower <= 'z';
}

/* The value of a hexadecimal digit (RFC 5234 B.1, and a to f), or -1. */
int twc_hex_value(uint8_t byte);

/* A-Z to a-z, every other byte as it is: HTTP names are compared as ASCII, whatever the locale. */
static inline char twc_ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }

/* Equal as ASCII without regard to case. */
bool twc_bytes_equal_nocase(const void *a, size_t an, const char *b, size_t bn);

/* One bit a character: ! # $ % & ' * + - . 0-9, A-Z ^ _, ` a-z | ~ */
extern const uint32_t twc_token_chars[8];

/* RFC 9110 5.6.2 tchar: what methods, field names and subprotocols are made of. */
static inline bool twc_is_token_char(uint8_t byte) { return twc_token_chars[byte >> 5] >> (byte & 31) & 1; }

/* One bit a character of ASCII: - . _ ~ ! $ & ' ( ) * + , ; = and letters and digits. */
extern const uint32_t twc_name_chars[4];

/* RFC 3986 2.3 and 2.2, unreserved and sub-delims: what a host name is made of (3.2.2), escapes aside. */
static inline bool twc_is_name_char(uint8_t byte) {
  return byte < 0x80 && (twc_name_chars[byte >> 5] >> (byte & 31) & 1) != 0;
}

/* RFC 9110 5.5: VCHAR, obs-text, SP and HTAB; a field value or a reason phrase holds nothing else. */
static inline bool twc_is_value_char(uint8_t byte) { return (byte >= 0x20 && byte != 0x7f) || byte == '\t'; }

#endif
