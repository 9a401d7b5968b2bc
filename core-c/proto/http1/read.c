/* read.c: a stream read as one HTTP message, in place of its protocol. */
#include "proto/http1/message.h"
#include "src/internal.h"
#include "src/peers.h"
#include "src/utf8.h"

_Static_assert(sizeof(tw_message) <= TW_READER_STATE, "a reader's state is one block");

static tw_message *message_of(const tw_core *core, const tw_slot *slot) { return twc_reader_state(core, slot); }

static void deliver_body(tw_core *core, tw_slot *slot, tw_event *event, const tw_message_part *part) {
  if (twc_ascii_prefix(part->data, part->size) == part->size)
    event->flags |= TW_FLAG_ASCII;
  if (slot->window == 0)
    return;
  slot->unread += (uint32_t)part->size;
  twc_socket_update_reading(core, slot);
}

static void report(tw_core *core, tw_slot *slot, const tw_message *message, const tw_message_part *part) {
  static const uint16_t types[] = {[TW_MESSAGE_HEAD] = TW_EVENT_HTTP_HEAD,
                                   [TW_MESSAGE_BODY] = TW_EVENT_HTTP_BODY,
                                   [TW_MESSAGE_TRAILER] = TW_EVENT_HTTP_TRAILER};
  tw_event *event = twc_event_make(core, slot, types[part->type]);
  event->flags = (uint16_t)((part->first ? TW_FLAG_FIRST : 0) | (part->final ? TW_FLAG_FINAL : 0));
  event->data = part->size == 0 ? 0 : (uint32_t)(part->data - core->arena);
  event->size = (uint32_t)part->size;
  if (part->type == TW_MESSAGE_BODY) {
    deliver_body(core, slot, event, part);
  } else if (part->type == TW_MESSAGE_HEAD && part->final) {
    event->code = message->head.number; /* 0 in a request */
    event->detail = message->flags;
  }
}

/* The message is over: the protocol reads again, unless there was an error. Then the meaning of the bytes is unknown.
 */
static void finish(tw_core *core, tw_slot *slot, const tw_message *message) {
  tw_event *event = twc_event_make(core, slot, TW_EVENT_HTTP_END);
  event->code = message->error;
  event->detail = twc_message_answer(message);
  if (message->error == 0)
    twc_reader_end(core, slot);
}

/* Whether a request is one too many from its peer's address. */
static bool is_refused(tw_core *core, const tw_slot *slot, const tw_message *message) {
  return core->peers != NULL && (message->read & TW_HTTP_READ_RESPONSE) == 0 && !core->peers->message(core, slot);
}

static uint32_t received(tw_core *core, tw_slot *slot, uint8_t *data, uint32_t size) {
  enum { RECORDS = 2 }; /* the last part and the end: nothing would come that could make the second one later */
  tw_message *message = message_of(core, slot);
  uint32_t at = 0;
  if (slot->state != TW_STATE_OPEN || message->over)
    return size;
  while (at < size && !message->over) {
    size_t used;
    tw_message_part part;
    if (twc_events_room(core) < RECORDS) {
      twc_events_seal(core);
      return at;
    }
    twc_message_next(message, data + at, size - at, &used, &part);
    at += (uint32_t)used;
    if (part.type == TW_MESSAGE_HEAD && part.final && is_refused(core, slot, message)) {
      part.final = false; /* the only answer to it is its error */
      twc_message_refuse(message, TW_ERR_ADDRESS_LIMIT);
    }
    if (part.type != TW_MESSAGE_NONE)
      report(core, slot, message, &part);
  }
  if (message->over)
    finish(core, slot, message);
  return at;
}

static void ended(tw_core *core, tw_slot *slot) {
  tw_message *message = message_of(core, slot);
  tw_message_part part;
  if (slot->state != TW_STATE_OPEN || message->over)
    return;
  twc_message_end(message, &part);
  if (part.type != TW_MESSAGE_NONE)
    report(core, slot, message, &part);
  finish(core, slot, message);
}

static const tw_reader_ops reader = {.received = received, .ended = ended};

int32_t twc_http_read(tw_core *core, int32_t handle, uint32_t flags, uint32_t max_body) {
  const uint32_t of_response = TW_HTTP_READ_RESPONSE | TW_HTTP_READ_NO_BODY | TW_HTTP_READ_TUNNEL;
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_TCP);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if ((flags & ~of_response) != 0 || (flags != 0 && (flags & TW_HTTP_READ_RESPONSE) == 0))
    return TW_ERR_ARGUMENT;
  if (slot->state != TW_STATE_OPEN || slot->reader != NULL || slot->phase != TW_PHASE_OPEN)
    return TW_ERR_STATE;
  tw_message *message = twc_reader_begin(core, slot, &reader);
  if (message == NULL)
    return TW_ERR_MEMORY;
  twc_message_init(message, flags, max_body, &core->limits);
  return 0;
}
