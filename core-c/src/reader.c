/* reader.c: lends a stream's bytes to a reader other than its protocol. The state is in a block of the text pool, so
 * that a connection that has no such reader pays nothing. */
#include <string.h>

#include "src/internal.h"

void *twc_reader_begin(tw_core *core, tw_slot *slot, const tw_reader_ops *reader) {
  uint32_t got;
  tw_chain state;
  twc_chain_init(&state);
  if (!twc_chain_fits(&core->text_pool, &state, TW_READER_STATE))
    return NULL;
  uint8_t *bytes = twc_chain_extend(&core->text_pool, &state, TW_READER_STATE, &got);
  slot->reader = reader;
  slot->reader_block = state.head;
  return memset(bytes, 0, TW_READER_STATE);
}

void *twc_reader_state(const tw_core *core, const tw_slot *slot) {
  return core->text_pool.bytes + (size_t)slot->reader_block * TW_READER_STATE;
}

void twc_reader_end(tw_core *core, tw_slot *slot) {
  if (slot->reader == NULL)
    return;
  slot->reader = NULL;
  twc_block_release(&core->text_pool, slot->reader_block);
}
