/* calls.h: tests of the core's calls that the vectors, which also run on devices, cannot express: wrong arguments, full
 * memory, and states that only a program brings about. */
#ifndef TW_CALLS_H
#define TW_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stub_port.h"
#include "twinwire/core.h"

enum { ARENA_SIZE = 1 << 17 };

/* ---- fixture.c ---- */

extern uint8_t arena[ARENA_SIZE];
extern tw_core *core;
extern const tw_limits limits; /* small ones, so that memory and tables can be filled */

/* What has been drained since `start`. */
extern tw_event last_error; /* the last ERROR record */
extern uint32_t events;
extern uint32_t head_offset; /* where the last HTTP_HEAD began in the receive buffer */

void check_at(bool right, const char *what, int line);
#define CHECK(condition) check_at((condition), #condition, __LINE__)

/* Returns how many checks have failed since it was last called. */
unsigned take_failures(void);

/* Begins a test, or a part of one: a new core, and a stub that has seen nothing. `name` is printed where a check fails.
 */
void start(const char *name);

/* Drains `ready` records and those that follow. */
void drain(uint32_t ready);

/* Flushes, and drains, until the core has nothing left to write. */
void settle(void);

/* Delivers bytes to a handle. */
void receive(int32_t handle, const char *text, size_t size);

/* Opens a WebSocket as a client; it is connecting. */
int32_t open_ws(void);

/* Returns an open connection that a new listener has accepted. */
int32_t accepted_stream(void);

/* Returns whether the bytes that the core has written contain `text`. */
bool wrote(const char *text);

/* Fills the text pool, but for less than a header of one letter needs, with headers of `ws`. */
void fill_text_pool(int32_t ws);

/* The head of a valid opening handshake, with more header fields, each ended by CRLF. */
#define OPENING(more)                                                                                                  \
  "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                         \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" more "\r\n"

/* ---- the tests ---- */

/* arguments.c */
void test_init(void);
void test_arguments(void);
void test_texts(void);
void test_names(void);
void test_hosts(void);

/* handshake.c */
void test_headers(void);
void test_credentials(void);
void test_judge(void);
void test_deflate_offers(void);
void test_no_offer(void);
void test_accept(void);
void test_answers(void);

/* memory.c */
void test_full_memory(void);
void test_full_pool(void);
void test_full_tables(void);

/* states.c */
void test_broadcast(void);
void test_listener_gone(void);
void test_datagrams(void);
void test_faults(void);
void test_close(void);
void test_longest_wait(void);

#endif
