/* http-get: prints what a URL holds, over TLS and by a proxy if asked. Start it with the URL, the authorities to trust
 * instead of the system's ("-": those), and a proxy: http-get https://example.com/ ca.pem http://127.0.0.1:3128 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <twinwire/http.h>

static bool print(const void *data, size_t size, void *ctx) { return fwrite(data, 1, size, ctx) == size; }

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
  if (argc < 2)
    return 2;
  char *ca = argc > 2 && strcmp(argv[2], "-") != 0 ? read_file(argv[2]) : NULL;
  tw_tls_options tls = {.ca = ca};
  tw_http_pair fields[] = {{"Accept", "*/*"}};
  tw_http_order order = {.url = argv[1],
                         .fields = fields,
                         .field_count = 1,
                         .sink = print, /* a body of any size, as it comes */
                         .ctx = stdout,
                         .timeout_ms = 20000,
                         .max_redirects = 5,
                         .tls = &tls,
                         .proxy = argc > 3 ? argv[3] : NULL};
  tw_http_message response;
  int32_t status = tw_http_request(&order, &response);
  if (status < 0)
    fprintf(stderr, "%s\n", tw_last_error_message());
  else
    fprintf(stderr, "%d %s, %s\n", (int)status, response.reason, response.url);
  tw_http_free(&response);
  free(ca);
  return status >= 200 && status < 300 ? 0 : 1;
}
