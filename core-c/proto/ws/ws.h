/* ws.h: WebSockets, RFC 6455, client and server. A slot that is one has a tw_ws (twc_ws_take).
 *
 *   open.c       what the application says before the handshake
 *   handshake.c  the request, and what the response must say       RFC 6455 4.1
 *   accept.c     the other side of it                              RFC 6455 4.2
 *   deflate.c    agreeing on compression                           RFC 7692 7
 *   receive.c    frames in                                         RFC 6455 5
 *   send.c       frames out                                        RFC 6455 5, 6.1
 *   broadcast.c  one frame out to many
 *   life.c       opening, closing, failing                         RFC 6455 7
 *   heartbeat.c  whether the peer still lives */
#ifndef TW_PROTO_WS_H
#define TW_PROTO_WS_H

#include "proto/http1/head.h"
#include "proto/http1/words.h"
#include "src/internal.h"

/* RFC 6455 5.2: bits of a frame's first byte */
enum { TW_WS_FIN = 0x80, TW_WS_RSV1 = 0x40 };

/* RFC 6455 5.2: opcodes */
enum {
  TW_WS_CONTINUATION = 0x0,
  TW_WS_TEXT = 0x1,
  TW_WS_BINARY = 0x2,
  TW_WS_CLOSE = 0x8,
  TW_WS_PING = 0x9,
  TW_WS_PONG = 0xA,
};

/* RFC 6455 7.4.1 */
enum {
  TW_WS_NORMAL = 1000,
  TW_WS_PROTOCOL_ERROR = 1002,
  TW_WS_NO_STATUS = 1005,
  TW_WS_INVALID_DATA = 1007,
  TW_WS_POLICY = 1008,
  TW_WS_TOO_BIG = 1009,
  TW_WS_TRY_AGAIN_LATER = 1013, /* the IANA registry of close codes */
};

#define TW_MISMATCH UINT32_MAX /* instead of a number of bytes that are right so far */

#define TW_WS_NONE UINT32_MAX /* ends the list of free states */

enum { TW_WS_KEY_TEXT = 24, TW_WS_ACCEPT_TEXT = 28 }; /* Base64 of 16 and of 20 bytes */
enum { TW_WS_DEFLATE_TEXT = 128 };                    /* bytes that hold any offer and any answer of ours */

/* An answer to an offer of permessage-deflate is no longer than this, white space between its tokens counted once. */
enum { TW_WS_DEFLATE_ANSWER = 160 };

/* What the answer to the handshake has said so far. */
typedef struct tw_ws_response {
  tw_head head;
  char accept[TW_WS_ACCEPT_TEXT]; /* the key of the request, then how the server is to prove that it has read it */
  uint16_t status;
  uint16_t field;    /* the word that is its name; the name is passing (handshake.c), or 0 */
  uint8_t seen;      /* bits of handshake.c */
  uint8_t place;     /* in the value of the field, twc_value_take */
  uint8_t kept_size; /* more than fits: it can't be right */
  bool reported;     /* a part of its head has been given to the application */
  tw_words words;    /* the text that is passing */
  uint32_t at;       /* bytes of it that are right so far (accept, subprotocol), or TW_MISMATCH */
  char kept[TW_WS_DEFLATE_ANSWER];
} tw_ws_response;

/* The frame and the message that are being received. */
typedef struct tw_ws_receiver {
  uint8_t header[14];
  uint8_t header_size;  /* bytes of it that are there; 0 once it is whole */
  uint8_t control_size; /* bytes of control[] that are there */
  bool in_payload;
  bool in_message;       /* a data message has begun and its final frame has not ended */
  bool text;             /* it is text */
  bool compressed;       /* it is compressed: what its text says is not known here */
  bool reported;         /* a part of it has been given to the application */
  uint8_t phase;         /* place in the mask of the payload's next byte */
  uint32_t fragments;    /* frames of the message so far */
  uint32_t payload_left; /* bytes of the frame still to come */
  uint32_t message_size; /* payload bytes of the message, this frame's included */
  uint32_t utf8;         /* state of twc_utf8_scan */
  uint8_t control[TW_MAX_CONTROL];
  uint8_t pong[TW_MAX_CONTROL]; /* payload of the pong that is owed, if pong_owed */
  uint8_t pong_size;
  bool pong_owed;
} tw_ws_receiver;

struct tw_ws {
  uint32_t next_free;
  tw_url url;         /* offsets into the slot's target */
  tw_chain headers;   /* lines that the application adds to the request, in the text pool */
  tw_chain protocols; /* subprotocols offered, "a, b" */
  uint32_t chosen_at; /* the one the server chose, in `protocols` */
  uint32_t chosen_size;
  bool server; /* our side accepted: the peer masks, we do not */
  bool deaf;   /* nothing more is received: the peer closed or broke the protocol */
  bool close_sent;
  bool close_received;
  bool close_owed; /* our close frame waits for a free block */
  bool sending;    /* our fragmented message is unfinished */
  bool sending_text;
  bool sending_compressed;
  uint16_t owed_code;
  uint16_t close_code; /* that the peer sent */
  uint16_t fault_code; /* the code of a close frame that is not valid */
  uint8_t fault;       /* tw_ws_fault: what was wrong with a frame; 0: nothing */
  uint16_t offered;    /* tw_deflate parameters that our handshakes offer */
  uint16_t deflate;    /* those agreed upon */
  uint8_t options;     /* tw_ws_option bits */
  bool asked;          /* by a ping, and the timer waits for a sign of life */
  uint32_t sent_utf8;  /* the twc_utf8_scan state of our unfinished message, if text */
  uint32_t max_message;
  uint32_t max_fragments;
  uint32_t heartbeat_ms; /* 0: none */
  uint32_t patience_ms;
  uint32_t received_at; /* ms: when bytes came last, or the heartbeat began */
  union {
    tw_ws_response response;
    tw_ws_receiver receiver;
  } in;
};

extern const tw_protocol_ops twc_ws_protocol_ops;

/* The state of a slot that has one. */
tw_ws *twc_ws_of(const tw_core *core, const tw_slot *slot);

/* Whether the handshake of the connection is done: what it has agreed upon holds. */
static inline bool twc_ws_is_agreed(const tw_slot *slot) {
  return slot->state == TW_STATE_OPEN || slot->state == TW_STATE_CLOSING;
}

/* Whether what is received is for the application. */
bool twc_ws_reports(const tw_slot *slot);

/* Gives the slot a state, all zero. NULL: none is left. It goes back when the slot retires. */
tw_ws *twc_ws_take(tw_core *core, tw_slot *slot);

/* ---- handshake.c ---- */

/* Queues the request. 0, or an error if it is larger than may be queued. */
int32_t twc_ws_request(tw_core *core, tw_slot *slot, tw_ws *ws);

/* The words of a handshake, and their bits: fields that it consists of, fields that would give it a body, a value. */
extern const char *const twc_ws_words[];
enum {
  TW_WS_WORD_HOST = 1,
  TW_WS_WORD_UPGRADE = 2, /* the name, and the value of Connection */
  TW_WS_WORD_CONNECTION = 4,
  TW_WS_WORD_KEY = 8,
  TW_WS_WORD_ACCEPT = 16,
  TW_WS_WORD_VERSION = 32,
  TW_WS_WORD_PROTOCOL = 64,
  TW_WS_WORD_EXTENSIONS = 128,
  TW_WS_WORD_LENGTH = 256,
  TW_WS_WORD_CODING = 512,
  TW_WS_WORD_WEBSOCKET = 1024,
  /* Names that the application may not give to a request, and to an answer. */
  TW_WS_WORDS_OF_REQUEST = 1023,
  TW_WS_WORDS_OF_ANSWER = TW_WS_WORD_UPGRADE | TW_WS_WORD_CONNECTION | TW_WS_WORD_ACCEPT | TW_WS_WORD_PROTOCOL |
                          TW_WS_WORD_EXTENSIONS | TW_WS_WORD_LENGTH | TW_WS_WORD_CODING,
};

/* Whether `name` is one of the offered subprotocols, case included. */
bool twc_ws_offers(const tw_core *core, const tw_ws *ws, const char *name, uint32_t name_size);

/* Reads the response from [data, data + size). Returns how much was consumed; the connection is then ready, has
 * failed, or wants more. */
uint32_t twc_ws_answer(tw_core *core, tw_slot *slot, tw_ws *ws, const uint8_t *data, uint32_t size);

/* What a server proves that it read the key with: the TW_WS_ACCEPT_TEXT bytes of Sec-WebSocket-Accept. RFC 6455 1.3 */
void twc_ws_accept_text(const char *key, char *accept);

/* ---- receive.c ---- */

/* Takes in frames while there is room for events. Returns how much was consumed. */
uint32_t twc_ws_frames(tw_core *core, tw_slot *slot, tw_ws *ws, uint8_t *data, uint32_t size);

/* Queues the pong that is owed, if any and if it fits now. */
void twc_ws_put_pong(tw_core *core, tw_slot *slot, tw_ws *ws);

/* ---- send.c ---- */

/* Queues a frame whose admission the caller has seen to. `first`: FIN, RSV1 and opcode. */
void twc_ws_put_frame(tw_core *core, tw_slot *slot, const tw_ws *ws, uint8_t first, const void *payload, uint32_t size);

/* Bytes of our frame with a payload of `size` bytes. */
uint32_t twc_ws_frame_size(const tw_ws *ws, uint32_t size);

/* Writes the header of a frame, without a mask; returns its 2, 4 or 10 bytes. */
uint32_t twc_ws_frame_header(uint8_t header[10], uint8_t first, uint32_t size);

/* Queues a close frame with `code` (0: none), if none was sent. Without room it is owed, and loses its reason. */
void twc_ws_put_close(tw_core *core, tw_slot *slot, tw_ws *ws, uint32_t code, const char *reason, uint32_t reason_size);

/* After a move to CLOSING: gets the close frame that is owed, if any, in line for blocks. */
void twc_ws_await_room(tw_core *core, tw_slot *slot, const tw_ws *ws);

/* ---- deflate.c ---- */

/* Whether it is a word of tw_deflate that can be offered or accepted. */
bool twc_ws_deflate_valid(uint32_t deflate);

/* The client's side, in core->deflate once a connection offers it (tw_ws.offered). */
struct tw_ws_deflate_ops {
  /* Queues the field of the request that offers these parameters. */
  void (*write_offer)(tw_core *core, tw_slot *slot, uint32_t deflate);
  /* Keeps the next byte of the server's answer; `space`: white space came in front of it. */
  void (*keep_answer)(tw_ws_response *response, char byte, bool space);
  /* Reads the answer (RFC 6455 11.3.2: it may come more than once) and notes what is agreed upon. False: it says
   * anything but what was offered, and once. */
  bool (*read_answer)(tw_ws *ws);
};

/* Writes the answer to the chosen offer; returns its bytes. */
uint32_t twc_ws_deflate_answer(uint32_t agreed, char *text);

/* Chooses the first of a client's offers in one field value that goes with `accepted`. Returns what is agreed upon, or
 * 0. */
uint32_t twc_ws_deflate_choose(uint32_t accepted, const char *text, uint32_t size);

/* ---- heartbeat.c ---- */

/* In core->heartbeat once a connection wants it (tw_ws.heartbeat_ms). */
struct tw_ws_heartbeat_ops {
  /* The connection is open: the first interval begins. */
  void (*begin)(tw_core *core, tw_slot *slot, tw_ws *ws);
  /* Bytes have come. */
  void (*refresh)(tw_core *core, tw_slot *slot, tw_ws *ws);
  /* The timer of an open connection fired. */
  void (*due)(tw_core *core, tw_slot *slot, tw_ws *ws);
};

/* ---- open.c ---- */

/* A WebSocket for this URL that does not connect yet (twc_life_open). NULL: *error says why. */
tw_slot *twc_ws_make(tw_core *core, const char *text, uint32_t size, int32_t *error);

/* ---- life.c ---- */

/* The limits at first. */
void twc_ws_init(const tw_core *core, tw_ws *ws);

/* An open stream, with what was written to it, becomes one end of a WebSocket. */
void twc_ws_adopt(tw_core *core, tw_slot *slot, tw_ws *ws, bool server);

/* The response was right: frames flow from now on. */
void twc_ws_ready(tw_core *core, tw_slot *slot, tw_ws *ws);

/* The handshake failed: `detail` is the HTTP status or 0. */
void twc_ws_refused(tw_core *core, tw_slot *slot, int32_t error, uint32_t detail);

/* Receives no more: the peer's frames break the protocol (`why` is the error; _Fail the WebSocket Connection_, RFC 6455
 * 7.1.7), or its close frame came (TW_DEFERRED_CLOSE; its payload is in ws->in.receiver.control). That is reported, and
 * our close frame is queued, once what came in front of it could be answered. */
void twc_ws_end(tw_core *core, tw_slot *slot, tw_ws *ws, int32_t why);

/* Whether a close frame may carry this code, RFC 6455 7.4. */
bool twc_ws_code_valid(uint32_t code);

#endif
