/* field.h: a header field, which core.h and ws.h share. */
#ifndef TWINWIRE_FIELD_H
#define TWINWIRE_FIELD_H

/* A header field of a WebSocket handshake. Both texts are terminated by NUL. */
typedef struct tw_ws_field {
  const char *name;
  const char *value;
} tw_ws_field;

#endif
