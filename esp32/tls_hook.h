/* tls_hook.h: the application's own settings of esp-tls (twinwire/tw_esp_tls.h). */
#ifndef TWINWIRE_ESP32_TLS_HOOK_H
#define TWINWIRE_ESP32_TLS_HOOK_H

#include <stdbool.h>

#include "esp_tls.h"

/* Lets the application change `config` for the server `name`. Returns whether there is such a function. */
bool tw_esp_tls_hooked(const char *name, esp_tls_cfg_t *config);

#endif
