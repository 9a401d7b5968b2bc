/* port.c: the POSIX host as a module of Node, so that the suites of test/adapters check it as they check every other
 * host. In place of the core there are functions that pass each delivery on to JavaScript; the calls of port.h are what
 * JavaScript calls. The host itself is what the library has, file by file.
 *
 * This file starts it, and has libuv watch its descriptor and its time-out, as docs/c.md shows it. */
#include "module.h"

struct port_module stub;

/* ---- The event loop ------------------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer);

void arm(void) {
  if (stub.inside)
    return;
  uint32_t ms = tw_posix_timeout();
  if (ms == TW_FOREVER)
    uv_timer_stop(&stub.timer);
  else
    uv_timer_start(&stub.timer, on_timer, ms, 0);
}

static void iterate(void) {
  stub.inside = true;
  tw_poll(0);
  stub.inside = false;
  arm();
}

static void on_timer(uv_timer_t *timer) {
  (void)timer;
  iterate();
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  (void)poll, (void)status, (void)events;
  iterate();
}

/* ---- Loading ------------------------------------------------------------------------------------------------- */

static void stop(void *unused) {
  (void)unused;
  uv_close((uv_handle_t *)&stub.poll, NULL);
  uv_close((uv_handle_t *)&stub.timer, NULL);
  tw_posix_stop();
}

napi_value js_start(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value deliver_to;
  napi_get_cb_info(env, info, &count, &deliver_to, NULL, NULL);
  tw_limits limits = TW_LIMITS_HOST;
  limits.sockets = SOCKETS;
  limits.webSockets = 0;
  limits.recvBuffer = RX;
  napi_value memory;
  void *data = NULL;
  uv_loop_t *loop = NULL;
  stub.env = env;
  napi_create_reference(env, deliver_to, 1, &stub.deliver);
  napi_create_arraybuffer(env, RX + 1, &data, &memory);
  napi_ref kept;
  napi_create_reference(env, memory, 1, &kept);
  stub.rx = data;
  napi_async_init(env, NULL, text_of("twinwire", NAPI_AUTO_LENGTH), &stub.context);
  napi_get_uv_event_loop(env, &loop);
  if (tw_posix_start(&(tw_posix_options){.limits = &limits}) < 0) {
    napi_throw_error(env, NULL, tw_error_name(tw_last_error()));
    return NULL;
  }
  uv_poll_init(loop, &stub.poll, tw_posix_fd());
  uv_timer_init(loop, &stub.timer);
  uv_poll_start(&stub.poll, UV_READABLE, on_ready);
  uv_unref((uv_handle_t *)&stub.poll);
  uv_unref((uv_handle_t *)&stub.timer);
  napi_add_env_cleanup_hook(env, stop, NULL);
  return memory;
}

NAPI_MODULE_INIT() {
  add_calls(env, exports);
  return exports;
}
