/* fuzz_http.h: HTTP messages, proxies and the serving of WebSockets, as core_fuzz chooses them. */
#ifndef TEST_FUZZ_HTTP_H
#define TEST_FUZZ_HTTP_H

#include "fuzz_host.h"

enum { FUZZ_TEXT = 400 }; /* bytes of a message at most */

/* Writes a head, a body or a piece of them: mostly right, so that what follows is reached. Returns its bytes. */
uint32_t fuzz_http_text(fuzz_input *input, uint8_t *to);

/* Opens through a proxy: a handle or an error. */
int32_t fuzz_http_open(tw_core *core, fuzz_input *input);

/* Queues a message or a part of one; what the call returned. */
int32_t fuzz_http_send(tw_core *core, fuzz_input *input, int32_t handle);

/* Asks for a message. */
int32_t fuzz_http_read(tw_core *core, fuzz_input *input, int32_t handle);

/* Makes a WebSocket of a stream, or sets what only WebSockets have. */
void fuzz_serve(tw_core *core, fuzz_input *input, int32_t handle);

/* Sends one message to several. */
void fuzz_broadcast(tw_core *core, fuzz_input *input, const int32_t *handles, uint32_t count);

#endif
