/* line-client: sends the lines of its input to a server, and prints the line that answers each one. The server has so
 * many milliseconds for all of it: echo hello | line-client localhost:7000 5000 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <twinwire/conn.h>

/* Reads up to a line feed. Returns the bytes in front of it, or an error. */
static int32_t read_line(int32_t conn, char *line, int32_t capacity) {
  for (int32_t size = 0; size < capacity; size++) {
    int32_t got = tw_read_exact(conn, line + size, 1);
    if (got < 0)
      return got;
    if (line[size] == '\n')
      return size;
  }
  return TW_ERR_TOO_LARGE;
}

int main(int argc, char **argv) {
  char line[1024];
  if (argc < 3)
    return 2;
  int32_t conn = tw_dial("tcp", argv[1], NULL);
  int32_t size = conn < 0 ? conn : tw_set_deadline(conn, (uint32_t)strtoul(argv[2], NULL, 10));
  while (size >= 0 && fgets(line, sizeof line, stdin) != NULL) {
    size = tw_write_all(conn, line, strlen(line));
    if (size >= 0)
      size = read_line(conn, line, sizeof line);
    if (size >= 0)
      printf("%.*s\n", (int)size, line);
  }
  if (size < 0)
    fprintf(stderr, "%s\n", size == TW_ERR_TOO_LARGE ? "the line is too long" : tw_last_error_message());
  tw_conn_close(conn);
  return size < 0 ? 1 : 0;
}
