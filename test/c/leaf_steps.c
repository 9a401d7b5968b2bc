/* leaf_steps.c: steps that call pure functions. */
#include "leaf_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "leaf_head.h"
#include "src/base64.h"
#include "src/ip.h"
#include "src/mask.h"
#include "src/url.h"
#include "src/utf8.h"
#include "twinwire/core.h"

/* What a step's function works with: the step, its first bytes argument decoded, what came out, where to say so. */
typedef struct run {
  const test_step *step;
  test_buffer in;
  test_buffer out;
  char *why;
  size_t why_size;
} run;

static int fail(run *r, const char *what, const char *got) {
  snprintf(r->why, r->why_size, "%s: %s", what, got);
  return 0;
}

static int fail_number(run *r, const char *what, long long got) {
  char text[32];
  snprintf(text, sizeof text, "%lld", got);
  return fail(r, what, text);
}

static const char *text_of(const run *r, int index) {
  return index < r->step->count && r->step->text[index] != NULL ? r->step->text[index] : "";
}

static long long number_of(const run *r, int index) {
  return index < r->step->count && r->step->text[index] == NULL ? r->step->number[index] : INT64_MIN;
}

static bool parse_bytes(run *r, int index, test_buffer *out) {
  buffer_clear(out);
  buffer_string(out); /* so that even no bytes have an address */
  return index < r->step->count && r->step->text[index] != NULL &&
         bytes_parse(out, r->step->text[index], r->step->size[index]);
}

static bool parse_hex(run *r, int index, test_buffer *out) {
  test_buffer marked = {0};
  buffer_text(&marked, "x:");
  buffer_text(&marked, text_of(r, index));
  buffer_clear(out);
  buffer_string(out);
  bool good = bytes_parse(out, buffer_string(&marked), marked.size);
  buffer_free(&marked);
  return good;
}

static const char *error_text(int32_t error) {
  static const struct {
    const char *name;
    int32_t value;
  } errors[] = {
#define ROW(name, value, what, todo) {#name, value},
      TW_ERRORS_LIST(ROW)
#undef ROW
  };
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
    if (errors[i].value == error)
      return errors[i].name + 3; /* without TW_ */
  return error == 0 ? "ok" : "an unknown error";
}

static bool is_hex_of(const char *hex, const uint8_t *bytes, size_t size) {
  if (strlen(hex) != 2 * size)
    return false;
  for (size_t i = 0; i < size; i++) {
    char pair[3];
    snprintf(pair, sizeof pair, "%02x", bytes[i]);
    if (memcmp(pair, hex + 2 * i, 2) != 0)
      return false;
  }
  return true;
}

/* ---- sha1 ---- */

enum { SHA1_SIZE = 20 };

static int run_sha1(run *r) {
  if (!parse_hex(r, 1, &r->in))
    return fail(r, "argument", "not hex");
  const char *digest = text_of(r, 2);
  uint8_t out[SHA1_SIZE];
  twc_sha1(r->in.data, (uint32_t)r->in.size, out);
  return is_hex_of(digest, out, sizeof out) ? 1 : fail(r, "sha1", "another digest");
}

static int run_sha1_repeat(run *r) {
  if (!parse_hex(r, 1, &r->in))
    return fail(r, "argument", "not hex");
  uint8_t out[SHA1_SIZE];
  buffer_clear(&r->out);
  for (long long i = 0; i < number_of(r, 2); i++)
    buffer_append(&r->out, r->in.data, r->in.size);
  twc_sha1(r->out.data, (uint32_t)r->out.size, out);
  return is_hex_of(text_of(r, 3), out, sizeof out) ? 1 : fail(r, "sha1", "another digest");
}

/* ---- base64, mask, ip, signature, url-encode ---- */

static int run_base64(run *r) {
  char text[TW_BASE64_SIZE(1024)];
  if (!parse_hex(r, 1, &r->in) || r->in.size > 1024)
    return fail(r, "argument", "not hex or too long");
  uint32_t size = twc_base64(r->in.data, (uint32_t)r->in.size, text);
  buffer_append(&r->out, text, size);
  if (size != TW_BASE64_SIZE(r->in.size))
    return fail_number(r, "size", size);
  return strcmp(buffer_string(&r->out), text_of(r, 2)) == 0 ? 1 : fail(r, "base64", buffer_string(&r->out));
}

static int run_mask(run *r) {
  test_buffer key = {0};
  bool good = parse_hex(r, 1, &key) && key.size == 4 && parse_hex(r, 3, &r->in);
  for (size_t i = 0; i < r->in.size; i++)
    buffer_append(&r->out, "?", 1);
  uint32_t phase = (uint32_t)number_of(r, 2);
  if (good) {
    twc_mask_copy(r->out.data, r->in.data, r->in.size, key.data, phase);
    twc_mask_copy(r->in.data, r->in.data, r->in.size, key.data, phase);
    good = is_hex_of(text_of(r, 4), r->out.data, r->out.size) && is_hex_of(text_of(r, 4), r->in.data, r->in.size);
  }
  buffer_free(&key);
  return good ? 1 : fail(r, "mask", "other bytes");
}

static int run_ip(run *r) {
  if (!parse_bytes(r, 1, &r->in))
    return fail(r, "argument", "not bytes");
  int family = twc_ip_family((const char *)r->in.data, r->in.size);
  return family == number_of(r, 2) ? 1 : fail_number(r, "family", family);
}

static int run_signature(run *r) {
  uint32_t hash = twc_signature(text_of(r, 1), (uint32_t)r->step->size[1]);
  return hash == number_of(r, 2) ? 1 : fail_number(r, "signature", hash);
}

/* The same number for the event as generated, as computed here, and in the vector. */
static int run_event_signature(run *r) {
  static const struct {
    const char *name;
    uint32_t hash;
  } events[] = {
#define ROW(name, kind, event, hash) {#name, hash},
      TW_EVENTS_LIST(ROW)
#undef ROW
  };
  uint32_t hash = twc_signature(text_of(r, 2), (uint32_t)r->step->size[2]);
  if (hash != number_of(r, 3))
    return fail_number(r, "signature", hash);
  for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
    if (strcmp(events[i].name, text_of(r, 1)) == 0)
      return events[i].hash == hash ? 1 : fail_number(r, "generated signature", events[i].hash);
  return fail(r, "no such event", text_of(r, 1));
}

static int run_url_encode(run *r) {
  if (!parse_bytes(r, 1, &r->in))
    return fail(r, "argument", "not bytes");
  for (size_t i = 0; i < r->in.size; i++) {
    char text[3];
    buffer_append(&r->out, text, twc_url_encode_byte(r->in.data[i], text));
  }
  return strcmp(buffer_string(&r->out), text_of(r, 2)) == 0 ? 1 : fail(r, "encoded", buffer_string(&r->out));
}

/* ---- url ---- */

/* Whether that part of the URL is what argument `index` says. */
static bool is_slice(run *r, int index, uint32_t at, uint32_t size) {
  return parse_bytes(r, index, &r->out) && at <= r->in.size && size <= r->in.size - at && r->out.size == size &&
         memcmp(r->in.data + at, r->out.data, size) == 0;
}

static int run_url(run *r) {
  if (!parse_bytes(r, 1, &r->in))
    return fail(r, "argument", "not bytes");
  const tw_url untouched = {.host = 77, .port = 77};
  tw_url url = untouched;
  int32_t error = twc_url_parse((const char *)r->in.data, (uint32_t)r->in.size, &url);
  if (strcmp(error_text(error), text_of(r, 2)) != 0)
    return fail(r, "url", error_text(error));
  if (error != 0)
    return memcmp(&url, &untouched, sizeof url) == 0 ? 1 : fail(r, "url", "changed on error");
  if (r->step->count != 7)
    return fail(r, "step", "wants host, port, target and flags");
  if (!is_slice(r, 3, url.host, url.host_size))
    return fail(r, "url", "another host");
  if (url.port != number_of(r, 4))
    return fail_number(r, "port", url.port);
  if (!is_slice(r, 5, url.target, url.target_size))
    return fail(r, "url", "another target");
  if (url.flags != number_of(r, 6))
    return fail_number(r, "flags", url.flags);
  return 1;
}

/* ---- utf8 ---- */

/* The answer of the streaming scan: the text after `prefix` bytes of ASCII, split before byte `first`, then `each` at a
 * time; in the terms of the step. */
static long long scan(const run *r, size_t prefix, size_t first, size_t each) {
  size_t size = prefix + r->in.size;
  uint8_t *text = malloc(size + 1);
  if (text == NULL)
    abort();
  memset(text, 'a', prefix);
  if (r->in.size > 0)
    memcpy(text + prefix, r->in.data, r->in.size);
  uint32_t state = 0;
  int32_t bad = twc_utf8_scan(&state, text, (uint32_t)first);
  size_t at = first;
  for (; bad < 0 && at < size; at += each < size - at ? each : size - at) {
    bad = twc_utf8_scan(&state, text + at, (uint32_t)(each < size - at ? each : size - at));
    if (bad >= 0)
      bad += (int32_t)at;
  }
  uint32_t after = state;
  bool final = bad < 0 || (state != 0 && twc_utf8_scan(&after, "a", 1) == 0); /* what was bad stays bad */
  bool valid = twc_utf8_valid(text, size);
  free(text);
  if (!final || valid != (bad < 0 && state == 0))
    return -3;
  if (bad >= 0)
    return (long long)bad - (long long)prefix;
  return state == 0 ? -1 : -2;
}

static int run_utf8(run *r) {
  if (!parse_hex(r, 1, &r->in))
    return fail(r, "argument", "not hex");
  const long long wanted = number_of(r, 2);
  const size_t whole = r->in.size + 100;
  long long got = scan(r, 0, 0, whole);
  if (got != wanted)
    return fail_number(r, "utf8", got);
  got = scan(r, 0, 0, 1);
  if (got != wanted)
    return fail_number(r, "utf8 byte by byte", got);
  for (size_t i = 0; i <= r->in.size; i++) {
    got = scan(r, 0, i, whole);
    if (got != wanted)
      return fail_number(r, "utf8 split", got);
  }
  for (size_t prefix = 1; prefix < 100; prefix++) {
    got = scan(r, prefix, 0, whole + prefix);
    if (got != wanted)
      return fail_number(r, "utf8 after ASCII", got);
  }
  return 1;
}

/* ---- head ---- */

static bool is_transcript(run *r, tw_head_kind kind, uint32_t max, int items, const size_t *pieces, size_t count) {
  test_buffer wanted = {0};
  for (int i = items; i < r->step->count; i++) {
    if (r->step->text[i] == NULL || !bytes_parse(&wanted, r->step->text[i], r->step->size[i]))
      buffer_text(&wanted, "a bad item in the vector");
    buffer_text(&wanted, "\n");
  }
  buffer_clear(&r->out);
  leaf_head_run(&r->out, kind, max, r->in.data, r->in.size, pieces, count);
  bool same = wanted.size == r->out.size && memcmp(wanted.data, r->out.data, wanted.size) == 0;
  buffer_free(&wanted);
  return same;
}

static int check_head(run *r, uint32_t max, int input) {
  const char *name = text_of(r, 1);
  tw_head_kind kind = strcmp(name, "request") == 0 ? TW_HEAD_REQUEST : TW_HEAD_RESPONSE;
  if (kind == TW_HEAD_RESPONSE && strcmp(name, "response") != 0)
    return fail(r, "kind", name);
  if (!parse_bytes(r, input, &r->in))
    return fail(r, "argument", "not bytes");
  size_t pieces[2] = {0, 0};
  if (!is_transcript(r, kind, max, input + 1, pieces, 1))
    return fail(r, "head", buffer_string(&r->out));
  pieces[0] = 1;
  if (!is_transcript(r, kind, max, input + 1, pieces, 1))
    return fail(r, "byte by byte", buffer_string(&r->out));
  for (; pieces[0] < r->in.size; pieces[0]++)
    if (!is_transcript(r, kind, max, input + 1, pieces, 2))
      return fail(r, "split", buffer_string(&r->out));
  return 1;
}

static int run_head(run *r) { return check_head(r, UINT32_MAX, 2); }

static int run_head_limit(run *r) { return check_head(r, (uint32_t)number_of(r, 2), 3); }

int leaf_step(const test_step *step, char *why, size_t why_size) {
  static const struct {
    const char *name;
    int (*run)(run *r);
    int count; /* of the op and its arguments, at least */
  } ops[] = {{"sha1", run_sha1, 3},
             {"sha1-repeat", run_sha1_repeat, 4},
             {"base64", run_base64, 3},
             {"utf8", run_utf8, 3},
             {"mask", run_mask, 5},
             {"url", run_url, 3},
             {"ip", run_ip, 3},
             {"url-encode", run_url_encode, 3},
             {"signature", run_signature, 3},
             {"event-signature", run_event_signature, 4},
             {"head", run_head, 4},
             {"head-limit", run_head_limit, 5}};
  if (step->count < 1 || step->text[0] == NULL)
    return -1;
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
    if (step->text[0][0] != ops[i].name[0] || strcmp(step->text[0], ops[i].name) != 0)
      continue;
    run r = {.step = step, .why = why, .why_size = why_size};
    int result = step->count < ops[i].count ? fail(&r, ops[i].name, "too few arguments") : ops[i].run(&r);
    buffer_free(&r.in);
    buffer_free(&r.out);
    return result;
  }
  return -1;
}
