/* stream.h: TCP as the application sees it: bytes out, bytes in. */
#ifndef TW_PROTO_STREAM_H
#define TW_PROTO_STREAM_H

#include "src/core.h"

extern const tw_protocol_ops tw_stream_protocol;

#endif
