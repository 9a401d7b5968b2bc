/* head.h: the head of an HTTP/1.x message (RFC 9112 2 to 5), read piece by piece.
 *
 * Pull style: the caller offers bytes and asks for the next token until it is TW_HEAD_NEED, TW_HEAD_END or an error.
 * Nothing is stored but the state; the tokens point into the caller's bytes. An item (a name, a value ...) comes as one
 * or more parts, an empty one as none; the parts of an item put together are the same however the input was split.
 *
 *   size_t used;
 *   tw_head_token token;
 *   do {
 *     int32_t error = twc_head_next(&head, data, size, &used, &token);
 *     data += used, size -= used;
 *     if (error != 0) return error;
 *     on_token(&token);
 *   } while (token.type != TW_HEAD_NEED && token.type != TW_HEAD_END);
 *
 * Response: EMPTY_LINE* STATUS REASON* (NAME+ VALUE* FIELD_END)* END.
 * Request:  EMPTY_LINE* METHOD+ TARGET+ VERSION (NAME+ VALUE* FIELD_END)* END.
 * Trailers: (NAME+ VALUE* FIELD_END)* END.
 *
 * Strict: what RFC 9112 calls malformed is refused at the first byte that proves it, leniency that RFC 9112 offers is
 * not taken (bare LF, obs-fold, whitespace around names or before the colon). Two exceptions can't be read in two ways:
 * empty lines before the first line (RFC 9112 2.2), and a status line that ends behind the status. Fields are not
 * interpreted. */
#ifndef TW_HTTP1_HEAD_H
#define TW_HTTP1_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tw_head_kind { TW_HEAD_RESPONSE, TW_HEAD_REQUEST, TW_HEAD_TRAILERS } tw_head_kind;

typedef enum tw_head_type {
  TW_HEAD_NEED,       /* all input is consumed, more is wanted */
  TW_HEAD_EMPTY_LINE, /* before the first line: no part of the message */
  TW_HEAD_STATUS,     /* number: the status code, 0 to 999; minor */
  TW_HEAD_REASON,     /* part of the reason phrase */
  TW_HEAD_METHOD,     /* part of the method, an RFC 9110 token */
  TW_HEAD_TARGET,     /* part of the request target: visible ASCII, its form is not checked */
  TW_HEAD_VERSION,    /* minor; ends the request line */
  TW_HEAD_NAME,       /* part of a field name, in the case it was sent */
  TW_HEAD_VALUE,      /* part of a field value. Leading OWS is skipped; trailing OWS is the caller's to trim */
  TW_HEAD_FIELD_END,  /* the field is whole */
  TW_HEAD_END         /* the head is whole; the first byte not consumed is the body's */
} tw_head_type;

typedef struct tw_head_token {
  tw_head_type type;
  uint16_t number;     /* STATUS: the code */
  uint8_t minor;       /* STATUS, VERSION: x of HTTP/1.x */
  const uint8_t *data; /* parts: borrowed from the input, `size` bytes, at least one */
  size_t size;
} tw_head_token;

/* Private. */
typedef struct tw_head {
  uint32_t left;        /* bytes the head may still have */
  uint32_t line_left;   /* bytes its line may still have */
  uint32_t max_line;    /* bytes of a line */
  uint32_t fields_left; /* fields that may still come */
  int16_t error;        /* the error that ended it, or 0 */
  uint16_t number;
  uint8_t kind;
  uint8_t state;
  uint8_t at; /* bytes seen of a text of fixed length */
  uint8_t minor;
} tw_head;

/* Makes ready for one head of at most `max_bytes`, its empty line included. */
void twc_head_init(tw_head *head, tw_head_kind kind, uint32_t max_bytes);

/* Bounds its lines to `max_line` bytes, line ends included, and its fields to `max_fields`. Right after twc_head_init,
 * which leaves both unbounded. */
void twc_head_bound(tw_head *head, uint32_t max_line, uint32_t max_fields);

/* Whether a byte of the head has come; empty lines before it are none of it. Of a response or a request. */
bool twc_head_begun(const tw_head *head);

/* Consumes bytes of [data, data + size), sets *used and fills *token. Returns 0; or TW_ERR_HTTP,
 * TW_ERR_HTTP_VERSION (not HTTP/1) or TW_ERR_HEAD_TOO_LARGE, with *used the index of the byte that proved it and no
 * token; the error is final. After END no more is consumed. */
int32_t twc_head_next(tw_head *head, const uint8_t *data, size_t size, size_t *used, tw_head_token *token);

/* A field line that came whole. Its name and its value, without the white space in front of it, are borrowed from the
 * input. */
typedef struct tw_head_field {
  const uint8_t *name;
  size_t name_size;
  const uint8_t *value;
  size_t value_size; /* may be 0 */
} tw_head_field;

/* Consumes the next field line at once, if it lies in [data, data + size) whole and is in order, which is what most
 * heads are made of. Returns its bytes, or 0: then twc_head_next consumes it piece by piece, or finds what is wrong. */
size_t twc_head_whole_field(tw_head *head, const uint8_t *data, size_t size, tw_head_field *field);

#endif
