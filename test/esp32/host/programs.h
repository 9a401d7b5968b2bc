/* programs.h: the programs at the far end of the tap: servers of node:tls and of the package ws (peers.mjs). */
#ifndef TEST_ESP32_PROGRAMS_H
#define TEST_ESP32_PROGRAMS_H

#include <stdint.h>

/* The port of the server that peers.mjs calls `name`. */
uint16_t program_port(const char *name);

/* A PEM file that they wrote, terminated; to be freed. */
char *program_pem(const char *name);

/* What esp-tls is asked for beyond a connection: kept authorities and sessions, PSK, the DS peripheral, the global CA
 * store, serving; and how long a handshake holds the network task. */
void tests_of_tls_options(void);

#endif
