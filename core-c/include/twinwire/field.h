/* field.h: a header field, as the core interface and the C API take it. */
#ifndef TWINWIRE_FIELD_H
#define TWINWIRE_FIELD_H

/* A header of a WebSocket handshake: two terminated texts. */
typedef struct tw_ws_field {
  const char *name;
  const char *value;
} tw_ws_field;

#endif
