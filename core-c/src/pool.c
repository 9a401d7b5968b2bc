/* pool.c: equal blocks, and chains of them that act as byte queues. */
#include "src/pool.h"

#include <string.h>

void twc_pool_init(tw_pool *pool, tw_arena *arena, uint32_t total_bytes, uint32_t block_size) {
  uint32_t count = total_bytes / block_size;
  void *next = twc_arena_take(arena, count, sizeof *pool->next);
  void *bytes = twc_arena_take(arena, count, block_size);
  if (arena->base == NULL)
    return;
  *pool = (tw_pool){
      .bytes = bytes, .next = next, .block_size = block_size, .count = count, .free = count, .first_free = TW_NO_BLOCK};
}

/* What the callers have checked holds: verified in the builds that tests run. */
#ifdef TW_ASSERT
#define CHECK(condition) ((condition) ? (void)0 : __builtin_trap())
#else
#define CHECK(condition) ((void)0)
#endif

static uint32_t block_take(tw_pool *pool) {
  CHECK(pool->free > 0);
  uint32_t block = pool->first_free;
  if (block != TW_NO_BLOCK)
    pool->first_free = pool->next[block];
  else
    block = pool->fresh++;
  pool->free--;
  pool->next[block] = TW_NO_BLOCK;
  return block;
}

static uint8_t *block_bytes(const tw_pool *pool, uint32_t block) {
  return pool->bytes + (size_t)block * pool->block_size;
}

void twc_chain_init(tw_chain *chain) { *chain = (tw_chain){.head = TW_NO_BLOCK, .tail = TW_NO_BLOCK}; }

int twc_chain_fits(const tw_pool *pool, const tw_chain *chain, uint32_t size) {
  uint32_t room = chain->tail == TW_NO_BLOCK ? 0 : pool->block_size - chain->end;
  if (size <= room)
    return 1;
  return (size - room - 1) / pool->block_size < pool->free;
}

uint8_t *twc_chain_extend(tw_pool *pool, tw_chain *chain, uint32_t size, uint32_t *got) {
  if (chain->tail == TW_NO_BLOCK) {
    chain->head = chain->tail = block_take(pool);
    chain->start = chain->end = 0;
  } else if (chain->end == pool->block_size) {
    uint32_t block = block_take(pool);
    pool->next[chain->tail] = block;
    chain->tail = block;
    chain->end = 0;
  }
  uint32_t room = pool->block_size - chain->end;
  uint8_t *at = block_bytes(pool, chain->tail) + chain->end;
  *got = size < room ? size : room;
  chain->end += *got;
  chain->size += *got;
  return at;
}

void twc_chain_append(tw_pool *pool, tw_chain *chain, const void *data, uint32_t size) {
  const uint8_t *from = data;
  while (size > 0) {
    uint32_t got;
    uint8_t *to = twc_chain_extend(pool, chain, size, &got);
    memcpy(to, from, got);
    from += got;
    size -= got;
  }
}

/* Once every block is free, they are taken in the order of memory again: without that, chains that were released in
 * turns would leave the free list shuffled for ever, and every write in as many pieces as it has blocks. */
static void restore_order(tw_pool *pool) {
  if (pool->free < pool->count)
    return;
  pool->first_free = TW_NO_BLOCK;
  pool->fresh = 0;
}

/* Releases the blocks from the head to before `end`, which is further on in the chain. They keep their order, so that
 * what is queued next lies in one piece again where this did. */
static void release_until(tw_pool *pool, tw_chain *chain, uint32_t end) {
  if (chain->head == end)
    return;
  uint32_t last = chain->head;
  for (pool->free++; pool->next[last] != end; last = pool->next[last])
    pool->free++;
  pool->next[last] = pool->first_free;
  pool->first_free = chain->head;
  chain->head = end;
  restore_order(pool);
}

void twc_chain_consume(tw_pool *pool, tw_chain *chain, uint32_t size) {
  chain->size -= size;
  if (chain->size == 0) {
    release_until(pool, chain, TW_NO_BLOCK);
    twc_chain_init(chain);
    return;
  }
  uint32_t block = chain->head;
  uint32_t start = chain->start + size;
  for (; start >= pool->block_size; start -= pool->block_size)
    block = pool->next[block];
  release_until(pool, chain, block);
  chain->start = start;
}

void twc_chain_clear(tw_pool *pool, tw_chain *chain) { twc_chain_consume(pool, chain, chain->size); }

uint32_t twc_chain_spans(const tw_pool *pool, const tw_chain *chain, const uint8_t *origin, tw_span *spans,
                         uint32_t max, uint32_t *size) {
  uint32_t count = 0;
  uint32_t start = chain->start;
  uint32_t behind = TW_NO_BLOCK; /* the block that the last span could grow into */
  *size = 0;
  for (uint32_t block = chain->head; block != TW_NO_BLOCK; block = pool->next[block]) {
    uint32_t end = block == chain->tail ? chain->end : pool->block_size;
    if (block == behind)
      spans[count - 1].size += end - start;
    else if (count < max)
      spans[count++] = (tw_span){.data = (uint32_t)(block_bytes(pool, block) + start - origin), .size = end - start};
    else
      break;
    *size += end - start;
    start = 0;
    behind = block + 1;
  }
  return count;
}

void twc_chain_copy(const tw_pool *pool, const tw_chain *chain, uint32_t at, void *to, uint32_t size) {
  uint8_t *out = to;
  uint32_t block = chain->head;
  for (at += chain->start; at >= pool->block_size; at -= pool->block_size)
    block = pool->next[block];
  while (size > 0) {
    uint32_t here = pool->block_size - at;
    if (here > size)
      here = size;
    memcpy(out, block_bytes(pool, block) + at, here);
    out += here;
    size -= here;
    at = 0;
    block = pool->next[block];
  }
}
