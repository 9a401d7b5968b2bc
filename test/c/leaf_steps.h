/* leaf_steps.h: runs the steps of vectors that test one pure function, and checks properties on random input. */
#ifndef TEST_LEAF_STEPS_H
#define TEST_LEAF_STEPS_H

#include <stddef.h>
#include <stdint.h>

/* One step of a vector: a flat array of texts and integers. text[i] is NULL where entry i is an integer, which is
 * number[i]; texts hold any bytes, NUL included, and have a size. */
typedef struct {
  int count;
  const char *const *text;
  const size_t *size;
  const long long *number;
} test_step;

/* Runs one step. Returns 1 if it was one of these and held, 0 if it did not hold (`why` then says what came out), -1 if
 * it is none of these. `hex` is hex; `bytes`, `text`, `host` and items are text, or bytes as buffer.h's bytes_parse
 * reads them.
 *
 *   sha1         hex digest
 *   sha1-repeat  hex count digest       the bytes `count` times
 *   base64       hex text
 *   utf8         hex bad                index of the first bad byte, -1: good, -2: good so far but not at a character's
 *                                       end. Whole, byte by byte, at every split, and after ASCII of several lengths
 *   mask         key phase in out       all hex; copied and in place
 *   url          bytes result [host port target flags]    result "ok" or an error's name. flags: tw_url_flag
 *   url-encode   bytes text             every byte through twc_url_encode_byte
 *   ip           bytes family            4, 6 or 0
 *   signature    text number
 *   event-signature name text number    and the generated header has the same for the event of that name
 *   head         kind bytes item...     kind "request" or "response"; items as leaf_head.h lists them. Whole, byte by
 *                                       byte, and at every split
 *   head-limit   kind max bytes item... the same for a head of at most `max` bytes */
int leaf_step(const test_step *step, char *why, size_t why_size);

/* Checks properties on random input: the same input every time, some seconds under sanitizers. Returns 1, or 0 and
 * `why`. */
int leaf_random(char *why, size_t why_size);

/* Checks one input, whose first byte chooses the property: what leaf_random calls, and a fuzzer may. */
int leaf_check(const uint8_t *data, size_t size, char *why, size_t why_size);

#endif
