/* fixture.h: what the tests of the handle API share. */
#ifndef TEST_C_API_FIXTURE_H
#define TEST_C_API_FIXTURE_H

#include "stub_port.h"
#include "twinwire/host.h"

enum { NOTES = 4096 };

void check_at(bool right, const char *what, int line);
#define CHECK(condition) check_at((condition), #condition, __LINE__)

/* Names the test that is running. */
void begin(const char *name);

/* Returns how many checks have failed since the last call. */
unsigned wrong_checks(void);

/* ---- Handles on a core ---- */

extern tw_limits limits;
extern tw_handles_options options;
extern uint8_t core_memory[];
extern uint8_t handles_memory[];
extern const uint32_t handles_room; /* bytes of each */
extern tw_core *core;
extern tw_handles *handles;
extern uint32_t now; /* the clock */
extern unsigned resizes;
extern unsigned live;            /* what resize has given and not got back */
extern unsigned resizes_allowed; /* how often it still gives something */
extern uint32_t openings;        /* handles that were opened or accepted */
extern tw_keep_alive last_keep_alive;

uint32_t now_ms(void *host);

/* Makes a core and its handles; with `with_resize` messages and servers have memory. */
void start(const char *name, bool with_resize);

/* Runs iterations of the loop until nothing is left to do. */
void turn(void);

/* What listeners have noted, each behind a space. */
extern char notes[NOTES];
void note(const char *text);

/* Whether exactly this was noted since the last call. */
bool noted(const char *expected);

/* Delivers bytes of the peer. */
void receive(int32_t handle, const void *data, uint32_t size);

int32_t open_tcp(void);
int32_t connected_tcp(void);

/* Whether the port was given this text to write. */
bool written_has(const char *text);

/* Delivers the server's answer to the handshake that was just written, with `extensions` (NULL: none) as the value of
 * Sec-WebSocket-Extensions. RFC 6455 4.2.2 */
void answer(int32_t conn, const char *extensions);

/* Accepts a connection of a listener. */
int32_t accept_one(int32_t listener);

/* ---- Tests, a file each ---- */

void listener_tests(void);
void connection_tests(void);
void message_tests(void);
void deflate_send_tests(void);
void deflate_receive_tests(void);
void disorder_tests(void);

/* Runs a test and counts it. */
void run(void (*test)(void));

#endif
