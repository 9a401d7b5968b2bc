/* differ VECTORS JUDGEMENTS [ROUNDS]: reads messages of the vectors, and of what a fixed generator makes of them, with
 * this parser and with llhttp. A disagreement is a failure unless JUDGEMENTS has a line for it, and so is a line for
 * which no disagreement was found. With -v each new kind of disagreement is shown with the message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "json.h"
#include "twinwire/abi.gen.h"
#include "verdict.h"

enum { MOST_JUDGEMENTS = 256, MOST_SAMPLES = 1024, KEY = 240, SHOWN = 40 };

typedef struct judgement {
  char key[KEY];
  unsigned long found;
  bool judged;
} judgement;

typedef struct differ {
  judgement judgements[MOST_JUDGEMENTS];
  int count;
  test_buffer samples[MOST_SAMPLES]; /* whole messages of the vectors */
  uint32_t reads[MOST_SAMPLES];
  int sample_count;
  test_verdict ours;
  test_verdict theirs;
  unsigned long agreed;
  int failed;
  bool verbose;
} differ;

static judgement *find(differ *d, const char *key) {
  for (int i = 0; i < d->count; i++)
    if (strcmp(d->judgements[i].key, key) == 0)
      return &d->judgements[i];
  if (d->count == MOST_JUDGEMENTS) {
    fputs("more kinds of disagreement than there is room for\n", stderr);
    exit(1);
  }
  judgement *one = &d->judgements[d->count++];
  *one = (judgement){.found = 0};
  snprintf(one->key, sizeof one->key, "%s", key);
  return one;
}

/* Lines "KEY :: JUDGEMENT"; others are for the reader. */
static bool read_judgements(differ *d, const char *path) {
  char line[1024];
  FILE *file = fopen(path, "r");
  if (file == NULL)
    return false;
  while (fgets(line, sizeof line, file) != NULL) {
    char *end = strstr(line, " :: ");
    if (line[0] == '#' || end == NULL)
      continue;
    *end = '\0';
    find(d, line)->judged = true;
  }
  fclose(file);
  return true;
}

/* What they disagree about, or "". */
static void compare(const differ *d, char *key, size_t size) {
  const test_verdict *a = &d->ours;
  const test_verdict *b = &d->theirs;
  bool refused = a->kind == VERDICT_REFUSES;
  key[0] = '\0';
  if (refused != (b->kind == VERDICT_REFUSES))
    snprintf(key, size, "%s refuses: %s", refused ? "ours" : "llhttp", refused ? a->why : b->why);
  else if (refused)
    return;
  else if (a->kind != b->kind)
    snprintf(key, size, "%s: ours %s", a->why, a->kind == VERDICT_TAKES ? "is over" : "goes on");
  else if (a->kind == VERDICT_TAKES && a->end != b->end)
    snprintf(key, size, "%s: ours is %s", a->why, a->end < b->end ? "shorter" : "longer");
  else if (a->body.size != b->body.size || memcmp(a->body.data, b->body.data, a->body.size) != 0)
    snprintf(key, size, "%s: another body", a->why);
  else if (a->kind == VERDICT_TAKES && !a->upgrade && a->keep_alive != b->keep_alive)
    snprintf(key, size, "the connection: ours %s", a->keep_alive ? "keeps it alive" : "closes it");
}

static void judge(differ *d, const test_sample *sample) {
  buffer_clear(&d->ours.body);
  buffer_clear(&d->theirs.body);
  judge_ours(sample, &d->ours);
  judge_llhttp(sample, &d->theirs);
  (void)buffer_string(&d->ours.body);
  (void)buffer_string(&d->theirs.body);
}

/* One refuses already what the other has not seen enough of. */
static bool is_early(const differ *d) {
  return d->ours.kind != d->theirs.kind && d->ours.kind != VERDICT_TAKES && d->theirs.kind != VERDICT_TAKES;
}

static void try_one(differ *d, const uint8_t *data, size_t size, uint32_t read) {
  char key[KEY];
  test_buffer whole = {0};
  judge(d, &(test_sample){data, size, read});
  if (is_early(d)) {
    buffer_append(&whole, data, size);
    buffer_text(&whole, "\r\n\r\n");
    judge(d, &(test_sample){whole.data, whole.size, read});
  }
  buffer_free(&whole);
  compare(d, key, sizeof key);
  if (key[0] == '\0') {
    d->agreed++;
    return;
  }
  judgement *one = find(d, key);
  if (one->found++ > 0 || (one->judged && !d->verbose))
    return;
  test_buffer shown = {0};
  bytes_show(&shown, data, size);
  printf("%s%s\n    %s\n", one->judged ? "  " : "  FAIL, not judged: ", key, buffer_string(&shown));
  buffer_free(&shown);
}

/* ---- The vectors ---- */

static uint32_t read_flags(const char *what) {
  return strcmp(what, "response") == 0           ? TW_HTTP_READ_RESPONSE
         : strcmp(what, "response+no-body") == 0 ? TW_HTTP_READ_RESPONSE | TW_HTTP_READ_NO_BODY
         : strcmp(what, "response+tunnel") == 0  ? TW_HTTP_READ_RESPONSE | TW_HTTP_READ_TUNNEL
                                                 : TW_HTTP_READ_REQUEST;
}

static void on_case(void *context, const test_case *one) {
  differ *d = context;
  const char *what = NULL;
  for (int i = 0; i < one->count; i++) {
    const test_step *step = &one->steps[i];
    if (strcmp(step->text[0], "http-read") == 0 && step->count == 4)
      what = step->text[2];
    if (strcmp(step->text[0], "rx") != 0 || what == NULL || d->sample_count == MOST_SAMPLES)
      continue;
    if (bytes_parse(&d->samples[d->sample_count], step->text[2], step->size[2]))
      d->reads[d->sample_count++] = read_flags(what);
    return;
  }
}

static void on_file(void *context, const char *path, test_buffer *text) {
  static const char *const files[] = {"http-request.json", "http-response.json", "http-chunked.json"};
  const char *slash = strrchr(path, '/');
  size_t at = 0;
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    if (strcmp(slash == NULL ? path : slash + 1, files[i]) == 0)
      json_cases((char *)text->data, text->size, on_case, context, &at);
}

/* ---- What is made of them ---- */

/* xorshift32 */
static uint32_t below(uint32_t *seed, size_t bound) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 17;
  *seed ^= *seed << 5;
  return *seed % (uint32_t)bound;
}

static void splice(test_buffer *data, size_t at, size_t drop, const char *text, size_t size) {
  test_buffer out = {0};
  buffer_append(&out, data->data, at);
  buffer_append(&out, text, size);
  buffer_append(&out, data->data + at + drop, data->size - at - drop);
  buffer_clear(data);
  buffer_append(data, out.data, out.size);
  buffer_free(&out);
}

static void change(test_buffer *data, uint32_t *seed) {
  static const char *const pieces[] = {"\r",
                                       "\n",
                                       "\r\n",
                                       " ",
                                       "\t",
                                       ":",
                                       ",",
                                       ";",
                                       "=",
                                       "\"",
                                       "0",
                                       "5",
                                       "a",
                                       "g",
                                       "/",
                                       "#",
                                       "@",
                                       "\x01",
                                       "\x7f",
                                       "\xc3\xa9",
                                       "chunked",
                                       ", chunked",
                                       "Content-Length: 5\r\n",
                                       "Transfer-Encoding: chunked\r\n",
                                       "Connection: close\r\n",
                                       "Host: i\r\n",
                                       "X: y\r\n",
                                       " z\r\n",
                                       "0\r\n\r\n",
                                       "GET / HTTP/1.1\r\n"};
  size_t at = below(seed, data->size + 1);
  size_t left = data->size - at;
  const char *piece = pieces[below(seed, sizeof pieces / sizeof pieces[0])];
  switch (below(seed, 4)) {
  case 0:
    splice(data, at, 0, piece, strlen(piece));
    break;
  case 1:
    splice(data, at, left < 1 ? left : 1, piece, strlen(piece));
    break;
  case 2:
    splice(data, at, left < 1 ? left : 1, "", 0);
    break;
  default: { /* a line is repeated or dropped, at its beginning */
    while (at > 0 && data->data[at - 1] != '\n')
      at--;
    size_t end = at;
    while (end < data->size && data->data[end] != '\n')
      end++;
    end += end < data->size;
    char line[256];
    size_t size = end - at < sizeof line ? end - at : sizeof line;
    memcpy(line, data->data + at, size);
    if (below(seed, 2) == 0)
      splice(data, at, 0, line, size);
    else
      splice(data, at, end - at, "", 0);
    break;
  }
  }
}

static void generate(differ *d, long rounds) {
  test_buffer data = {0};
  uint32_t seed = 0x2545f491;
  for (long round = 0; round < rounds; round++) {
    uint32_t index = below(&seed, (size_t)d->sample_count);
    buffer_clear(&data);
    buffer_append(&data, d->samples[index].data, d->samples[index].size);
    for (uint32_t times = 1 + below(&seed, 2); times > 0; times--)
      change(&data, &seed);
    try_one(d, data.data, data.size, d->reads[index]);
  }
  buffer_free(&data);
}

int main(int count, char **args) {
  static differ d;
  if (count > 1 && strcmp(args[1], "-v") == 0) {
    d.verbose = true;
    count--;
    args++;
  }
  if (count < 3 || !read_judgements(&d, args[2]) || !files_each(args[1], on_file, &d) || d.sample_count == 0) {
    fputs("differ VECTORS JUDGEMENTS [ROUNDS]: nothing to read\n", stderr);
    return 2;
  }
  for (int i = 0; i < d.sample_count; i++)
    try_one(&d, d.samples[i].data, d.samples[i].size, d.reads[i]);
  generate(&d, count > 3 ? strtol(args[3], NULL, 10) : 500000);
  unsigned long judged = 0;
  for (int i = 0; i < d.count; i++) {
    d.failed += !d.judgements[i].judged || d.judgements[i].found == 0;
    judged += d.judgements[i].found;
    if (d.judgements[i].found == 0)
      printf("  FAIL, judged and never found: %s\n", d.judgements[i].key);
    else if (d.verbose)
      printf("%7lu %s\n", d.judgements[i].found, d.judgements[i].key);
  }
  printf("%d messages of the vectors; %lu agreements, %lu disagreements of %d kinds\n", d.sample_count, d.agreed,
         judged, d.count);
  printf("%d passed, %d failed\n", d.count - d.failed + 1, d.failed);
  return d.failed > 0;
}
