/* events.h: the records that the application drains, and the lifecycle events that become records (events.c). */
#ifndef TW_EVENTS_H
#define TW_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "src/slot.h"

/* Why an attempt or a connection ended. */
typedef struct tw_end {
  int32_t error;      /* 0: no ERROR event */
  uint32_t step;      /* tw_step of the error */
  uint32_t detail;    /* HTTP status or close code */
  int32_t close_code; /* DISCONNECTED.code */
  bool clean;         /* DISCONNECTED flag CLEAN */
  bool final;         /* do not connect again, whatever the setting */
  bool orderly;       /* close the socket behind what was written, although the end is not clean */
} tw_end;

/* Records that can still be made in this drain. */
uint32_t twc_events_room(const tw_core *core);

/* Makes a record (there must be room) with handle and type set and all else 0. */
tw_event *twc_event_make(tw_core *core, const tw_slot *slot, uint32_t type);

/* No more records in this drain: one of them points into memory that the next would overwrite. */
void twc_events_seal(tw_core *core);

/* Notes a lifecycle event; it becomes a record in twc_events_collect, so it can't be lost for want of room. */
void twc_event_raise(tw_core *core, tw_slot *slot, uint32_t raised_bit);
void twc_event_raise_error(tw_core *core, tw_slot *slot, const tw_end *end, uint32_t retry_ms);

/* Makes records of lifecycle events while there is room. */
void twc_events_collect(tw_core *core);

#endif
