/* runs.h: how far bytes of one class go: what most of an HTTP head is made of. */
#ifndef TW_RUNS_H
#define TW_RUNS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes at the start of [data, data + size) that are RFC 9110 token characters. */
size_t twc_token_run(const uint8_t *data, size_t size);

/* ... that are visible ASCII. RFC 9112 3.2: no form of the target has whitespace, a URI is of these. */
size_t twc_target_run(const uint8_t *data, size_t size);

/* ... that may stand in a field value or a reason phrase, RFC 9110 5.5. */
size_t twc_value_run(const uint8_t *data, size_t size);

/* ... that may stand in a path and query, and are visible ASCII. RFC 9112 3.2: a target has no fragment; " < > are in
 * no URI. The others that RFC 3986 leaves out ([ \ ] ^ ` { | }) stay: browsers send them. */
size_t twc_path_run(const uint8_t *data, size_t size);

#endif
