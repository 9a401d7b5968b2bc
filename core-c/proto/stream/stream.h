/* stream.h: TCP as the application sees it: bytes out, bytes in. */
#ifndef TW_PROTO_STREAM_H
#define TW_PROTO_STREAM_H

#include "src/internal.h"

extern const tw_protocol_ops tw_stream_protocol;

/* A stream for this target that does not connect yet (twc_life_open). NULL: *error says why. */
tw_slot *twc_stream_make(tw_core *core, const char *target, uint32_t size, uint16_t port, int32_t *error);

#endif
