/* tls_role.h: the two sides of a TLS session, for tls_esp.c. The client's is there too. The server's has two files:
 * tls_server_esp.c where esp-tls can serve without blocking (ESP-IDF 5.5 or newer), else tls_server_none.c. */
#ifndef TWINWIRE_ESP32_TLS_ROLE_H
#define TWINWIRE_ESP32_TLS_ROLE_H

#include <stdbool.h>

#include "esp_tls.h"
#include "twinwire/host.h"

/* Whether connections can be served over TLS. */
bool tw_esp_tls_can_serve(void);

/* Prepares `tls` for serving on `fd`, by cert, key, ca and alpn of the options. Returns whether it could. */
bool tw_esp_tls_serve(esp_tls_t *tls, int fd, const tw_tls_options *options);

/* Goes on with the handshake. Returns 1 when it is done, 0: later, or a negative number. */
int tw_esp_tls_serve_on(esp_tls_t *tls);

/* ---- resume.c, or resume_none.c: client sessions that are kept, CONFIG_TWINWIRE_TLS_RESUME ---- */

/* Makes `config` resume what was kept for the slot, if it was for the same name and options. */
void tw_esp_resume_use(uint32_t slot, const char *name, const tw_tls_options *options, esp_tls_cfg_t *config);

/* Keeps the session of `tls` for the slot, in place of what it had. */
void tw_esp_resume_keep(uint32_t slot, const char *name, const tw_tls_options *options, esp_tls_t *tls);

/* Forgets what the slot has: a server that refuses a session is not asked again. */
void tw_esp_resume_drop(uint32_t slot);

void tw_esp_resume_forget(void);

#endif
