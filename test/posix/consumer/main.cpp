// The same library from C++: lambdas that capture nothing are listeners, too.
#include <cstdio>
#include <twinwire/tw_posix.h>

int main() {
  if (tw_posix_start(nullptr) < 0)
    return 1;
  const int32_t a = tw_net_udp_bind("127.0.0.1", 0);
  const int32_t b = tw_net_udp_bind("127.0.0.1", 0);
  char address[TW_MAX_ADDRESS + 1];
  tw_net_local_addr(a, address, sizeof address);
  int port = 0;
  if (std::sscanf(address, "127.0.0.1:%d", &port) != 1)
    return 2;
  tw_net_on(
      a, "datagram",
      [](const NetDatagram *e, void *) {
        std::printf("%s\n", e->data);
        tw_runtime_exit(0);
      },
      nullptr);
  tw_net_udp_send_to(b, "127.0.0.1", port, "installed", 9);
  const int32_t code = tw_runtime_keep_alive();
  tw_posix_stop();
  return code;
}
