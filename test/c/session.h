/* session.h: runs the steps of one case against one core on a scripted host. See test/vectors/README.md. */
#ifndef TEST_SESSION_H
#define TEST_SESSION_H

#include "json.h"
#include "script_host.h"

/* How received bytes are cut into deliveries. The last two compare nothing with what the steps expect: what APART
 * leaves behind, from the first step to the last, is what JOINED must leave behind (session_compare). */
typedef enum test_pieces {
  PIECES_WHOLE,
  PIECES_BYTES,
  PIECES_SPLIT,
  PIECES_APART, /* as PIECES_WHOLE */
  PIECES_JOINED /* what the peer sends between two calls of the application is one delivery, an end right behind it */
} test_pieces;

/* One way to run a case; every way must leave the same lines. */
typedef struct test_mode {
  const char *label;
  test_pieces pieces;
  size_t split; /* PIECES_SPLIT: the place, counted over all that the case receives */
  bool small;   /* the least events and receive buffer */
  bool dribble; /* the host takes half of each write, then the rest, or has it offered again */
  bool wrap;    /* the clock wraps soon after the start */
} test_mode;

typedef struct test_session {
  test_mode mode;
  tw_limits limits;
  tw_core *core; /* NULL until the first step that needs it */
  uint8_t *memory;
  size_t memory_size;
  script_host host;
  test_log events;
  test_sock *message; /* whose message parts stand open in events.bytes */
  bool message_ascii;
  bool message_done;
  int32_t head_code; /* of the head that is whole, and tw_http_flag bits */
  uint32_t head_flags;
  uint32_t now;
  uint32_t all_blocks;
  test_step during[4]; /* what the application does in its handlers of the next events */
  int during_count;
  bool draining;        /* events are being handed over: calls do not flush */
  bool hold;            /* calls are not flushed */
  size_t received;      /* bytes that the case received so far */
  test_buffer arrivals; /* size_t offsets in `received` at which a step's bytes began */
  bool own_recv_buffer; /* the case set limits.recvBuffer itself */
  bool own_text_pool;
  int32_t joined; /* PIECES_JOINED: whose bytes, or end, are to be delivered; 0: none */
  bool joined_end;
  test_buffer joined_bytes;
  test_buffer apart;  /* what PIECES_APART left behind */
  size_t left_events; /* bytes of the lines that the steps left behind, before all was closed */
  size_t left_wire;
  test_buffer scratch;  /* an argument's bytes */
  test_buffer incoming; /* what is being received: handlers may use scratch meanwhile */
  test_buffer why;
} test_session;

/* A step's operation: 1 pass, 0 fail with s->why. `min` and `max` count the arguments after its name; max -1: any. */
typedef struct test_op {
  const char *name;
  int min;
  int max;
  int (*run)(test_session *s, const test_step *step);
} test_op;

extern const test_op application_ops[]; /* ended by a NULL name */
extern const test_op http_ops[];
extern const test_op ws_ops[];
extern const test_op host_ops[];
extern const test_op expect_ops[];

void session_free(test_session *s);

/* Runs a case in one mode. True if it passed; else s->why says why. */
bool session_run(test_session *s, const test_case *one, const test_mode *mode);

/* After a run as PIECES_APART: keeps what it left behind. */
void session_keep(test_session *s);

/* After a run as PIECES_JOINED: true if it left behind the same; else s->why says what differs. */
bool session_compare(test_session *s);

/* True if a case takes part in a mode. Known after it ran whole. */
bool session_has_mode(const test_session *s, const test_case *one, const test_mode *mode);

/* ---- What the operations use ---- */

int fail_with(test_session *s, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* The number of the handle that argument `index` names, or the argument itself if it is an integer. False: unknown. */
bool arg_handle(test_session *s, const test_step *step, int index, int32_t *handle);
bool arg_number(test_session *s, const test_step *step, int index, long long *number);
bool arg_text(test_session *s, const test_step *step, int index, const char **text, size_t *size);
/* The bytes of an argument, in s->scratch. */
bool arg_bytes(test_session *s, const test_step *step, int index);

/* Texts that are each ended by NUL, in s->scratch: "GET|/|Host|h", or "x:..." for bytes as they are. */
bool arg_texts(test_session *s, const test_step *step, int index);

/* Compares a call's result with argument `index` (an integer or an error's name) or, if there is none, `otherwise`. */
int expect_result(test_session *s, const test_step *step, int index, long long got, long long otherwise);

const char *error_name(long long error);                  /* "ERR_RESET", or NULL */
bool error_value(const char *name, int32_t *error);       /* false if there is none */
test_sock *session_sock(test_session *s, int32_t handle); /* NULL for none */

/* Drains `ready` events, flushes, and goes on until nothing moves. */
void session_settle(test_session *s, uint32_t ready);

/* What the application does when the next event is delivered; its arguments are those of `step` from 1 on. */
int session_during(test_session *s, const test_step *step);
void session_receive(test_session *s, int32_t handle, const uint8_t *data, size_t size, bool split);
void session_ended(test_session *s, int32_t handle);
void session_advance(test_session *s, uint32_t ms);
int session_do(test_session *s, const test_step *step);

/* events.c: the events' lines. */
void events_add(test_session *s, const tw_event *event);
void events_end(test_session *s);

#endif
