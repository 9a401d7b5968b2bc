/* internal.h: what the parts of the core share, a header for each concept. Nothing outside core-c includes it.
 *
 * layout.c lays the tw_core out, core.c takes the deliveries and is the only caller of the port. calls.c takes the
 * application's calls. A protocol (proto/) is a table of functions that core.c and calls.c call for slots of its kind.
 */
#ifndef TW_INTERNAL_H
#define TW_INTERNAL_H

#include "src/events.h"
#include "src/protocol.h"
#include "src/slot.h"
#include "src/socket.h"
#include "src/state.h"
#include "src/text.h"
#include "src/tx.h"

#endif
