/* websocket.h: an open WebSocket on a port that does everything at once, for the targets that feed one side of it. */
#ifndef TEST_FUZZ_WEBSOCKET_H
#define TEST_FUZZ_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "twinwire/core.h"

enum { LOG_SIZE = 1 << 16 };

/* What the application saw: types and bytes, without where its parts ended. */
typedef struct event_log {
  size_t size;
  uint8_t bytes[LOG_SIZE];
} event_log;

/* Makes a core whose WebSocket is the client or the server; `fuzz_handle` is its handle. `open`: after the opening
 * handshake, without which a client waits for the answer. */
tw_core *fuzz_web_socket(bool server, bool open, uint32_t options, event_log *log);
extern int32_t fuzz_handle;

/* Delivers bytes in pieces of sizes that follow from `split` (0: as large as can be), and carries out what follows. */
void fuzz_deliver(tw_core *core, const uint8_t *data, size_t size, uint32_t split, event_log *log);

/* Ends the program, showing both, if two runs of the same bytes differ. */
void fuzz_compare(const event_log *one, const event_log *other);

#endif
