/* tls.h: TLS on a connected lwIP socket, client side. tls_esp.c does it through esp-tls; tls_none.c says that there is
 * none. A session takes its memory from the heap: it is the one thing in this component that does so after the start.
 */
#ifndef TWINWIRE_ESP32_TLS_H
#define TWINWIRE_ESP32_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "twinwire/tw_easy.h"

typedef struct tw_tls tw_tls;

/* What reading and writing return besides counts and errors of the table: nothing can be done now. */
enum { TW_TLS_AGAIN = -1000 };

/* Whether TLS can be done as `options` (NULL: defaults) ask. Returns 0, TW_ERR_UNSUPPORTED or TW_ERR_ARGUMENT. */
int32_t tw_tls_check(void *host, const tw_tls_options *options, bool server);

/* Makes a session for the connected, non-blocking socket `fd`, to a server that has to prove that it is `name`
 * (terminated, copied). Sends nothing yet. From now on the session owns the socket. Returns NULL if there is no memory
 * or no TLS; then the socket is still the caller's. */
tw_tls *tw_tls_open(int fd, const char *name, const tw_tls_options *options);

/* Goes on with the handshake. Returns 1 when it is done, TW_TLS_AGAIN, or TW_ERR_TLS... */
int32_t tw_tls_handshake(tw_tls *tls);

/* Returns bytes read, 0 at the peer's end, TW_TLS_AGAIN, or an error. */
int32_t tw_tls_read(tw_tls *tls, void *data, uint32_t size);

/* Returns bytes taken, TW_TLS_AGAIN (the same bytes, or more, are to be offered again), or an error. */
int32_t tw_tls_write(tw_tls *tls, const void *data, uint32_t size);

/* Whether deciphered bytes wait to be read, of which the socket knows nothing any more. */
bool tw_tls_pending(tw_tls *tls);

/* Says goodbye to the peer: close_notify, if it can be written now. */
void tw_tls_finish(tw_tls *tls);

/* Frees the session and closes its socket. */
void tw_tls_free(tw_tls *tls);

#endif
