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

static inline void twc_queue_init(tw_queue *queue, tw_arena *arena, uint32_t count) {
  uint32_t *next = twc_arena_take(arena, count, sizeof *next);
  if (next == NULL)
    return;
  *queue = (tw_queue){.next = next, .first = TW_QUEUE_END, .last = TW_QUEUE_END};
  for (uint32_t i = 0; i < count; i++)
    next[i] = TW_QUEUE_OUT;
}

static inline int twc_queue_empty(const tw_queue *queue) { return queue->first == TW_QUEUE_END; }

/* Appends `index` unless it is queued already. */
static inline void twc_queue_push(tw_queue *queue, uint32_t index) {
  if (queue->next[index] != TW_QUEUE_OUT)
    return;
  queue->next[index] = TW_QUEUE_END;
  if (queue->last == TW_QUEUE_END)
    queue->first = index;
  else
    queue->next[queue->last] = index;
  queue->last = index;
}

/* Removes and returns the oldest index. Only when not empty. */
static inline uint32_t twc_queue_pop(tw_queue *queue) {
  uint32_t index = queue->first;
  queue->first = queue->next[index];
  if (queue->first == TW_QUEUE_END)
    queue->last = TW_QUEUE_END;
  queue->next[index] = TW_QUEUE_OUT;
  return index;
}

#endif
