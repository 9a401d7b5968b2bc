/* files_embedded.h: the table of the vector files in an image. */
#ifndef TEST_FILES_EMBEDDED_H
#define TEST_FILES_EMBEDDED_H

typedef struct embedded_file {
  const char *name; /* NULL ends the table */
  const char *text;
  const char *end;
} embedded_file;

extern const embedded_file embedded_files[];

#endif
