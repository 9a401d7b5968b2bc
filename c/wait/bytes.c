/* bytes.c: received bytes that wait for a read. Memory is taken when they come and given back when the last one has
 * gone. */
#include <stdlib.h>
#include <string.h>

#include "wait.h"

enum { LEAST = 4096 };

static bool make_room(tw_bytes *bytes, size_t size) {
  if (bytes->capacity - bytes->size < size) {
    size_t capacity = bytes->capacity < LEAST ? LEAST : bytes->capacity;
    while (capacity - bytes->size < size)
      capacity *= 2;
    uint8_t *room = malloc(capacity);
    if (room == NULL)
      return false;
    if (bytes->size > 0)
      memcpy(room, bytes->room + bytes->at, bytes->size);
    free(bytes->room);
    *bytes = (tw_bytes){room, capacity, 0, bytes->size};
  } else if (bytes->capacity - bytes->at - bytes->size < size) {
    memmove(bytes->room, bytes->room + bytes->at, bytes->size);
    bytes->at = 0;
  }
  return true;
}

bool tw_bytes_add(tw_bytes *bytes, const void *data, size_t size) {
  if (size == 0)
    return true;
  if (!make_room(bytes, size))
    return false;
  memcpy(bytes->room + bytes->at + bytes->size, data, size);
  bytes->size += size;
  return true;
}

bool tw_bytes_give_back(tw_bytes *bytes, const void *data, size_t size) {
  if (bytes->at < size) {
    if (!make_room(bytes, size))
      return false;
    memmove(bytes->room + size, bytes->room + bytes->at, bytes->size);
    bytes->at = size;
  }
  bytes->at -= size;
  bytes->size += size;
  memcpy(bytes->room + bytes->at, data, size);
  return true;
}

void tw_bytes_take(tw_bytes *bytes, void *to, size_t size) {
  memcpy(to, bytes->room + bytes->at, size);
  bytes->at += size;
  bytes->size -= size;
  if (bytes->size == 0)
    tw_bytes_free(bytes);
}

void tw_bytes_free(tw_bytes *bytes) {
  free(bytes->room);
  *bytes = (tw_bytes){0};
}
