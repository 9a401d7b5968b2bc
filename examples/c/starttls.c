/* starttls: a mail client's start (SMTP, RFC 3207): plain text first, then TLS on the same connection. Start it with
 * the host and the port of a mail server, and the authorities to trust, if not the system's: starttls mail.example.com
 * 25 ca.pem */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <twinwire/conn.h>

enum { PATIENCE_MS = 10000 };

static int fail(void) {
  fprintf(stderr, "%s\n", tw_last_error_message());
  return 1;
}

/* Prints an answer up to its last line: "250-SIZE" goes on, "250 HELP" does not. Returns its code, or an error. */
static int32_t read_answer(int32_t conn) {
  char line[512];
  size_t size = 0;
  for (;;) {
    int32_t got = tw_read_exact(conn, line + size, 1);
    if (got < 0)
      return got;
    if (line[size] != '\n' && ++size < sizeof line)
      continue;
    printf("%.*s\n", (int)strcspn(line, "\r\n"), line);
    if (size < 4 || line[3] != '-')
      return (int32_t)strtol(line, NULL, 10);
    size = 0;
  }
}

static int32_t command(int32_t conn, const char *text) {
  int32_t error = tw_write_all(conn, text, strlen(text));
  return error < 0 ? error : read_answer(conn);
}

/* The whole of a file, terminated; NULL: it can't be read. */
static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  char *text = calloc(1, 65536);
  if (file != NULL && text != NULL)
    text[fread(text, 1, 65535, file)] = 0;
  if (file != NULL)
    fclose(file);
  return text;
}

int main(int argc, char **argv) {
  static tw_tls_options tls; /* borrowed until the connection is closed */
  char address[300];
  if (argc < 3)
    return 2;
  snprintf(address, sizeof address, "%s:%s", argv[1], argv[2]);
  char *ca = argc > 3 ? read_file(argv[3]) : NULL;
  tls.ca = ca;

  int32_t conn = tw_dial("tcp", address, NULL);
  if (conn < 0)
    return fail();
  tw_set_deadline(conn, PATIENCE_MS); /* for all that follows */
  if (read_answer(conn) != 220 || command(conn, "EHLO client.example\r\n") != 250 ||
      command(conn, "STARTTLS\r\n") != 220)
    return fail();
  printf("TLS: %s\n", tw_is_tls(conn) ? "yes" : "no");
  if (tw_upgrade_tls(conn, argv[1], &tls) < 0)
    return fail();
  printf("TLS: %s\n", tw_is_tls(conn) ? "yes" : "no");
  if (command(conn, "QUIT\r\n") != 221) /* protected from here on */
    return fail();
  tw_conn_close(conn);
  free(ca);
  return 0;
}
