/* peer.h: who the tests talk to: blocking servers, a thread each, of Linux or of lwIP itself. */
#ifndef TEST_ESP32_PEER_H
#define TEST_ESP32_PEER_H

#include <stdbool.h>
#include <stdint.h>

typedef enum peer_kind {
  PEER_ECHO,      /* sends back what comes */
  PEER_GOODBYE,   /* closes each connection at once, orderly */
  PEER_RESET,     /* resets after the first bytes */
  PEER_SLOW,      /* reads a little every now and then, and counts */
  PEER_SOURCE,    /* sends `amount` bytes of a pattern, then FIN */
  PEER_SINK,      /* reads until FIN, then says how many bytes came, as text, and closes */
  PEER_WEBSOCKET, /* shakes hands and echoes messages */
  PEER_UDP,       /* echoes datagrams */
  PEER_DNS, /* knows peer.test, after a while slow.test too, says that nowhere.test does not exist, and keeps silent
               about all others */
} peer_kind;

typedef struct peer {
  peer_kind kind;
  uint32_t amount;
  char answer[16];           /* PEER_DNS: the address of peer.test */
  int fd;                    /* its own */
  uint16_t port;             /* where it listens */
  _Atomic uint32_t accepted; /* connections so far */
  _Atomic uint32_t received; /* bytes so far */
} peer;

typedef struct peer_calls {
  bool (*start)(peer *it); /* kind, amount and answer are set; port too, 0: any */
  void (*stop)(peer *it);  /* accepts no more */
  /* Connects to what is tested, sends `size` bytes and reads as many back. Returns whether they are the same. */
  bool (*talk)(const char *address, uint16_t port, const void *data, uint32_t size);
} peer_calls;

extern const peer_calls linux_peer_calls;
extern const peer_calls lwip_peer_calls;

uint8_t peer_pattern(uint32_t at);

#endif
