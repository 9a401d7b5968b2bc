/* Asks for compression, and prints whether it can be had. */
#include <stdio.h>
#include <twinwire/tw_posix.h>

static const char *result(int32_t handle) { return handle > 0 ? "yes" : tw_error_name(tw_last_error()); }

int main(void) {
  static const tw_ws_deflate_options deflate = {.threshold = 1};
  static const tw_ws_accept_options accept = {.deflate = &deflate};
  if (tw_posix_start(NULL) < 0)
    return 1;
  printf("server: %s\n", result(tw_ws_listen("127.0.0.1", 0, &accept)));
  printf("client: %s\n", result(tw_ws_open_with("ws://127.0.0.1:9/", &(tw_ws_options){.deflate = &deflate})));
  tw_posix_stop();
  return 0;
}
