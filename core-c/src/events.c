/* events.c: the records. Data events are made while their bytes are parsed, and parsing stops when the records are
 * full. Lifecycle events are bits of their slot until there is room, so none is ever lost and none needs memory. */
#include "src/internal.h"

uint32_t twc_events_room(const tw_core *core) {
  return core->events_sealed ? 0 : core->limits.events - core->event_count;
}

void twc_events_seal(tw_core *core) { core->events_sealed = true; }

tw_event *twc_event_make(tw_core *core, const tw_slot *slot, uint32_t type) {
  tw_event *event = &core->events[core->event_count++];
  *event = (tw_event){.type = (uint16_t)type, .handle = twc_slot_handle(core, slot)};
  return event;
}

void twc_event_raise(tw_core *core, tw_slot *slot, uint32_t raised_bit) {
  slot->raised |= raised_bit;
  twc_slot_queue(core, &core->raised, slot);
}

void twc_event_raise_error(tw_core *core, tw_slot *slot, const tw_end *end, uint32_t retry_ms) {
  slot->error = end->error;
  slot->error_step = end->step;
  slot->error_detail = end->detail;
  slot->error_retry_ms = retry_ms;
  twc_event_raise(core, slot, TW_RAISED_ERROR);
}

/* Makes the record of the lowest bit that is raised. */
static void make_one(tw_core *core, tw_slot *slot) {
  static const uint8_t types[] = {TW_EVENT_ACCEPTED, TW_EVENT_CONNECTED, TW_EVENT_SECURED,
                                  TW_EVENT_DRAIN,    TW_EVENT_ENDED,     TW_EVENT_DEADLINE,
                                  TW_EVENT_DEADLINE, TW_EVENT_ERROR,     TW_EVENT_DISCONNECTED}; /* in their order */
  uint32_t place = 0;
  while ((slot->raised >> place & 1) == 0)
    place++;
  uint32_t bit = 1u << place;
  slot->raised ^= bit;
  tw_event *event = twc_event_make(core, slot, types[place]);
  switch (bit) {
  case TW_RAISED_ACCEPTED:
    event->detail = (uint32_t)slot->listener;
    break;
  case TW_RAISED_READ_DEADLINE:
  case TW_RAISED_WRITE_DEADLINE:
    event->detail = bit == TW_RAISED_READ_DEADLINE ? TW_DEADLINE_READ : TW_DEADLINE_WRITE;
    break;
  case TW_RAISED_ERROR:
    event->code = slot->error;
    event->step = (uint16_t)slot->error_step;
    event->detail = slot->error_detail;
    event->retry_ms = slot->error_retry_ms;
    break;
  case TW_RAISED_DISCONNECTED:
    event->flags = (uint16_t)slot->end_flags;
    event->code = slot->end_code;
    event->detail = slot->end_unsent;
    event->retry_ms = slot->end_retry_ms;
    break;
  default:
    break;
  }
}

void twc_events_collect(tw_core *core) {
  while (!twc_queue_empty(&core->raised)) {
    tw_slot *slot = &core->slots[core->raised.first];
    while (slot->raised != 0) {
      if (twc_events_room(core) == 0)
        return;
      make_one(core, slot);
    }
    twc_queue_pop(&core->raised);
  }
}
