/* What must have come of it. */
#include <string.h>

#include "session.h"

static int op_events(test_session *s, const test_step *step) {
  events_end(s);
  return log_expect(&s->events, step, &s->why) ? 1 : fail_with(s, "      (events)");
}

static int op_wire(test_session *s, const test_step *step) {
  return log_expect(&s->host.wire, step, &s->why) ? 1 : fail_with(s, "      (wire)");
}

static int op_whatever(test_session *s, const test_step *step) {
  (void)step;
  events_end(s);
  log_clear(&s->events);
  log_clear(&s->host.wire);
  s->during_count = 0;
  return 1;
}

static int op_state(test_session *s, const test_step *step) {
  static const char *const names[] = {"free", "connecting", "open", "closing", "waiting", "closed"};
  int32_t handle;
  const char *expected;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &expected, NULL))
    return 0;
  int32_t got = twc_state(s->core, handle);
  const char *name = got < 0 ? error_name(got) : got < 6 ? names[got] : NULL;
  if (name != NULL && strcmp(name, expected) == 0)
    return 1;
  return fail_with(s, "the state is %s", name == NULL ? "unknown" : name);
}

static int op_buffered(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  return expect_result(s, step, 2, twc_buffered(s->core, handle), 0);
}

static int op_room(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  return expect_result(s, step, 2, twc_room(s->core, handle), 0);
}

static int op_stats(test_session *s, const test_step *step) {
  tw_stats got = {0};
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  int32_t result = twc_stats(s->core, handle, &got);
  if (step->count == 3)
    return expect_result(s, step, 2, result, 0);
  if (result < 0)
    return fail_with(s, "got %s", error_name(result));
  const uint64_t values[] = {got.received, got.sent, got.connects, got.refused};
  for (int i = 0; i < 4; i++)
    if (!expect_result(s, step, 2 + i, (long long)values[i], 0))
      return 0;
  return 1;
}

static int op_address_stats(test_session *s, const test_step *step) {
  int32_t handle;
  tw_address_stats got = {0};
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  int32_t result = twc_address_stats(s->core, handle, &got);
  if (step->count == 3)
    return expect_result(s, step, 2, result, 0);
  if (result < 0)
    return fail_with(s, "got %s", error_name(result));
  const uint32_t values[] = {got.admitted, got.refused_connections, got.refused_handshakes, got.refused_messages,
                             got.untracked};
  for (int i = 0; i < 5; i++)
    if (!expect_result(s, step, 2 + i, values[i], 0))
      return 0;
  return 1;
}

static int op_free_blocks(test_session *s, const test_step *step) {
  uint32_t got = twc_free_blocks(s->core);
  if (step->text[1] == NULL)
    return expect_result(s, step, 1, got, 0);
  return got == s->all_blocks ? 1 : fail_with(s, "%u of %u blocks are free", (unsigned)got, (unsigned)s->all_blocks);
}

static int op_wait(test_session *s, const test_step *step) {
  uint32_t got = twc_wait(s->core);
  if (step->text[1] == NULL)
    return expect_result(s, step, 1, got, 0);
  return got == TW_FOREVER ? 1 : fail_with(s, "expected forever, got %u ms", (unsigned)got);
}

static int op_writes(test_session *s, const test_step *step) {
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  test_sock *sock = session_sock(s, handle);
  if (sock == NULL)
    return fail_with(s, "no such handle");
  uint32_t writes = sock->writes;
  sock->writes = 0;
  return expect_result(s, step, 2, writes, 0);
}

/* A text or an error that a call answered. */
static int expect_text(test_session *s, const test_step *step, int index, int32_t got, const char *text) {
  const char *expected;
  size_t size;
  int32_t error;
  if (!arg_text(s, step, index, &expected, &size))
    return 0;
  if (error_value(expected, &error))
    return expect_result(s, step, index, got, 0);
  if (got >= 0 && (size_t)got == size && memcmp(text, expected, size) == 0)
    return 1;
  return fail_with(s, "got '%.*s'", got < 0 ? 0 : got, text);
}

static int op_target(test_session *s, const test_step *step) {
  char text[512];
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  return expect_text(s, step, 2, twc_target(s->core, handle, text, sizeof text), text);
}

static int op_subprotocol(test_session *s, const test_step *step) {
  char text[512];
  int32_t handle;
  if (!arg_handle(s, step, 1, &handle))
    return 0;
  return expect_text(s, step, 2, twc_protocol(s->core, handle, text, sizeof text), text);
}

static int op_address(test_session *s, const test_step *step) {
  char text[TW_MAX_ADDRESS];
  int32_t handle;
  const char *which;
  if (!arg_handle(s, step, 1, &handle) || !arg_text(s, step, 2, &which, NULL))
    return 0;
  uint32_t end = strcmp(which, "local") == 0 ? TW_ADDRESS_LOCAL : TW_ADDRESS_REMOTE;
  return expect_text(s, step, 3, twc_address(s->core, handle, end, text, sizeof text), text);
}

const test_op expect_ops[] = {
    {"events", 0, -1, op_events},
    {"wire", 0, -1, op_wire},
    {"whatever", 0, 0, op_whatever},
    {"state", 2, 2, op_state},
    {"buffered", 2, 2, op_buffered},
    {"room", 2, 2, op_room},
    {"free-blocks", 1, 1, op_free_blocks},
    {"wait", 1, 1, op_wait},
    {"writes", 2, 2, op_writes},
    {"target", 2, 2, op_target},
    {"subprotocol", 2, 2, op_subprotocol},
    {"address", 3, 3, op_address},
    {"stats", 2, 5, op_stats},
    {"address-stats", 2, 6, op_address_stats},
    {NULL, 0, 0, NULL},
};
