/* vectors [OPTION] FILE|FOLDER...: runs vector files against the core. Prints a line for each file, each failing case
 * with what was expected and what came, and last "N passed, M failed". Exit status 1 if a case failed, 2 if a file is
 * unreadable.
 *
 *   -v        names every case as it runs
 *   -d        says of every case what came of it, with a digest of all that passed the core interface (tap.h)
 *   -t NAME   shows what passes the core interface in the cases of that name
 *   -x        ends with the first case that fails
 *
 * Without arguments, which a device has not got: -d test/vectors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "session.h"

enum { EVERY_SPLIT = 600, NEAR_SPLITS = 64, SOME_SPLITS = 32 };

typedef struct runner {
  test_session session;
  const char *path;
  bool verbose;
  bool digests;
  bool impatient;
  const char *shown; /* the name of the cases to show, or NULL */
  bool broken;
  int passed;
  int failed;
  unsigned long long runs;
} runner;

static bool run_mode(runner *r, const test_case *one, const test_mode *mode) {
  const uint32_t how[] = {(uint32_t)mode->pieces, (uint32_t)mode->split, mode->small, mode->dribble, mode->wrap};
  r->runs++;
  tap_add(&r->session.host.tap, "run", how, sizeof how / sizeof how[0], "", 0);
  bool good = session_run(&r->session, one, mode);
  if (good && mode->pieces == PIECES_APART)
    session_keep(&r->session);
  if (good && mode->pieces == PIECES_JOINED)
    good = session_compare(&r->session);
  if (good)
    return true;
  printf("  FAIL %s: %s\n    run: %s", r->path, one->name, mode->label);
  if (mode->pieces == PIECES_SPLIT)
    printf(" at %zu", mode->split);
  printf("\n    %s\n", buffer_string(&r->session.why));
  return false;
}

/* Every place in what a step received; in a long one those near its ends and some between. */
static bool run_splits(runner *r, const test_case *one, const test_buffer *arrivals, size_t total) {
  size_t count = arrivals->size / sizeof(size_t);
  for (size_t i = 0; i < count; i++) {
    size_t from;
    size_t to = total;
    memcpy(&from, arrivals->data + i * sizeof from, sizeof from);
    if (i + 1 < count)
      memcpy(&to, arrivals->data + (i + 1) * sizeof to, sizeof to);
    size_t size = to - from;
    for (size_t k = 1; k < size;) {
      const test_mode mode = {.label = "split", .pieces = PIECES_SPLIT, .split = from + k};
      if (!run_mode(r, one, &mode))
        return false;
      bool near_an_end = size <= EVERY_SPLIT || k < NEAR_SPLITS || size - k <= NEAR_SPLITS;
      size_t stride = near_an_end ? 1 : (size - 2 * NEAR_SPLITS) / SOME_SPLITS + 1;
      if (!near_an_end && k + stride > size - NEAR_SPLITS)
        stride = size - NEAR_SPLITS - k;
      k += stride;
    }
  }
  return true;
}

static bool run_case(runner *r, const test_case *one) {
  static const test_mode modes[] = {
      {.label = "whole"},
      {.label = "byte by byte", .pieces = PIECES_BYTES},
      {.label = "least events and receive buffer", .small = true},
      {.label = "least events, byte by byte", .pieces = PIECES_BYTES, .small = true},
      {.label = "dribbling writes", .dribble = true},
      {.label = "clock that wraps", .wrap = true},
      {.label = "compared as a whole", .pieces = PIECES_APART},
      {.label = "joined", .pieces = PIECES_JOINED},
  };
  test_buffer arrivals = {0};
  size_t total = 0;
  bool good = true;
  for (size_t i = 0; good && i < sizeof modes / sizeof modes[0]; i++) {
    if (i > 0 && !session_has_mode(&r->session, one, &modes[i]))
      continue;
    good = run_mode(r, one, &modes[i]);
    if (i > 0)
      continue;
    buffer_append(&arrivals, r->session.arrivals.data, r->session.arrivals.size);
    total = r->session.received;
  }
  good = good && run_splits(r, one, &arrivals, total);
  buffer_free(&arrivals);
  return good;
}

static void on_case(void *context, const test_case *one) {
  runner *r = context;
  if (r->verbose) {
    printf("  %s\n", one->name);
    fflush(stdout);
  }
  test_tap *tap = &r->session.host.tap;
  tap_start(tap);
  tap->shown = r->shown != NULL && strcmp(one->name, r->shown) == 0;
  bool good = run_case(r, one);
  if (good)
    r->passed++;
  else
    r->failed++;
  if (!good && r->impatient)
    exit(1);
  if (r->digests)
    printf("case %s %08lx%08lx %s: %s\n", good ? "passed" : "failed", (unsigned long)tap->digest[0],
           (unsigned long)tap->digest[1], r->path, one->name);
}

static void on_file(void *context, const char *path, test_buffer *text) {
  runner *r = context;
  int passed = r->passed;
  int failed = r->failed;
  size_t at = 0;
  const char *slash = strrchr(path, '/');
  r->path = slash == NULL ? path : slash + 1;
  const char *wrong = json_cases((char *)text->data, text->size, on_case, r, &at);
  if (wrong != NULL) {
    printf("%s: byte %zu: %s\n", path, at, wrong);
    r->broken = true;
  }
  printf("%s: %d passed, %d failed\n", r->path, r->passed - passed, r->failed - failed);
}

int main(int count, char **args) {
  static runner r;
  static char *on_a_device[] = {"", "-d", "test/vectors"};
  if (count < 2) {
    count = 3;
    args = on_a_device;
  }
  for (int i = 1; i < count; i++) {
    if (strcmp(args[i], "-v") == 0) {
      r.verbose = true;
    } else if (strcmp(args[i], "-d") == 0) {
      r.digests = true;
    } else if (strcmp(args[i], "-x") == 0) {
      r.impatient = true;
    } else if (strcmp(args[i], "-t") == 0 && i + 1 < count) {
      r.shown = args[++i];
    } else if (!files_each(args[i], on_file, &r)) {
      fprintf(stderr, "%s: cannot be read\n", args[i]);
      r.broken = true;
    }
  }
  char why[1024] = "";
  bool good = leaf_random(why, sizeof why) == 1;
  if (good) {
    r.passed++;
  } else {
    r.failed++;
    printf("  FAIL random input to the leaves: %s\n", why);
  }
  if (r.digests)
    printf("case %s %016d random input: the leaves\n", good ? "passed" : "failed", 0);
  session_free(&r.session);
  printf("%llu runs\n", r.runs);
  printf("%d passed, %d failed\n", r.passed, r.failed);
  return r.broken ? 2 : r.failed > 0 ? 1 : 0;
}
