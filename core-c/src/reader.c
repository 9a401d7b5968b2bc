/* reader.c: lends a stream's bytes to somebody else than its protocol. The state is in a block of the text pool, so
 * that a connection that has no such reader pays nothing. */
#include <string.h>

#include "src/internal.h"

void *twc_reader_begin(tw_core *core, tw_slot *slot, const tw_reader_ops *reader) {
  uint32_t got;
  if (!twc_chain_fits(&core->text_pool, &slot->reader_state, TW_READER_STATE))
    return NULL;
  slot->reader = reader;
  return memset(twc_chain_extend(&core->text_pool, &slot->reader_state, TW_READER_STATE, &got), 0, TW_READER_STATE);
}

void *twc_reader_state(const tw_core *core, const tw_slot *slot) {
  return core->text_pool.bytes + (size_t)slot->reader_state.head * TW_READER_STATE;
}

void twc_reader_end(tw_core *core, tw_slot *slot) {
  slot->reader = NULL;
  twc_chain_clear(&core->text_pool, &slot->reader_state);
}
