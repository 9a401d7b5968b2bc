/* tap_linux.c: the Linux side of tap.h. Linux's headers and lwIP's don't go together. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"

int tap_fd = -1;

static bool write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0)
    close(fd);
  return done;
}

/* Without root: as root of a user namespace, where the system lets users have them. */
static bool enter_namespace(void) {
  char map[64];
  snprintf(map, sizeof map, "0 %u 1", (unsigned)getuid());
  if (unshare(CLONE_NEWNET) == 0)
    return true;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
    return false;
  return write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", map);
}

static bool configure(int control, const char *name, const char *address, const char *mask) {
  struct ifreq request;
  struct sockaddr_in in = {.sin_family = AF_INET};
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  inet_pton(AF_INET, address, &in.sin_addr);
  memcpy(&request.ifr_addr, &in, sizeof in);
  if (ioctl(control, SIOCSIFADDR, &request) != 0)
    return false;
  inet_pton(AF_INET, mask, &in.sin_addr);
  memcpy(&request.ifr_netmask, &in, sizeof in);
  if (ioctl(control, SIOCSIFNETMASK, &request) != 0)
    return false;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(control, SIOCSIFFLAGS, &request) == 0;
}

bool tap_prepare(const char **reason) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  strncpy(request.ifr_name, "tw0", IFNAMSIZ - 1);
  if (!enter_namespace()) {
    *reason = "no network namespace may be made here";
    return false;
  }
  tap_fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (tap_fd < 0 || ioctl(tap_fd, TUNSETIFF, &request) != 0) {
    *reason = "/dev/net/tun can't be used here";
    return false;
  }
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool done =
      configure(control, "tw0", TAP_HOST, "255.255.255.0") && configure(control, "lo", "127.0.0.1", "255.0.0.0");
  close(control);
  *reason = done ? NULL : "the tap device can't be given an address";
  return done;
}
