/* reason.c: why TLS refused a peer, for logs. */
#include <string.h>

#include <openssl/err.h>

#include "tls/tls.h"

static _Thread_local char reason[256];

const char *tw_posix_tls_reason(void) { return reason; }

void tw_tls_note(const char *text) {
  size_t size = strlen(text);
  if (size >= sizeof reason)
    size = sizeof reason - 1;
  memcpy(reason, text, size);
  reason[size] = 0;
}

void tw_tls_note_queue(const char *otherwise) {
  unsigned long code = ERR_peek_last_error();
  const char *text = code == 0 ? NULL : ERR_reason_error_string(code);
  tw_tls_note(text == NULL ? otherwise : text);
  ERR_clear_error();
}
