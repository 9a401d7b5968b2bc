/* options.c: the options of calls, from the words of a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

bool has_prefix(const char *word, const char *prefix, const char **rest) {
  size_t size = strlen(prefix);
  *rest = word + size;
  return strncmp(word, prefix, size) == 0;
}

/* What was lent to the engine: it stays until the end, and is no leak. */
void *keep(void *memory) {
  static void *kept[4096];
  static unsigned count;
  if (memory != NULL && count < sizeof kept / sizeof *kept)
    kept[count++] = memory;
  return memory;
}

static char *text_of_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    return keep(strdup(""));
  char *text = keep(calloc(1, MAX_LINE));
  size_t size = fread(text, 1, MAX_LINE - 1, file);
  text[size] = 0;
  fclose(file);
  return text;
}

const tw_tls_options *tls_of(char **words, int count) {
  tw_tls_options *tls = keep(calloc(1, sizeof *tls));
  const char **alpn = keep(calloc(MAX_WORDS, sizeof *alpn));
  int alpn_count = 0;
  for (int i = 0; i < count; i++) {
    const char *rest;
    if (has_prefix(words[i], "ca=", &rest))
      tls->ca = text_of_file(rest);
    else if (has_prefix(words[i], "cert=", &rest))
      tls->cert = text_of_file(rest);
    else if (has_prefix(words[i], "key=", &rest))
      tls->key = text_of_file(rest);
    else if (has_prefix(words[i], "passphrase=", &rest))
      tls->passphrase = keep(strdup(rest));
    else if (has_prefix(words[i], "servername=", &rest))
      tls->servername = keep(strdup(rest));
    else if (has_prefix(words[i], "pin=", &rest))
      tls->pin = keep(strdup(rest));
    else if (has_prefix(words[i], "alpn=", &rest))
      alpn[alpn_count++] = keep(strdup(rest));
    else if (strcmp(words[i], "any") == 0)
      tls->accept_any = true;
    else if (strcmp(words[i], "ask") == 0)
      tls->request_cert = true;
    else if (strcmp(words[i], "13") == 0)
      tls->tls13_only = true;
  }
  if (alpn_count > 0)
    tls->alpn = alpn;
  return tls;
}

/* ":s9:c10:S:C:t1:l9:m1" behind "deflate": window bits and no context takeover of server and client, threshold, level,
 * memory. */
static const tw_ws_deflate_options *deflate_of(const char *text, tw_ws_deflate_options *deflate) {
  for (const char *at = text; (at = strchr(at, ':')) != NULL;) {
    uint32_t value = (uint32_t)strtoul(at + 2, NULL, 10);
    switch (*++at) {
    case 's':
      deflate->server_max_window_bits = (uint8_t)value;
      break;
    case 'c':
      deflate->client_max_window_bits = (uint8_t)value;
      break;
    case 'S':
      deflate->server_no_context_takeover = true;
      break;
    case 'C':
      deflate->client_no_context_takeover = true;
      break;
    case 't':
      deflate->threshold = value;
      break;
    case 'l':
      deflate->level = (uint8_t)value;
      break;
    default:
      deflate->mem_level = (uint8_t)value;
      break;
    }
  }
  return deflate;
}

int32_t open_ws(char **words, int count) {
  tw_ws_field headers[MAX_WORDS];
  const char *protocols[MAX_WORDS];
  tw_ws_deflate_options deflate = {.threshold = 0};
  tw_ws_options options = {.headers = headers, .protocols = protocols};
  for (int i = 1; i < count; i++) {
    const char *rest;
    if (has_prefix(words[i], "protocol=", &rest)) {
      protocols[options.protocol_count++] = rest;
    } else if (has_prefix(words[i], "user=", &rest)) {
      options.user = rest;
    } else if (has_prefix(words[i], "password=", &rest)) {
      options.password = rest;
    } else if (has_prefix(words[i], "header=", &rest)) {
      char *colon = strchr(words[i], ':');
      *colon = 0;
      headers[options.header_count++] = (tw_ws_field){rest, colon + 1};
    } else if (has_prefix(words[i], "deflate", &rest)) {
      options.deflate = deflate_of(rest, &deflate);
    } else if (strcmp(words[i], "tls") == 0) {
      options.tls = tls_of(words + i + 1, count - i - 1);
      break;
    }
  }
  return count == 1 ? tw_ws_open(words[0]) : tw_ws_open_with(words[0], &options);
}
