/* protocols.c: the memory that protocols keep beside the slots. Which protocol a slot speaks is decided by the call
 * that opens it; there is no table of all of them, so that a program is linked with those it uses. */
#include "proto/ws/ws.h"
#include "src/internal.h"

void twc_protocols_lay_out(tw_core *core, const tw_limits *limits, tw_arena *arena) {
  core->web_sockets = twc_arena_take(arena, limits->webSockets, sizeof *core->web_sockets);
}
