/* current.c: the handles that calls work on, one for the whole program. A host whose threads each have their own brings
 * a file in its place. */
#include "handles.h"

static struct {
  tw_handles *handles;
  int32_t last_error;
} current;

void tw_handles_use(tw_handles *handles) { current.handles = handles; }
tw_handles *tw_handles_current(void) { return current.handles; }

int32_t tw_handles_refuse(int32_t error) {
  current.last_error = error;
  return TW_NONE;
}

int32_t tw_last_error(void) { return current.last_error; }
