/* protocols.c: which protocol serves which kind of handle. A new protocol is a new folder in proto/ and a line here. */
#include "proto/dgram/dgram.h"
#include "proto/listen/listen.h"
#include "proto/stream/stream.h"
#include "proto/ws/ws.h"
#include "src/core.h"

static const tw_protocol_ops *const protocols[] = {
    [TW_KIND_TCP] = &tw_stream_protocol,
    [TW_KIND_UDP] = &tw_dgram_protocol,
    [TW_KIND_WS] = &tw_ws_protocol_ops,
    [TW_KIND_LISTENER] = &tw_listen_protocol,
};

const tw_protocol_ops *tw_protocol_of(const tw_slot *slot) { return protocols[slot->kind]; }

void tw_protocols_lay_out(tw_core *core, const tw_limits *limits, tw_arena *arena) {
  core->web_sockets = tw_arena_take(arena, limits->webSockets, sizeof *core->web_sockets);
}
