/* pool.h: equal blocks, and chains of them that act as byte queues. A block costs nothing until it is used; what was
 * used last is used first again, so that a busy core stays in the cache. */
#ifndef TW_POOL_H
#define TW_POOL_H

#include <stdint.h>

#include "src/arena.h"
#include "twinwire/abi.gen.h"

#define TW_NO_BLOCK UINT32_MAX

typedef struct tw_pool {
  uint8_t *bytes;      /* count blocks of block_size */
  uint32_t *next;      /* links of the free list and of chains */
  uint32_t block_size; /* bytes */
  uint32_t count;
  uint32_t free;       /* blocks that can be taken */
  uint32_t first_free; /* most recently released */
  uint32_t fresh;      /* blocks from here on have never been used and are in no list */
} tw_pool;

/* A queue of bytes in blocks: appended at the tail, consumed at the head. All zero but for head and tail: empty. */
typedef struct tw_chain {
  uint32_t head;
  uint32_t tail;
  uint32_t start; /* first byte, in the head block */
  uint32_t end;   /* past the last byte, in the tail block */
  uint32_t size;  /* bytes in all */
} tw_chain;

void twc_pool_init(tw_pool *pool, tw_arena *arena, uint32_t total_bytes, uint32_t block_size);

/* Releases a block that is in no chain any more. */
static inline void twc_block_release(tw_pool *pool, uint32_t block) {
  pool->next[block] = pool->first_free;
  pool->first_free = block;
  pool->free++;
}

void twc_chain_init(tw_chain *chain);

/* Whether `size` more bytes fit into the blocks that are free. */
int twc_chain_fits(const tw_pool *pool, const tw_chain *chain, uint32_t size);

/* Appends room for 1..`size` bytes and returns where it begins; *got says how much it is. Only after twc_chain_fits. */
uint8_t *twc_chain_extend(tw_pool *pool, tw_chain *chain, uint32_t size, uint32_t *got);

/* Appends a copy. Only after twc_chain_fits. */
void twc_chain_append(tw_pool *pool, tw_chain *chain, const void *data, uint32_t size);

/* Removes `size` bytes (at most chain->size) from the head and releases the blocks they leave. */
void twc_chain_consume(tw_pool *pool, tw_chain *chain, uint32_t size);

/* Removes all. */
void twc_chain_clear(tw_pool *pool, tw_chain *chain);

/* Names the bytes in order as at most `max` spans relative to `origin`, blocks that adjoin in memory as one; returns
 * their number, *size the bytes they hold. */
uint32_t twc_chain_spans(const tw_pool *pool, const tw_chain *chain, const uint8_t *origin, tw_span *spans,
                         uint32_t max, uint32_t *size);

/* Copies `size` bytes from position `at` out; they must exist. */
void twc_chain_copy(const tw_pool *pool, const tw_chain *chain, uint32_t at, void *to, uint32_t size);

#endif
