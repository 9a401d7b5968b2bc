/* sim.h: two cores against each other, in one process, over a simulated network and in virtual time. One seed is one
 * life; the same seed is the same life everywhere. */
#ifndef TEST_SIM_C_SIM_H
#define TEST_SIM_C_SIM_H

#include <stdbool.h>

#include "twinwire/core.h"
#include "twinwire/port.h"

enum {
  SIM_MACHINES = 2,
  SIM_SLOTS = 32,    /* of a machine: more than its limits allow */
  SIM_LINKS = 64,    /* connections that any machine still knows */
  SIM_PIPE = 2048,   /* bytes under way in one direction, at most */
  SIM_SEGMENTS = 32, /* that they lie in, at most */
  SIM_DATAGRAMS = 8,
  SIM_DATAGRAM = 256,
  SIM_ARENA = 1 << 17,
  SIM_STREAM_PORT = 1,
  SIM_WEB_PORT = 2,
  SIM_UDP_PORT = 3,
};

/* All faults of a life. Chances are of 256, rare ones of 65536. */
typedef struct sim_faults {
  uint32_t latency; /* ms */
  uint32_t jitter;
  uint32_t buffer;  /* bytes under way in one direction, at most SIM_PIPE */
  uint32_t segment; /* bytes of a segment, at most */
  uint32_t partial_write;
  uint32_t lent_write; /* the rest of a write is read from the core's memory later */
  uint32_t partial_read;
  uint32_t refused;
  uint32_t black_hole; /* connections that nobody answers */
  uint32_t pings;      /* that a WebSocket sends instead of messages */
  uint32_t floods;     /* WebSockets that send nothing but pings and receive nothing */
  uint32_t datagram_loss;
  uint32_t datagram_duplication;
  uint32_t call_failure; /* rare, of each call of the host */
  uint32_t reset;        /* rare, of each step */
  uint32_t garbage;      /* rare, of each step: a peer breaks the protocol of a WebSocket and keeps the connection */
  uint32_t partition;    /* rare, of each step; for up to 20 s */
  uint32_t pause;        /* rare, of each step: a process stands still for up to 8 s */
} sim_faults;

typedef struct sim_segment {
  uint32_t due;
  uint32_t size;
} sim_segment;

/* One direction of a connection. */
typedef struct sim_pipe {
  uint8_t bytes[SIM_PIPE];
  uint32_t head, size;
  sim_segment segments[SIM_SEGMENTS];
  uint32_t first, count;
  uint32_t last_due; /* of the last segment: nothing overtakes it */
  uint32_t total;    /* bytes that were ever put in */
  bool fin;          /* behind all bytes */
  bool gone;         /* nobody reads: what still comes is answered with a reset */
  bool reset;        /* the reader finds the connection reset */
  bool severed;      /* garbage came in between: what is written is dropped */
} sim_pipe;

/* What the application at one end of a connection knows of it. */
typedef struct sim_end {
  uint32_t sent;     /* bytes, or messages, that the core took */
  uint32_t received; /* bytes, or messages, that it reported whole */
  uint32_t at;       /* bytes of the message that is being received */
  uint32_t part;     /* bytes of the message that is being sent in fragments; 0: none */
  uint32_t unsent;   /* what DISCONNECTED said */
  bool closed;       /* the application has closed it: it need not receive everything */
  bool aborted;      /* by twc_abort */
  bool clean;        /* what DISCONNECTED said */
  bool prompt;       /* it came before closeTimeoutMs had passed */
  uint32_t closed_at;
  bool garbled; /* garbage was received, and the application held nothing back */
  uint32_t garbled_at;
  bool over;   /* DISCONNECTED came */
  bool socket; /* the host has a socket */
} sim_end;

typedef struct sim_link {
  bool used;
  uint32_t id;
  uint32_t port;
  bool disturbed;    /* the network reset it, or a call failed */
  bool accepted;     /* the other machine knows it */
  bool queued;       /* and is still to accept it */
  sim_pipe pipes[2]; /* pipes[side] leads to the end `side` */
  sim_end ends[2];   /* 0: the machine that connected */
} sim_link;

typedef struct sim_socket {
  int32_t handle;
  bool open;
  bool connected;
  bool reading;
  bool finished; /* our FIN is on its way */
  bool ended;    /* the peer's was delivered */
  bool hole;     /* nothing will come of it */
  uint32_t kind;
  uint32_t port;
  uint32_t due; /* of the connection */
  uint32_t side;
  sim_link *link;
  bool owed;     /* a twc_written */
  uint32_t lent; /* bytes that are read later from the core's memory */
  tw_span spans[TW_MAX_SPANS];
  uint32_t span_count;
} sim_socket;

typedef enum sim_role {
  SIM_NONE,
  SIM_LISTENER,
  SIM_UDP,
  SIM_STREAM,
  SIM_WS,
  SIM_HTTP_CLIENT,
  SIM_HTTP_SERVER
} sim_role;

/* What the application knows of a handle. */
typedef struct sim_handle {
  int32_t handle;
  sim_role role;
  bool is_open;   /* between CONNECTED and DISCONNECTED */
  bool closed;    /* by the application */
  bool drain;     /* a send was refused: DRAIN is due */
  bool receiving; /* not stopped by twc_set_receiving */
  bool reconnects;
  bool finished; /* by twc_shutdown */
  bool ending;   /* an error or the close frame of the peer was reported */
  bool floods;   /* sends nothing but pings and receives nothing */
  uint32_t window;
  uint32_t unread;  /* bytes that are still to be consumed */
  uint32_t port;    /* of a listener */
  uint32_t request; /* number of the request that is under way */
  uint32_t body;    /* bytes of a body that came */
  uint32_t section; /* of an HTTP message */
  bool busy;        /* a request or its response is under way */
  bool answer;      /* a response is to be sent */
  uint32_t head_size;
  char head[512];
  sim_link *link;
  uint32_t side;
} sim_handle;

typedef struct sim_datagram {
  uint32_t due;
  uint32_t size;
  uint8_t bytes[SIM_DATAGRAM];
} sim_datagram;

struct sim;

typedef struct sim_machine {
  struct sim *sim;
  uint32_t index;
  tw_core *core;
  uint32_t offset; /* of its clock */
  uint32_t ticked;
  uint32_t paused_until;
  bool pump_due;
  sim_socket sockets[SIM_SLOTS];
  sim_handle handles[SIM_SLOTS];
  sim_link *backlog[SIM_LINKS]; /* connections that are to be accepted */
  uint32_t backlog_size;
  sim_datagram datagrams[SIM_DATAGRAMS];
  uint32_t datagram_count;
  int32_t udp;
} sim_machine;

typedef struct sim {
  uint64_t random;
  uint64_t seed;
  uint64_t steps;
  uint32_t now;
  uint32_t partitioned_until;
  bool ending; /* no faults, nothing new */
  sim_faults faults;
  sim_machine machines[SIM_MACHINES];
  sim_link links[SIM_LINKS];
  uint32_t next_id;
  uint64_t digest;
  uint64_t delivered; /* bytes that applications received */
} sim;

/* sim.c: lives. */

/* Lives one life of about `steps` steps. Returns its digest; a violation ends the program. */
uint64_t sim_live(sim *s, uint64_t seed, uint64_t steps);

/* Ends the program unless `right`, with the seed and the step. */
void sim_check(sim *s, bool right, const char *rule);

uint32_t sim_range(sim *s, uint32_t below);
bool sim_chance(sim *s, uint32_t of256);
bool sim_rarely(sim *s, uint32_t of65536);

/* Whether a time has come: times wrap. */
bool sim_is_due(const sim *s, uint32_t due);

/* network.c: links, and the functions of port.h. */

/* Delivers what is due to one socket. Returns false if nothing is. */
bool sim_network_deliver(sim_machine *m);

/* Resets a connection, as a router would. */
void sim_network_reset(sim *s, sim_link *link);

/* Has the reader at `side` find garbage behind what was written to it so far, and then nothing: no more bytes, no end.
 */
void sim_network_garble(sim *s, sim_link *link, uint32_t side);

/* Frees what nobody knows any more. */
void sim_link_release(sim_link *link);

/* machine.c: one core and its loop. */
void sim_machine_start(sim_machine *m, const tw_limits *limits, uint8_t *arena);

/* Brings the core's clock to now. */
void sim_machine_tick(sim_machine *m);

/* Hands out the records of a delivery. */
void sim_machine_drain(sim_machine *m, uint32_t ready);

/* The end of a loop iteration. */
void sim_machine_flush(sim_machine *m);

/* handles.c: what the applications of both simulations share. */
extern const tw_limits sim_limits;

/* The handle that the application knows by this number; NULL for another. */
sim_handle *sim_known(sim_machine *m, int32_t handle);

/* The end of a handle's connection, and that of its peer. */
sim_end *sim_end_of(const sim_handle *h);
sim_end *sim_peer_of(const sim_handle *h);

/* The bytes of a stream say where they belong; those of a message its number. */
uint8_t sim_stream_byte(const sim_handle *h, uint32_t side, uint32_t at);
uint8_t sim_message_byte(uint32_t number, uint32_t at);

/* It has something to answer yet, or wants to receive nothing: what comes at the end may wait for it. */
void sim_hold_back(sim_handle *h);

/* Has the peer of some WebSocket break the protocol. */
void sim_garble_one(sim_machine *m);

/* program.c: the application. */
extern const char sim_arguments[]; /* of "make sim-c", for a life of this program */

void sim_program_start(sim_machine *m);
void sim_program_event(sim_machine *m, const tw_event *event);
void sim_program_accepted(sim_machine *m, int32_t handle, sim_link *link);

/* The connection that a handle has from now on. */
void sim_program_attach(sim_machine *m, int32_t handle, sim_link *link, uint32_t side);

/* Called when a handle has received the garbage of a peer. */
void sim_program_garbled(sim_machine *m, int32_t handle);

/* Makes some call. */
void sim_program_act(sim_machine *m);

/* Closes everything, and sees at the end that nothing is left. */
void sim_program_close(sim_machine *m);
void sim_program_check_empty(sim_machine *m);

#endif
