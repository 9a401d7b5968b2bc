/* tls.h: TLS on a connected lwIP socket. tls_esp.c does it through esp-tls; tls_none.c stands for a component without
 * TLS. A session takes its memory from the heap: nothing else in this component does so after the start. */
#ifndef TWINWIRE_ESP32_TLS_H
#define TWINWIRE_ESP32_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "twinwire/host.h"

typedef struct tw_esp_tls tw_esp_tls;

/* What the functions below return besides counts and errors of the table: nothing can be done now. */
enum { TW_ESP_TLS_AGAIN = -1000 };

/* Warns of what is configured so that it protects less than a reader would expect. Called at the start. */
void tw_esp_tls_warn(void);

/* Whether TLS can be done as `options` (NULL: defaults) ask. Returns 0, TW_ERR_UNSUPPORTED or TW_ERR_ARGUMENT. */
int32_t tw_esp_tls_check(void *host, const tw_tls_options *options, bool server);

/* Makes a session for the connected, non-blocking socket `fd`. As a client: with a server that has to prove that it is
 * `name` (terminated, copied). With `name` NULL: as the server. Sends nothing yet. `slot` is the number of the handle's
 * slot: a client session of the same slot with the same name and options is resumed. From now on the session owns the
 * socket. Returns 0, or TW_ERR_MEMORY, TW_ERR_TLS (as for authorities that can't be parsed) or TW_ERR_TLS_UNTRUSTED
 * (there is nobody to trust); then the socket is still the caller's. */
int32_t tw_esp_tls_open(tw_esp_tls **made, int fd, uint32_t slot, const char *name, const tw_tls_options *options);

/* Goes on with the handshake. Returns 1 when it is done, TW_ESP_TLS_AGAIN, or an error. */
int32_t tw_esp_tls_handshake(tw_esp_tls *tls);

/* Whether what was last refused with TW_ESP_TLS_AGAIN waits for room to write, and not for bytes to read. */
bool tw_esp_tls_wants_write(const tw_esp_tls *tls);

/* Returns bytes read, 0 after the peer's close_notify, TW_ESP_TLS_AGAIN, or an error: TW_ERR_ENDED if the stream was
 * cut off, that is, ended without close_notify. */
int32_t tw_esp_tls_read(tw_esp_tls *tls, void *data, uint32_t size);

/* Returns bytes taken, TW_ESP_TLS_AGAIN (the same bytes, or more, are to be offered again), or an error. */
int32_t tw_esp_tls_write(tw_esp_tls *tls, const void *data, uint32_t size);

/* Whether deciphered bytes wait to be read, of which the socket no longer knows. */
bool tw_esp_tls_pending(tw_esp_tls *tls);

/* Sends close_notify. Returns 0, or TW_ESP_TLS_AGAIN: to be called again. */
int32_t tw_esp_tls_finish(tw_esp_tls *tls);

/* Frees the session and closes its socket. */
void tw_esp_tls_free(tw_esp_tls *tls);

/* Frees what is kept for connections to come: sessions to resume, parsed authorities. Called at the end, when all
 * sessions are freed. */
void tw_esp_tls_forget(void);

#endif
