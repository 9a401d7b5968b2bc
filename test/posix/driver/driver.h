/* driver.h: what the files of the driver share. See ../driver.c. */
#ifndef TW_TEST_DRIVER_H
#define TW_TEST_DRIVER_H

#include "twinwire/tw_posix.h"

enum { MAX_LINE = 65536, MAX_WORDS = 32, HANDLES = 32768 };

/* ---- events.c: the listeners, which print what happens ---- */

extern uint32_t shown; /* bytes of an event that are printed, in hex; more are only counted */

/* What has arrived on a handle: how much, and its FNV-1a. */
typedef struct arrivals {
  int32_t handle;
  unsigned long long bytes;
  uint32_t hash;
  bool echo;  /* bytes are sent back */
  bool quiet; /* events with bytes are not printed */
} arrivals;

/* Returns the arrivals of a handle; of a new one they are empty. */
arrivals *arrivals_of(int32_t handle);

/* Adds the listeners for all events that a handle of this kind (tw_kind) has. Ignores a handle below 0. */
void listen_to(int32_t handle, uint32_t kind);
void listen_to_server(int32_t server);

/* ---- options.c: options from the words of a line ---- */

bool has_prefix(const char *word, const char *prefix, const char **rest);

/* Lends memory to the engine until the process ends; returns it. */
void *keep(void *memory);

/* "ca=FILE", "alpn=NAME", "any" … The result lives as long as the process, as the options of a program would. */
const tw_tls_options *tls_of(char **words, int count);

/* Opens a WebSocket: its URL, then "protocol=NAME", "header=NAME:VALUE", "deflate…", and last "tls" with TLS options.
 */
int32_t open_ws(char **words, int count);

/* ---- calls.c ---- */

/* Runs the call of a line, and prints its answer. The line is taken apart. */
void run_line(char *line);

/* Runs the first line that waits to be run within a listener, if there is one. */
void run_during(void);

#endif
