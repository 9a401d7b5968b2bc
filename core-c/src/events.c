/* events.c: the records. Data events are made while their bytes are parsed, and parsing stops when the records are
 * full. Lifecycle events are bits of their slot until there is room, so none is ever lost and none needs memory. */
#include "src/core.h"

uint32_t tw_events_room(const tw_core *core) {
  return core->events_sealed ? 0 : core->limits.events - core->event_count;
}

void tw_events_seal(tw_core *core) { core->events_sealed = true; }

tw_event *tw_event_make(tw_core *core, const tw_slot *slot, uint32_t type) {
  tw_event *event = &core->events[core->event_count++];
  *event = (tw_event){.type = (uint16_t)type, .handle = tw_slot_handle(core, slot)};
  return event;
}

void tw_event_raise(tw_core *core, tw_slot *slot, uint32_t raised_bit) {
  slot->raised |= raised_bit;
  tw_queue_push(&core->raised, tw_slot_index(core, slot));
}

void tw_event_raise_error(tw_core *core, tw_slot *slot, const tw_end *end, uint32_t retry_ms) {
  slot->error = end->error;
  slot->error_step = end->step;
  slot->error_detail = end->detail;
  slot->error_retry_ms = retry_ms;
  tw_event_raise(core, slot, TW_RAISED_ERROR);
}

static void make_one(tw_core *core, tw_slot *slot) {
  tw_event *event;
  if ((slot->raised & TW_RAISED_CONNECTED) != 0) {
    slot->raised &= ~(uint32_t)TW_RAISED_CONNECTED;
    tw_event_make(core, slot, TW_EVENT_CONNECTED);
  } else if ((slot->raised & TW_RAISED_DRAIN) != 0) {
    slot->raised &= ~(uint32_t)TW_RAISED_DRAIN;
    tw_event_make(core, slot, TW_EVENT_DRAIN);
  } else if ((slot->raised & TW_RAISED_ERROR) != 0) {
    slot->raised &= ~(uint32_t)TW_RAISED_ERROR;
    event = tw_event_make(core, slot, TW_EVENT_ERROR);
    event->code = slot->error;
    event->step = (uint16_t)slot->error_step;
    event->detail = slot->error_detail;
    event->retry_ms = slot->error_retry_ms;
  } else {
    slot->raised &= ~(uint32_t)TW_RAISED_DISCONNECTED;
    event = tw_event_make(core, slot, TW_EVENT_DISCONNECTED);
    event->flags = (uint16_t)slot->end_flags;
    event->code = slot->end_code;
    event->detail = slot->end_unsent;
    event->retry_ms = slot->end_retry_ms;
  }
}

void tw_events_collect(tw_core *core) {
  while (!tw_queue_empty(&core->raised)) {
    tw_slot *slot = &core->slots[core->raised.first];
    while (slot->raised != 0) {
      if (tw_events_room(core) == 0)
        return;
      make_one(core, slot);
    }
    tw_queue_pop(&core->raised);
  }
}
