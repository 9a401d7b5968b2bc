/* The arguments and results of operations. */
#include <string.h>

#include "session.h"

static const struct {
  const char *name;
  int32_t value;
} errors[] = {
#define ERROR_ROW(name, value, what, todo) {#name, value},
    TW_ERRORS_LIST(ERROR_ROW)
#undef ERROR_ROW
};

enum { ERRORS = sizeof errors / sizeof errors[0], PREFIX = 3 /* TW_ */ };

const char *error_name(long long error) {
  for (size_t i = 0; i < ERRORS; i++)
    if (errors[i].value == error)
      return errors[i].name + PREFIX;
  return NULL;
}

bool error_value(const char *name, int32_t *error) {
  for (size_t i = 0; i < ERRORS; i++)
    if (strcmp(errors[i].name + PREFIX, name) == 0) {
      *error = errors[i].value;
      return true;
    }
  return false;
}

bool arg_number(test_session *s, const test_step *step, int index, long long *number) {
  if (index >= step->count || step->text[index] != NULL)
    return fail_with(s, "argument %d is not an integer", index) != 0;
  *number = step->number[index];
  return true;
}

bool arg_text(test_session *s, const test_step *step, int index, const char **text, size_t *size) {
  if (index >= step->count || step->text[index] == NULL)
    return fail_with(s, "argument %d is not a text", index) != 0;
  *text = step->text[index];
  if (size != NULL)
    *size = step->size[index];
  return true;
}

bool arg_handle(test_session *s, const test_step *step, int index, int32_t *handle) {
  if (step->text[index] == NULL) {
    *handle = (int32_t)step->number[index];
    return true;
  }
  const test_sock *sock = script_host_named(&s->host, step->text[index]);
  if (sock == NULL)
    return fail_with(s, "no handle was named %s", step->text[index]) != 0;
  *handle = sock->handle;
  return true;
}

bool arg_bytes(test_session *s, const test_step *step, int index) {
  const char *text = NULL;
  size_t size = 0;
  if (!arg_text(s, step, index, &text, &size))
    return false;
  buffer_clear(&s->scratch);
  if (!bytes_parse(&s->scratch, text, size))
    return fail_with(s, "malformed bytes") != 0;
  (void)buffer_string(&s->scratch); /* a pointer even where there are no bytes */
  return true;
}

bool arg_texts(test_session *s, const test_step *step, int index) {
  if (!arg_bytes(s, step, index))
    return false;
  if (strncmp(step->text[index], "x:", 2) == 0 || s->scratch.size == 0)
    return true;
  for (size_t i = 0; i < s->scratch.size; i++)
    if (s->scratch.data[i] == '|')
      s->scratch.data[i] = 0;
  buffer_append(&s->scratch, "", 1);
  return true;
}

static void show_result(test_buffer *out, long long result) {
  const char *name = result < 0 ? error_name(result) : NULL;
  if (name != NULL)
    buffer_text(out, name);
  else
    buffer_number(out, result);
}

int expect_result(test_session *s, const test_step *step, int index, long long got, long long otherwise) {
  long long expected = otherwise;
  const uint32_t result = (uint32_t)got;
  tap_add(&s->host.tap, "result", &result, 1, "", 0);
  if (s->mode.pieces == PIECES_APART || s->mode.pieces == PIECES_JOINED)
    return 1; /* what a run leaves behind decides */
  if (index < step->count) {
    int32_t error;
    if (step->text[index] != NULL && strcmp(step->text[index], "any") == 0)
      return 1;
    if (step->text[index] == NULL)
      expected = step->number[index];
    else if (error_value(step->text[index], &error))
      expected = error;
    else
      return fail_with(s, "argument %d is not the name of an error", index);
  }
  if (got == expected)
    return 1;
  buffer_text(&s->why, "expected ");
  show_result(&s->why, expected);
  buffer_text(&s->why, ", got ");
  show_result(&s->why, got);
  return 0;
}
