#include "test.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 10000 };

static jmp_buf out;
static unsigned passed, failed;

void test_check(bool right, const char *text, const char *file, int line) {
  if (right)
    return;
  printf("  %s:%d: not so: %s\n", file, line, text);
  longjmp(out, 1);
}

void test_run(const char *name, void (*function)(void)) {
  uint32_t started = test_now();
  const char *only = getenv("ONLY");
  if (only != NULL && strstr(name, only) == NULL)
    return;
  if (setjmp(out) == 0) {
    function();
    passed++;
    printf("ok      %s, %s (%u ms)\n", here.name, name, (unsigned)(test_now() - started));
  } else {
    failed++;
    printf("FAILED  %s, %s\n", here.name, name);
    test_end();
    if (here.has_stack)
      stub_network(true, here.device_address);
  }
}

unsigned test_total(void) {
  printf("%u passed, %u failed\n", passed, failed);
  return failed;
}

void test_begin(const tw_esp_options *options) { CHECK(tw_esp_begin(options) == 0); }

void test_end(void) {
  tw_esp_stop();
  while (tw_poll(20) >= 0)
    ;
  while (tw_esp_running()) /* it has a task of its own */
    ;
}

void test_until(const uint32_t *counter, uint32_t least) {
  uint32_t end = test_now() + PATIENCE_MS;
  while (*counter < least) {
    CHECK((int32_t)(end - test_now()) > 0);
    tw_poll(50);
  }
}

void test_for(uint32_t ms) {
  uint32_t end = test_now() + ms;
  int32_t left;
  while ((left = (int32_t)(end - test_now())) > 0)
    tw_poll((uint32_t)left);
}

/* ---- Stories ---- */

static void take(story *it, const char *data, uint32_t size) {
  for (uint32_t i = 0; i < size; i++)
    it->wrong = it->wrong || (uint8_t)data[i] != peer_pattern(it->received + i);
  uint32_t room = (uint32_t)sizeof it->text - it->text_size;
  memcpy(it->text + it->text_size, data, size < room ? size : room);
  it->text_size += size < room ? size : room;
  it->received += size;
}

static void on_connected(const NetConnected *e, void *ctx) { (void)e, ((story *)ctx)->connected++; }
static void on_ended(const NetEnded *e, void *ctx) { (void)e, ((story *)ctx)->ended++; }
static void on_drain(const NetDrain *e, void *ctx) { (void)e, ((story *)ctx)->drains++; }
static void on_data(const NetData *e, void *ctx) { take(ctx, e->data, e->size); }

static void on_accepted(const NetAccepted *e, void *ctx) {
  story *it = ctx;
  it->accepted = e->sock;
  it->accepts++;
}

static void on_error(const NetError *e, void *ctx) {
  story *it = ctx;
  it->errors++;
  it->code = e->code;
  it->step = e->step;
}

static void on_disconnected(const NetDisconnected *e, void *ctx) {
  story *it = ctx;
  it->disconnected++;
  it->retry_ms = e->retry_ms;
}

static void on_ws_connected(const WsConnected *e, void *ctx) { (void)e, ((story *)ctx)->connected++; }
static void on_ws_drain(const WsDrain *e, void *ctx) { (void)e, ((story *)ctx)->drains++; }
static void on_ws_message(const WsMessage *e, void *ctx) { take(ctx, e->message, e->size); }

static void on_ws_error(const WsError *e, void *ctx) {
  story *it = ctx;
  it->errors++;
  it->code = e->code;
  it->step = e->step;
}

static void on_ws_disconnected(const WsDisconnected *e, void *ctx) {
  story *it = ctx;
  it->disconnected++;
  it->retry_ms = e->retry_ms;
}

void test_listen_to(story *it) {
  tw_net_on(it->handle, "connected", on_connected, it);
  tw_net_on(it->handle, "disconnected", on_disconnected, it);
  tw_net_on(it->handle, "error", on_error, it);
  tw_net_on(it->handle, "data", on_data, it);
  tw_net_on(it->handle, "drain", on_drain, it);
  tw_net_on(it->handle, "ended", on_ended, it);
  tw_net_on(it->handle, "accepted", on_accepted, it);
}

void test_connect(story *it, const char *host, uint16_t port) {
  memset(it, 0, sizeof *it);
  it->handle = tw_net_tcp_connect(host, port);
  CHECK(it->handle > 0);
  test_listen_to(it);
}

void test_open_ws(story *it, const char *url) { test_open_ws_with(it, url, NULL); }

void test_open_ws_with(story *it, const char *url, const tw_ws_options *options) {
  memset(it, 0, sizeof *it);
  it->handle = tw_ws_open_with(url, options);
  CHECK(it->handle > 0);
  tw_ws_on(it->handle, "connected", on_ws_connected, it);
  tw_ws_on(it->handle, "disconnected", on_ws_disconnected, it);
  tw_ws_on(it->handle, "error", on_ws_error, it);
  tw_ws_on(it->handle, "message", on_ws_message, it);
  tw_ws_on(it->handle, "drain", on_ws_drain, it);
}
