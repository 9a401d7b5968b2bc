/* Event records as lines, checked against what the core interface promises. */
#include <stdio.h>
#include <string.h>

#include "session.h"

/* The flags of an HTTP head, in the order of their bits. */
static const char *flags_text(uint32_t flags, char *text, size_t size) {
  static const char *const names[] = {"keep-alive", "body",    "chunked", "until-close",
                                      "continue",   "upgrade", "http-1.0"};
  size_t at = 0;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if ((flags >> i & 1) != 0)
      at += (size_t)snprintf(text + at, size - at, "%s%s", at == 0 ? "" : "+", names[i]);
  return at == 0 ? "none" : text;
}

/* The words of a line that shows a message or a section, or a piece of it. */
static void show_prefix(const test_session *s, const test_sock *sock, char *prefix, size_t size) {
  bool done = s->message_done;
  char flags[96];
  if (sock->section == TW_EVENT_MESSAGE) {
    const char *word = sock->shown ? (done ? "last" : "more") : done ? "message" : "part";
    snprintf(prefix, size, "%s %s %s%s", word, sock->name,
             !sock->in_text     ? "binary"
             : s->message_ascii ? "text ascii"
                                : "text",
             sock->compressed ? " compressed" : "");
    return;
  }
  const char *word = sock->section == TW_EVENT_HTTP_HEAD   ? "head"
                     : sock->section == TW_EVENT_HTTP_BODY ? "body"
                                                           : "trailer";
  const char *piece = sock->shown ? (done ? "-last" : "-more") : done ? "" : "-part";
  if (sock->section == TW_EVENT_HTTP_HEAD && done)
    snprintf(prefix, size, "%s%s %s %d %s", word, piece, sock->name, (int)s->head_code,
             flags_text(s->head_flags, flags, sizeof flags));
  else
    snprintf(prefix, size, "%s%s %s", word, piece, sock->name);
}

/* An incomplete message leaves a line only if it has bytes; how it was cut into parts is not seen. */
void events_end(test_session *s) {
  test_sock *sock = s->message;
  if (sock == NULL) {
    log_end(&s->events);
    return;
  }
  s->message = NULL;
  bool done = s->message_done;
  if (done || s->events.bytes.size > 0) {
    char prefix[160];
    show_prefix(s, sock, prefix, sizeof prefix);
    sock->shown = !done;
    test_buffer bytes = s->events.bytes;
    s->events.bytes = (test_buffer){0};
    log_bytes(&s->events, prefix, bytes.data, bytes.size);
    s->events.bytes = bytes;
    buffer_clear(&s->events.bytes);
  } else if (done) {
    sock->shown = false;
  }
}

static bool all_ascii(const uint8_t *data, size_t size) {
  size_t i = 0;
  for (uint32_t word; size - i >= sizeof word; i += sizeof word) {
    memcpy(&word, data + i, sizeof word);
    if ((word & 0x80808080) != 0)
      return false;
  }
  for (; i < size; i++)
    if (data[i] > 127)
      return false;
  return true;
}

static void check_part(test_session *s, test_sock *sock, const tw_event *event, const uint8_t *data) {
  bool first = (event->flags & TW_FLAG_FIRST) != 0;
  bool text = (event->flags & TW_FLAG_TEXT) != 0;
  bool whole = first && (event->flags & TW_FLAG_FINAL) != 0;
  bool ascii = (event->flags & TW_FLAG_ASCII) != 0;
  bool compressed = (event->flags & TW_FLAG_COMPRESSED) != 0;
  if (first == sock->in_message)
    script_host_fault(&s->host, first ? "a message begins inside another" : "a part belongs to no message", sock);
  if (!first && (text != sock->in_text || event->type != sock->section || compressed != sock->compressed))
    script_host_fault(&s->host, "the parts of a message differ in kind", sock);
  if (text && whole && !ascii && !compressed && all_ascii(data, event->size))
    script_host_fault(&s->host, "a text of ASCII lacks the ASCII flag", sock);
  if (event->type == TW_EVENT_HTTP_BODY && !ascii && all_ascii(data, event->size))
    script_host_fault(&s->host, "a body of ASCII lacks the ASCII flag", sock);
}

/* A part of a message, or of a section of an HTTP message. */
static void add_part(test_session *s, test_sock *sock, const tw_event *event, const uint8_t *data) {
  bool first = (event->flags & TW_FLAG_FIRST) != 0;
  check_part(s, sock, event, data);
  if (s->message != sock) {
    events_end(s);
    log_end(&s->events);
    s->message = sock;
    s->message_ascii = true;
    s->message_done = false;
  }
  sock->section = event->type;
  sock->in_message = true;
  sock->in_text = (event->flags & TW_FLAG_TEXT) != 0;
  sock->compressed = (event->flags & TW_FLAG_COMPRESSED) != 0;
  if (first)
    sock->shown = false;
  if (!all_ascii(data, event->size))
    s->message_ascii = false;
  buffer_append(&s->events.bytes, data, event->size);
  if ((event->flags & TW_FLAG_FINAL) != 0) {
    s->head_code = event->code;
    s->head_flags = event->detail;
    s->message_done = true;
    events_end(s);
    sock->in_message = false;
  }
}

static const char *step_name(unsigned step) {
  static const char *const names[] = {"none", "open",  "connect", "handshake", "receive",
                                      "send", "close", "tls",     "accept",    "proxy"};
  return step < sizeof names / sizeof names[0] ? names[step] : "?";
}

static const char *retry_text(uint32_t retry_ms, char *text, size_t size) {
  if (retry_ms == TW_FOREVER)
    return "never";
  snprintf(text, size, "%u", (unsigned)retry_ms);
  return text;
}

static const char *code_text(int32_t code, char *text, size_t size) {
  if (code < 0 && error_name(code) != NULL)
    return error_name(code);
  snprintf(text, size, "%d", (int)code);
  return text;
}

static void add_datagram(test_session *s, test_sock *sock, const tw_event *event, const uint8_t *data) {
  char prefix[TEST_NAME + TW_MAX_ADDRESS + 32];
  if (event->detail > TW_MAX_ADDRESS) {
    script_host_fault(&s->host, "the sender's address is too long", sock);
    return;
  }
  snprintf(prefix, sizeof prefix, "datagram %s %.*s %u", sock->name, (int)event->detail, twc_rx_address(s->core),
           (unsigned)event->port);
  log_bytes(&s->events, prefix, data, event->size);
}

static void add_accepted(test_session *s, test_sock *sock, const tw_event *event) {
  const test_sock *listener = script_host_sock(&s->host, (int32_t)event->detail);
  if (listener == NULL || listener->kind != TW_KIND_LISTENER)
    script_host_fault(&s->host, "what accepted it is no listener", sock);
  else
    log_line(&s->events, "accepted %s by %s", sock->name, listener->name);
}

static const char *deadline_name(uint32_t which) {
  return which == TW_DEADLINE_READ ? "read" : which == TW_DEADLINE_WRITE ? "write" : "?";
}

void events_add(test_session *s, const tw_event *event) {
  test_sock *sock = script_host_sock(&s->host, event->handle);
  if (sock == NULL) {
    script_host_fault(&s->host, "an event names it", NULL);
    return;
  }
  if (event->size > s->memory_size || event->data > s->memory_size - event->size) {
    script_host_fault(&s->host, "an event's bytes lie outside the arena", sock);
    return;
  }
  const uint8_t *data = s->memory + event->data;
  const uint32_t numbers[] = {(uint32_t)event->handle, event->type,     event->flags, (uint32_t)event->code,
                              event->detail,           event->retry_ms, event->step,  event->port};
  tap_add(&s->host.tap, "event", numbers, sizeof numbers / sizeof numbers[0], data, event->size);
  /* What the application has closed reports its end only: its other records were made before the call. */
  bool released = twc_buffered(s->core, event->handle) < 0;
  if (released && event->type != TW_EVENT_CLOSE && event->type != TW_EVENT_DISCONNECTED)
    return;
  char prefix[TEST_NAME + 32];
  char code[16];
  char retry[16];
  if ((event->flags & TW_FLAG_ASCII) != 0 && !all_ascii(data, event->size))
    script_host_fault(&s->host, "the ASCII flag is set on other bytes", sock);
  if (event->type == TW_EVENT_MESSAGE || (event->type >= TW_EVENT_HTTP_HEAD && event->type <= TW_EVENT_HTTP_TRAILER)) {
    add_part(s, sock, event, data);
    return;
  }
  if (event->type != TW_EVENT_DATA || s->message != NULL)
    events_end(s);
  switch (event->type) {
  case TW_EVENT_CONNECTED:
    sock->in_message = false;
    log_line(&s->events, "connected %s", sock->name);
    break;
  case TW_EVENT_DISCONNECTED:
    log_line(&s->events, "disconnected %s %s unsent %u retry %s%s", sock->name,
             code_text(event->code, code, sizeof code), (unsigned)event->detail,
             retry_text(event->retry_ms, retry, sizeof retry), (event->flags & TW_FLAG_CLEAN) != 0 ? " clean" : "");
    break;
  case TW_EVENT_DATA:
    snprintf(prefix, sizeof prefix, "data %s", sock->name);
    log_join(&s->events, prefix, data, event->size);
    break;
  case TW_EVENT_DATAGRAM:
    add_datagram(s, sock, event, data);
    break;
  case TW_EVENT_DRAIN:
    log_line(&s->events, "drain %s", sock->name);
    break;
  case TW_EVENT_ERROR:
    log_line(&s->events, "error %s %s %s %u retry %s", sock->name, code_text(event->code, code, sizeof code),
             step_name(event->step), (unsigned)event->detail, retry_text(event->retry_ms, retry, sizeof retry));
    break;
  case TW_EVENT_ACCEPTED:
    add_accepted(s, sock, event);
    break;
  case TW_EVENT_SECURED:
    log_line(&s->events, "secured %s", sock->name);
    break;
  case TW_EVENT_ENDED:
    log_line(&s->events, "ended %s", sock->name);
    break;
  case TW_EVENT_DEADLINE:
    log_line(&s->events, "deadline %s %s", sock->name, deadline_name(event->detail));
    break;
  case TW_EVENT_CLOSE:
    snprintf(prefix, sizeof prefix, "close %s %d", sock->name, (int)event->code);
    log_bytes(&s->events, prefix, data, event->size);
    break;
  case TW_EVENT_PING:
  case TW_EVENT_PONG:
    snprintf(prefix, sizeof prefix, "%s %s", event->type == TW_EVENT_PING ? "ping" : "pong", sock->name);
    log_bytes(&s->events, prefix, data, event->size);
    break;
  case TW_EVENT_HTTP_END:
    sock->in_message = false;
    if (event->code == 0 && event->detail == 0)
      log_line(&s->events, "http-end %s", sock->name);
    else
      log_line(&s->events, "http-end %s %s %u", sock->name, code_text(event->code, code, sizeof code),
               (unsigned)event->detail);
    break;
  default:
    script_host_fault(&s->host, "an event has an unknown type", sock);
  }
}
