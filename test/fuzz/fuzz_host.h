/* fuzz_host.h: a host that does what the fuzzer's bytes say and stops the program when the core breaks a rule of
 * port.h: calls for sockets that are not there, writes while one is pending, bytes that change while they are lent. */
#ifndef TEST_FUZZ_HOST_H
#define TEST_FUZZ_HOST_H

#include <stdbool.h>

#include "twinwire/core.h"

enum { FUZZ_SLOTS = 64, FUZZ_LENT = 4096 };

/* Bytes that decide what happens next; 0 when they are used up. */
typedef struct fuzz_input {
  const uint8_t *data;
  size_t size;
} fuzz_input;

uint8_t fuzz_byte(fuzz_input *input);
uint32_t fuzz_range(fuzz_input *input, uint32_t below);

typedef struct fuzz_socket {
  bool open;
  bool connected;
  bool securing;
  bool reading;
  bool finished;
  uint32_t kind;
  uint32_t lent; /* bytes of the pending write */
  tw_span spans[TW_MAX_SPANS];
  uint32_t span_count;
  uint8_t copy[FUZZ_LENT]; /* what they were */
  char key[24];            /* of the WebSocket handshake that was last written */
} fuzz_socket;

typedef struct fuzz_host {
  fuzz_input *input;
  const uint8_t *arena;
  uint32_t arena_size;
  fuzz_socket sockets[FUZZ_SLOTS]; /* by slot index */
  int32_t handles[FUZZ_SLOTS];     /* which handle the socket was opened for */
} fuzz_host;

/* Stops the program, saying why, unless `right`. */
void fuzz_check(bool right, const char *rule);

/* The socket that is open for a handle, or NULL. */
fuzz_socket *fuzz_socket_of(fuzz_host *host, int32_t handle);

/* Sees that the bytes of a pending write are as they were. */
void fuzz_check_lent(const fuzz_host *host, const fuzz_socket *socket);

#endif
