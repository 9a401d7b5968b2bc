/* queue.c: queues of slot indices. */
#include "src/queue.h"

void twc_queue_init(tw_queue *queue, tw_arena *arena, uint32_t count) {
  uint32_t *next = twc_arena_take(arena, count, sizeof *next);
  if (next == NULL)
    return;
  *queue = (tw_queue){.next = next, .first = TW_QUEUE_END, .last = TW_QUEUE_END};
}

void twc_queue_push(tw_queue *queue, uint32_t index) {
  if (queue->next[index] != TW_QUEUE_OUT)
    return;
  queue->next[index] = TW_QUEUE_END;
  if (queue->last == TW_QUEUE_END)
    queue->first = index;
  else
    queue->next[queue->last] = index;
  queue->last = index;
}

uint32_t twc_queue_pop(tw_queue *queue) {
  uint32_t index = queue->first;
  queue->first = queue->next[index];
  if (queue->first == TW_QUEUE_END)
    queue->last = TW_QUEUE_END;
  queue->next[index] = TW_QUEUE_OUT;
  return index;
}
