/* files.c: reads the files that vectors lie in. */
#define _POSIX_C_SOURCE 200809L

#include "files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_file(const char *path, test_buffer *text) {
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    return false;
  char part[4096];
  size_t size;
  while ((size = fread(part, 1, sizeof part, file)) > 0)
    buffer_append(text, part, size);
  bool good = ferror(file) == 0;
  fclose(file);
  return good;
}

static int is_vectors(const struct dirent *entry) {
  size_t size = strlen(entry->d_name);
  return size > 5 && strcmp(entry->d_name + size - 5, ".json") == 0;
}

bool files_each(const char *path, void (*each)(void *context, const char *path, test_buffer *text), void *context) {
  struct dirent **entries = NULL;
  int count = scandir(path, &entries, is_vectors, alphasort);
  bool good = true;
  if (count < 0) {
    test_buffer text = {0};
    good = read_file(path, &text);
    if (good)
      each(context, path, &text);
    buffer_free(&text);
    return good;
  }
  for (int i = 0; i < count; i++) {
    test_buffer file = {0};
    buffer_text(&file, path);
    buffer_text(&file, "/");
    buffer_text(&file, entries[i]->d_name);
    good = files_each(buffer_string(&file), each, context) && good;
    buffer_free(&file);
    free(entries[i]);
  }
  free(entries);
  return good && count > 0;
}
