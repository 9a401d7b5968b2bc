/* files_embedded.c: the vector files, linked into the image, for targets that have no files. scripts/targets.mjs writes
 * the table. */
#include "files_embedded.h"

#include <stdio.h>
#include <string.h>

#include "files.h"

bool files_each(const char *path, void (*each)(void *context, const char *path, test_buffer *text), void *context) {
  (void)path;
  for (const embedded_file *file = embedded_files; file->name != NULL; file++) {
    test_buffer text = {0};
    buffer_append(&text, file->text, (size_t)(file->end - file->text));
    each(context, file->name, &text);
    buffer_free(&text);
  }
  return embedded_files->name != NULL;
}
