/* handles.h: what the files of the handle API share. They use the core interface alone: nothing of core-c/src. */
#ifndef TW_HANDLES_HANDLES_H
#define TW_HANDLES_HANDLES_H

#include "twinwire/host.h"
#include "twinwire/http_server.h"

#define TW_HANDLES_NONE UINT32_MAX

/* The events, in the order of the lists in net.h, ws.h and http_server.h. */
typedef enum tw_handles_event {
#define NAME(type, name, kinds, shape) TW_HANDLES_##type,
  TW_HANDLES_NET_EVENTS(NAME) TW_HANDLES_WS_EVENTS(NAME) TW_HANDLES_HTTP_EVENTS(NAME)
#undef NAME
      TW_HANDLES_EVENTS
} tw_handles_event;

/* A listener for one event of one handle. */
typedef struct tw_handles_entry {
  tw_listener call;
  void *ctx;
  uint32_t next; /* of the handle's, or of the free ones */
  uint8_t event; /* tw_handles_event */
  bool fresh;    /* it was added while the handle's listeners were being called */
} tw_handles_entry;

typedef struct tw_server tw_server;
typedef struct tw_exchange tw_exchange;

/* One handle of the application's. */
typedef struct tw_handles_slot {
  int32_t handle; /* 0: never used */
  uint32_t first; /* listeners in the order in which they came */
  uint32_t next_leaving;
  uint32_t join; /* a WebSocket's place among the joins */
  uint8_t kind;  /* tw_kind */
  bool released; /* the application closed it */
  bool accepted;
  bool listed; /* it is in the list of those that leave */
  tw_keep_alive keep_alive;
  const tw_tls_options *tls;
  void *user;            /* tw_set_user */
  tw_server *server;     /* a listener of HTTP: itself; a connection that it accepted: the listener's */
  tw_exchange *exchange; /* a connection of such a listener, until it becomes a WebSocket */
} tw_handles_slot;

/* The message that a WebSocket is receiving, if it comes in pieces. */
typedef struct tw_handles_join {
  char *buffer;           /* where it is joined: lent, or from the host's resize; NULL: nowhere yet */
  struct tw_codec *codec; /* NULL: compression is not wanted */
  uint32_t room;          /* bytes of the buffer */
  union {
    uint32_t size;      /* bytes that are joined */
    uint32_t next_free; /* of a place that no WebSocket has */
  };
  bool lent;      /* the buffer is the application's, or the WebSocket's part of message_size */
  bool coming;    /* a message has begun and not ended */
  bool delivered; /* a part of it was delivered */
  bool through;   /* it is delivered in parts from here on */
  bool parts;     /* the application wants parts */
} tw_handles_join;

/* A listener of HTTP, kept until its last connection has ended. server.c */
struct tw_server {
  int32_t handle;
  uint32_t first; /* listeners for the events of all its connections */
  uint32_t count; /* of slots that refer to it */
  bool closed;    /* by the application */
  tw_http_server_options options;
};

/* What a server has in place of code that a program without one would link. */
typedef struct tw_server_ops {
  void (*accepted)(struct tw_handles *handles, tw_handles_slot *slot);
  /* Returns whether the record is dealt with. */
  bool (*record)(struct tw_handles *handles, tw_handles_slot *slot, const tw_event *record, char *data);
  /* All records of a delivery have been emitted. */
  void (*settle)(struct tw_handles *handles);
  /* The application closes a listener. */
  void (*close)(struct tw_handles *handles, tw_handles_slot *slot);
  /* Called when a slot is forgotten. */
  void (*forget)(struct tw_handles *handles, tw_handles_slot *slot);
} tw_server_ops;

typedef struct tw_codec tw_codec;

/* Compression, where the host has a library for it: in place of code that another would link. deflate.c */
typedef struct tw_codec_ops {
  /* Returns 0, or TW_ERR_ARGUMENT: a field is out of its range. */
  int32_t (*check_deflate)(const tw_ws_deflate_options *options);
  /* What to offer or to accept, as tw_deflate. */
  uint32_t (*deflate_parameters)(const tw_ws_deflate_options *options);
  /* Has a client's handshakes offer compression; 0 or an error. */
  int32_t (*offer_deflate)(struct tw_handles *handles, tw_handles_slot *slot, const tw_ws_deflate_options *options);
  /* Makes a codec for messages of at most `most` bytes; NULL: no memory. */
  tw_codec *(*make_codec)(struct tw_handles *handles, const tw_ws_deflate_options *options, bool server, uint32_t most);
  /* Sends a whole message, compressed if that is agreed upon; returns as twc_ws_send. */
  int32_t (*send_message)(struct tw_handles *handles, tw_handles_slot *slot, uint32_t flags, const void *data,
                          uint32_t size);
  /* A MESSAGE record with compressed bytes. */
  void (*inflate_message)(struct tw_handles *handles, tw_handles_slot *slot, const tw_event *record, const char *data);
  /* The connection has ended; another may follow. */
  void (*end_codec)(struct tw_handles *handles, tw_codec *codec);
  void (*forget_codec)(struct tw_handles *handles, tw_codec *codec);
  /* Frees what connections share. */
  void (*release_codecs)(struct tw_handles *handles);
} tw_codec_ops;

typedef struct tw_handles_deflate {
  const tw_deflate_library *library;
  char *inflated; /* where messages are inflated, piece by piece */
  char *deflated; /* where one is compressed */
  uint32_t deflated_room;
  void *spare; /* a compressor that is free, where messages are compressed one by one */
  uint32_t spare_for;
} tw_handles_deflate;

/* How connections are opened if there is a policy. */
typedef struct tw_policy_ops {
  int32_t (*connect_tcp_allowed)(tw_core *core, const char *host, uint32_t host_size, int32_t port, const char *policy,
                                 uint32_t policy_size);
  int32_t (*connect_ws_allowed)(tw_core *core, const char *url, uint32_t url_size, const char *policy,
                                uint32_t policy_size);
} tw_policy_ops;

struct tw_handles {
  tw_core *core;
  tw_handles_host host;
  uint32_t sockets; /* slots below are sockets, from here on WebSockets */
  uint32_t slot_count;
  uint32_t entry_count;
  uint32_t join_count;
  uint32_t max_message;
  uint32_t max_unfinished;
  uint32_t unfinished; /* bytes of incomplete requests, and of inflated messages */
  uint32_t recv_buffer;
  uint32_t send_buffer;
  tw_handles_slot *slots;
  tw_handles_join *joins;
  tw_handles_entry *entries;
  char *messages;
  uint32_t message_size;
  tw_handles_slot *calling; /* whose listeners are being called, and the entry that is next */
  uint32_t next_call;
  bool added; /* a listener was added to them meanwhile */
  uint32_t free_entry;
  uint32_t fresh_entry;
  uint32_t free_join;
  uint32_t fresh_join;
  const char *policy; /* of connections that are opened from now on, the application's text; NULL: none */
  const tw_policy_ops *policy_ops;
  const tw_server_ops *server_ops; /* NULL: there has been no server */
  tw_exchange *settling;           /* exchanges to be looked at once all records have been emitted */
  tw_exchange *lender;             /* whose request lies in the receive buffer */
  const tw_codec_ops *codec_ops;   /* NULL: the host has no library for compression */
  tw_handles_deflate deflate;
  int64_t date_at; /* the second that `date` is of */
  char date[32];
  uint32_t leaving; /* handles that the application closed and the core still knows */
  uint32_t open;
  uint32_t delivered;
  uint32_t waiting; /* records that a tick outside of an iteration made */
  int32_t exit_code;
  bool delivering;
  bool exiting;
};

/* ---- handles.c ---- */

/* Returns the tw_handles that tw_handles_use has set, or NULL. */
tw_handles *tw_handles_current(void);

/* A handle that the application has not closed, of these kinds; NULL, with the error noted, if there is none. */
tw_handles_slot *tw_handles_owned(tw_handles *handles, int32_t handle, uint32_t kinds);

/* The slot of a handle, closed or not; NULL if it is unknown. */
tw_handles_slot *tw_handles_find(tw_handles *handles, int32_t handle);

/* Notes the error of a result below 0 and returns -1; others as they are. */
int32_t tw_handles_result(int32_t result);

/* Gives a slot that has become a WebSocket the place where its messages are joined. */
void tw_handles_take_join(tw_handles *handles, tw_handles_slot *slot);

/* As realloc, by the host; `size` 0 frees. NULL: no memory, or a host without any. */
void *tw_handles_resize(tw_handles *handles, void *memory, size_t size);

/* Takes a handle in that was opened (>= 0), and returns it. */
int32_t tw_handles_add(tw_handles *handles, int32_t handle, uint32_t kind, const tw_tls_options *tls);

/* Notes that the application has closed a handle. Its slot stays until the core has emitted its last event. */
void tw_handles_leave(tw_handles *handles, tw_handles_slot *slot);

/* Frees the slots of closed handles that the core has forgotten. */
void tw_handles_sweep(tw_handles *handles);

/* Bytes of a terminated text, at most `most` + 1; NULL: 0. */
uint32_t tw_handles_length(const char *text, uint32_t most);

/* Terminates the text that a call of the core wrote (`size`: its result), and returns the result of the API. */
int32_t tw_handles_text(int32_t size, char *text);

static inline bool tw_handles_is_web_socket(const tw_handles_slot *slot) { return slot->kind == TW_KIND_WS; }

tw_handles_join *tw_handles_join_of(const tw_handles *handles, const tw_handles_slot *slot);

/* Whether compression can be had (NULL: none is wanted): 0, TW_ERR_UNSUPPORTED or TW_ERR_ARGUMENT. */
int32_t tw_handles_check_deflate(const tw_handles *handles, const tw_ws_deflate_options *options);

/* ---- deliver.c ---- */

/* Before a call that starts a timer: passes the time to the core. */
void tw_handles_touch(tw_handles *handles);

/* Emits the records of a delivery and those that follow, inside tw_handles_deliver. */
void tw_handles_drain(tw_handles *handles, uint32_t count);

/* What a WebSocket has received is no message: emits `error`, and closes it with `close_code` unless its listener has.
 */
void tw_handles_broken(tw_handles *handles, tw_handles_slot *slot, int32_t error, uint32_t close_code);

/* ---- listeners.c ---- */

/* Forgets all listeners of a list. */
void tw_handles_forget(tw_handles *handles, uint32_t *first);

/* Calls those who listen to `event`, which points to its struct: of a slot, then of the server that accepted it.
 * Returns how many there were. */
uint32_t tw_handles_call(tw_handles *handles, tw_handles_slot *slot, tw_handles_event event, const void *data);

/* ---- net.c: what net and ws have in common. `kinds`: those of the API ---- */

int32_t tw_handles_close(uint32_t kinds, int32_t handle);
int32_t tw_handles_abort(uint32_t kinds, int32_t handle);

/* "user:password" of a proxy, in `text` of TW_HANDLES_CREDENTIALS bytes; returns its size, or an error. */
int32_t tw_handles_credentials(const tw_proxy *proxy, char *text);
enum { TW_HANDLES_CREDENTIALS = 2 * TW_MAX_CREDENTIAL + 1 };

int32_t tw_handles_set_auto_reconnect(uint32_t kinds, int32_t handle, bool on);
int32_t tw_handles_set_delays(uint32_t kinds, int32_t handle, const uint32_t *delays, size_t count, uint32_t unit_ms);
int32_t tw_handles_state(uint32_t kinds, int32_t handle);
int32_t tw_handles_buffered(uint32_t kinds, int32_t handle);
int32_t tw_handles_stats(uint32_t kinds, int32_t handle, tw_stats *stats);
int32_t tw_handles_target(uint32_t kinds, int32_t handle, char *text, size_t capacity);
int32_t tw_handles_set_receiving(uint32_t kinds, int32_t handle, bool on);

/* ---- exchange.c ---- */

/* The exchange of a connection on which a request waits to be answered; NULL, with the error noted: there is none. */
tw_exchange *tw_exchange_waiting(tw_handles *handles, int32_t sock, tw_handles_slot **slot);

/* ---- message.c ---- */

/* A MESSAGE record. `data` may be written to behind its end, as the core's receive buffer may. */
void tw_handles_message(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, char *data);

/* A part of a message, inflated if it was compressed. `flags`: TW_FLAG_FIRST, FINAL, TEXT. `data` as above. */
void tw_handles_part(tw_handles *handles, tw_handles_slot *slot, uint32_t flags, char *data, uint32_t size);

/* The connection ended: what was joined is of no use. */
void tw_handles_drop_message(tw_handles *handles, tw_handles_slot *slot);

#endif
