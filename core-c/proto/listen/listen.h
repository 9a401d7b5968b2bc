/* listen.h: server sockets. What they accept are streams with a handle of their own. */
#ifndef TW_PROTO_LISTEN_H
#define TW_PROTO_LISTEN_H

#include "src/internal.h"

extern const tw_protocol_ops tw_listen_protocol;

#endif
