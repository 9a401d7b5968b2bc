/* listener.h: closes a listener of the tests' peers. */
#ifndef TEST_ESP32_LISTENER_H
#define TEST_ESP32_LISTENER_H

/* As lwip_close, also for a listener in whose queue there are connections. Ends what waits in lwip_accept. */
int test_lwip_close_listener(int fd);

#endif
