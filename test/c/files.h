/* files.h: the operating system's part: reading vector files. A target without files brings its own. */
#ifndef TEST_FILES_H
#define TEST_FILES_H

#include "buffer.h"

/* Calls `each` for the file `path`, or if it is a folder for the *.json in it, in the order of their names. `text` is
 * the callee's to change. False if something could not be read. */
bool files_each(const char *path, void (*each)(void *context, const char *path, test_buffer *text), void *context);

#endif
