/* test.h: what the tests of the component share. Each group is a function that runs its tests by TEST. */
#ifndef TEST_ESP32_TEST_H
#define TEST_ESP32_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "peer.h"
#include "stub.h"
#include "twinwire/tw_esp.h"

/* Where the peers are, and what the device's own address is. */
typedef struct place {
  const char *name;
  const char *peer_address;
  const char *device_address;
  const peer_calls *peers;
  bool has_stack; /* lwIP runs, and the interface is there */
} place;

extern place here;

#define TEST(function) test_run(#function, function)
void test_run(const char *name, void (*function)(void));

/* Ends the running test as failed, unless `right`. */
#define CHECK(right) test_check((right), #right, __FILE__, __LINE__)
void test_check(bool right, const char *text, const char *file, int line);

/* What has happened to one handle. */
typedef struct story {
  int32_t handle;
  uint32_t connected, disconnected, errors, drains, ended;
  int32_t code; /* of the last error or, without one, disconnected */
  uint32_t step;
  int32_t retry_ms; /* of the last disconnected */
  uint32_t received;
  bool wrong; /* what came is not peer_pattern */
  char text[2048];
  uint32_t text_size;
  int32_t accepted; /* the last one */
  uint32_t accepts;
} story;

/* Starts the loop on this thread, with the options of the device or those given. */
void test_begin(const tw_esp_options *options);
void test_end(void);

/* Turns the loop until `*counter` is at least `least`; fails the test after 10 s. */
void test_until(const uint32_t *counter, uint32_t least);

/* Turns the loop for `ms`. */
void test_for(uint32_t ms);

uint32_t test_now(void);

/* Opens a connection whose events are printed; tw_ws_... if `url`. */
void test_connect(story *it, const char *host, uint16_t port);
void test_open_ws(story *it, const char *url);
void test_open_ws_with(story *it, const char *url, const tw_ws_options *options);
void test_listen_to(story *it);

void tests_of_streams(void);
void tests_of_names(void);
void tests_of_datagrams(void);
void tests_of_listeners(void);
void tests_of_network(void);
void tests_of_interfaces(void);
void tests_of_websockets(void);
void tests_of_events(void);
void tests_of_task(void);
/* With real programs, at the far end of a tap. `node` is one. */
void tests_of_programs(const char *node);

#endif
