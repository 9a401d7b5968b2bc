/* llhttp: parses the same request by llhttp, the parser of Node, COUNT times. Nothing is called back but its end. */
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>

#include "request.h"

static unsigned long ends;

static int on_message_complete(llhttp_t *parser) {
  (void)parser;
  ends++;
  return 0;
}

int main(int argc, char **argv) {
  unsigned long count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
  llhttp_settings_t settings;
  llhttp_t parser;
  llhttp_settings_init(&settings);
  settings.on_message_complete = on_message_complete;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  for (unsigned long i = 0; i < count; i++)
    if (llhttp_execute(&parser, request, sizeof request - 1) != HPE_OK) {
      fprintf(stderr, "llhttp: %s\n", llhttp_get_error_reason(&parser));
      return 1;
    }
  return ends == count && count > 0 ? 0 : 1;
}
