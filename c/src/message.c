/* message.c: messages that come in pieces. The core hands parts on and keeps none; they are joined where there is
 * memory, and passed on as they are where there is none. */
#include <string.h>

#include "handles.h"

enum { FIRST_GROWTH = 4096 };

static void deliver(tw_handles *handles, tw_handles_slot *slot, bool text, char *data, uint32_t size, bool final) {
  tw_handles_join *join = tw_handles_join_of(handles, slot);
  WsMessage event = {
      .message = data, .size = size, .conn = slot->handle, .binary = !text, .first = !join->delivered, .final = final};
  join->delivered = true;
  char behind = data[size];
  data[size] = 0;
  tw_handles_call(handles, slot, TW_HANDLES_WsMessage, &event);
  data[size] = behind;
}

static void give_back(tw_handles *handles, tw_handles_join *join) {
  if (join->lent || join->buffer == NULL)
    return;
  handles->host.resize(handles->host.host, join->buffer, 0);
  join->buffer = NULL;
  join->room = 0;
}

/* Where `size` more bytes can be joined, and a NUL behind them; NULL: nowhere. */
static char *room(tw_handles *handles, tw_handles_join *join, uint32_t size) {
  uint32_t need = join->size + size; /* at most maxMessage: the core has seen to that */
  if (need < join->room)
    return join->buffer;
  if (join->lent || handles->host.resize == NULL)
    return NULL;
  uint32_t most = handles->max_message;
  uint32_t wanted = join->room > most / 2 ? most : join->room * 2;
  wanted = (wanted < FIRST_GROWTH ? FIRST_GROWTH : wanted) + 1;
  if (wanted <= need)
    wanted = need + 1;
  char *grown = handles->host.resize(handles->host.host, join->buffer, wanted);
  if (grown == NULL)
    return NULL;
  join->buffer = grown;
  join->room = wanted;
  return grown;
}

static void reset(tw_handles *handles, tw_handles_join *join) {
  give_back(handles, join);
  join->size = 0;
  join->coming = join->delivered = join->through = false;
}

/* There is no memory for all of it: what is joined so far is delivered, and what follows as it comes. */
static void pass_on(tw_handles *handles, tw_handles_slot *slot, tw_handles_join *join, bool text) {
  join->through = true;
  uint32_t size = join->size;
  join->size = 0;
  if (size > 0)
    deliver(handles, slot, text, join->buffer, size, false);
}

void tw_handles_part(tw_handles *handles, tw_handles_slot *slot, uint32_t flags, char *data, uint32_t size) {
  tw_handles_join *join = tw_handles_join_of(handles, slot);
  int32_t handle = slot->handle;
  bool text = (flags & TW_FLAG_TEXT) != 0;
  bool final = (flags & TW_FLAG_FINAL) != 0;
  bool whole = final && (flags & TW_FLAG_FIRST) != 0;
  if ((flags & TW_FLAG_FIRST) != 0)
    reset(handles, join);
  join->coming = true;
  if (!whole && !join->parts && !join->through) {
    char *to = room(handles, join, size);
    if (to != NULL) {
      memcpy(to + join->size, data, size);
      join->size += size;
      if (final)
        deliver(handles, slot, text, to, join->size, true);
    } else {
      pass_on(handles, slot, join, text);
      if (slot->handle == handle && !slot->released)
        deliver(handles, slot, text, data, size, final);
    }
  } else {
    deliver(handles, slot, text, data, size, final);
  }
  if (final && slot->handle == handle)
    reset(handles, join);
}

void tw_handles_message(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, char *data) {
  if ((record->flags & TW_FLAG_COMPRESSED) != 0)
    handles->codec_ops->inflate_message(handles, slot, record, data);
  else
    tw_handles_part(handles, slot, record->flags, data, record->size);
}

void tw_handles_drop_message(tw_handles *handles, tw_handles_slot *slot) {
  tw_handles_join *join = tw_handles_join_of(handles, slot);
  reset(handles, join);
  if (join->codec != NULL)
    handles->codec_ops->end_codec(handles, join->codec);
}
