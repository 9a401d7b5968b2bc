/* queue.h: a first-in-first-out queue of slot indices that holds each index at most once, so it needs one link a slot
 * and can never overflow. */
#ifndef TW_QUEUE_H
#define TW_QUEUE_H

#include <stdint.h>

#include "src/arena.h"

#define TW_QUEUE_END UINT32_MAX       /* the link of the last index */
#define TW_QUEUE_OUT (UINT32_MAX - 1) /* the link of an index that is not queued */

typedef struct tw_queue {
  uint32_t *next;
  uint32_t first;
  uint32_t last;
} tw_queue;

/* Lays out the links of `count` indices. They are not written: room for many costs nothing. */
void twc_queue_init(tw_queue *queue, tw_arena *arena, uint32_t count);

/* Makes an index one that is not queued. Called before its first use. */
static inline void twc_queue_admit(tw_queue *queue, uint32_t index) { queue->next[index] = TW_QUEUE_OUT; }

static inline int twc_queue_empty(const tw_queue *queue) { return queue->first == TW_QUEUE_END; }

/* Appends `index` unless it is queued already. */
void twc_queue_push(tw_queue *queue, uint32_t index);

/* Removes and returns the oldest index. Only when not empty. */
uint32_t twc_queue_pop(tw_queue *queue);

#endif
