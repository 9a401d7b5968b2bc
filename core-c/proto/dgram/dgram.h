/* dgram.h: UDP. No queue: a datagram is sent at once or refused. */
#ifndef TW_PROTO_DGRAM_H
#define TW_PROTO_DGRAM_H

#include "src/internal.h"

extern const tw_protocol_ops tw_dgram_protocol;

#endif
