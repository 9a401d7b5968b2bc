/* deflate_library.h: a library for compression that is none: it writes down what was asked of it, and inflates pairs of
 * count and byte. What zlib does is tested against real peers, by test/posix. */
#ifndef TEST_C_API_DEFLATE_LIBRARY_H
#define TEST_C_API_DEFLATE_LIBRARY_H

#include "fixture.h"

/* ---- The library ---- */

enum { ENDS = 0xfe, MALFORMED = 0xfd }; /* in place of a count */

extern struct deflate_library {
  int open; /* streams */
  int opened_compressors;
  int compressed;
  int resets;
  uint32_t bits; /* of the stream that was opened last */
  bool no_memory;
  bool fails;
} library;

/* Begins a test: `start` with a host that has the library. */
void start_with_library(const char *name);

/* Ends it: checks that nothing is left when the handles are gone. */
void stop(void);

/* ---- WebSockets that compress ---- */

enum { TEXT = 0xc1, BINARY = 0xc2, BEGIN = 0x42, GO_ON = 0x00, END = 0x80, PLAIN = 0x81 }; /* first bytes of frames */

extern const tw_ws_deflate_options plain_options; /* the defaults */

/* Opens a WebSocket that offers compression, with `agreed` (NULL: none) as the server's answer. Its messages are added
 * to received_text, its errors and its end noted. */
int32_t open_agreed(const tw_ws_deflate_options *deflate, const char *agreed);
int32_t open_compressed(void);

void on_message(const WsMessage *e, void *ctx);
void on_error(const WsError *e, void *ctx);

/* Delivers a server's frame with a compressed message, or a part of one. */
void receive_frame(int32_t conn, uint8_t first, const void *payload, uint8_t size);

enum { RECEIVED = 1 << 18 };
extern char received_text[RECEIVED]; /* since reset_received */
extern uint32_t received_size;
extern unsigned parts, finals; /* events, and those with `final` */
void reset_received(void);

/* Returns whether one message was received, of `size` times `byte`. */
bool received_run(char byte, uint32_t size);

#endif
