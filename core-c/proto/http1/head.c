/* head.c: the head of an HTTP/1.x message, read piece by piece. RFC 9112 2 to 5 */
#include "proto/http1/head.h"

#include <stdbool.h>

#include "src/bytes.h"
#include "src/runs.h"
#include "twinwire/abi.gen.h"

enum { HT = '\t', LF = '\n', CR = '\r', SP = ' ' };

/* What stands at the next byte. */
enum {
  REQUEST_START,
  RESPONSE_START,
  EMPTY_LINE_LF,
  METHOD,
  TARGET_START,
  TARGET,
  PROTOCOL,
  VERSION_CR,
  VERSION_LF,
  STATUS_SP,
  STATUS_CODE,
  REASON_SP,
  REASON,
  REASON_LF,
  LINE_START,
  NAME,
  VALUE_START,
  VALUE,
  VALUE_LF,
  END_LF,
  END
};

static const uint8_t first_states[] = {
    [TW_HEAD_RESPONSE] = RESPONSE_START, [TW_HEAD_REQUEST] = REQUEST_START, [TW_HEAD_TRAILERS] = LINE_START};

static size_t part(tw_head_token *token, tw_head_type type, const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  token->type = type;
  token->data = data;
  token->size = size;
  return size;
}

/* Takes the one byte that must stand here. */
static size_t expect(tw_head *head, uint8_t byte, uint8_t wanted, uint8_t next) {
  if (byte != wanted)
    return 0;
  head->state = next;
  head->at = 0;
  return 1;
}

/* The CR behind a value, and with it the LF if that is there. */
static size_t end_value(tw_head *head, const uint8_t *data, size_t size, tw_head_token *token) {
  head->state = VALUE_LF;
  if (size == 1 || data[1] != LF)
    return 1;
  head->state = LINE_START;
  token->type = TW_HEAD_FIELD_END;
  return 2;
}

/* The bytes of the protocol's version that are there and in order. RFC 9112 2.3: case-sensitive */
static size_t take_protocol(tw_head *head, const uint8_t *data, size_t size) {
  static const char pattern[] = "HTTP/0.0";
  enum { MINOR_AT = sizeof pattern - 2 };
  size_t taken = 0;
  for (; taken < size; taken++) {
    const uint8_t byte = data[taken];
    const uint8_t wanted = (uint8_t)pattern[head->at];
    if (wanted != '0' ? byte != wanted : !twc_is_digit(byte))
      break;
    if (wanted == '0') {
      if (head->at == MINOR_AT && head->minor != 1) { /* RFC 9110 2.5: any minor version of HTTP/1 is understood */
        head->error = TW_ERR_HTTP_VERSION;
        break;
      }
      head->minor = (uint8_t)(byte - '0');
    }
    if (head->at == MINOR_AT) {
      head->at = 0;
      head->state = head->kind == TW_HEAD_REQUEST ? VERSION_CR : STATUS_SP;
      return taken + 1;
    }
    head->at++;
  }
  return taken;
}

/* The state machine. Takes one byte or two, or the run of bytes that are a part of an item; fills the token if there is
 * one. Returns the bytes taken, 0 if the first of them may not stand here. `size` > 0. */
static size_t advance(tw_head *head, const uint8_t *data, size_t size, tw_head_token *token) {
  const uint8_t byte = data[0];
  size_t taken;
  switch (head->state) {
  case REQUEST_START: /* RFC 9112 2.2: at least one empty line SHOULD be ignored */
    head->state = byte == CR ? EMPTY_LINE_LF : METHOD;
    return byte == CR ? 1 : part(token, TW_HEAD_METHOD, data, twc_token_run(data, size));
  case RESPONSE_START:
    head->state = byte == CR ? EMPTY_LINE_LF : PROTOCOL;
    if (byte == 'H')
      head->at = 1;
    return byte == CR || byte == 'H';
  case EMPTY_LINE_LF:
    taken = expect(head, byte, LF, first_states[head->kind]);
    if (taken > 0)
      token->type = TW_HEAD_EMPTY_LINE;
    return taken;
  case METHOD:
    if (byte == SP)
      return expect(head, byte, SP, TARGET_START);
    return part(token, TW_HEAD_METHOD, data, twc_token_run(data, size));
  case TARGET_START:
    head->state = TARGET;
    return part(token, TW_HEAD_TARGET, data, twc_target_run(data, size));
  case TARGET:
    if (byte == SP)
      return expect(head, byte, SP, PROTOCOL);
    return part(token, TW_HEAD_TARGET, data, twc_target_run(data, size));
  case PROTOCOL:
    return take_protocol(head, data, size);
  case VERSION_CR:
    return expect(head, byte, CR, VERSION_LF);
  case VERSION_LF:
    taken = expect(head, byte, LF, LINE_START);
    if (taken > 0)
      token->type = TW_HEAD_VERSION;
    return taken;
  case STATUS_SP:
    return expect(head, byte, SP, STATUS_CODE);
  case STATUS_CODE:
    if (!twc_is_digit(byte))
      return 0;
    head->number = (uint16_t)(head->number * 10 + (byte - '0'));
    if (++head->at == 3) {
      head->at = 0;
      head->state = REASON_SP;
    }
    return 1;
  case REASON_SP: /* RFC 9112 4: this space is sent even if the reason is empty; some leave it out */
    taken = byte == CR ? expect(head, byte, CR, REASON_LF) : expect(head, byte, SP, REASON);
    if (taken > 0)
      token->type = TW_HEAD_STATUS;
    return taken;
  case REASON:
    if (byte == CR)
      return expect(head, byte, CR, REASON_LF);
    return part(token, TW_HEAD_REASON, data, twc_value_run(data, size));
  case REASON_LF:
    return expect(head, byte, LF, LINE_START);
  case LINE_START: /* whitespace here would be obs-fold, RFC 9112 5.2, or what 2.2 forbids after the first line */
    if (byte == CR)
      return expect(head, byte, CR, END_LF);
    if (head->fields_left == 0) {
      head->error = TW_ERR_HEAD_TOO_LARGE;
      return 0;
    }
    head->fields_left--;
    head->state = NAME;
    return part(token, TW_HEAD_NAME, data, twc_token_run(data, size));
  case NAME: /* RFC 9112 5.1: nothing between a name and its colon */
    if (byte == ':') {
      head->state = VALUE_START;
      return size > 1 && data[1] == SP ? 2 : 1;
    }
    return part(token, TW_HEAD_NAME, data, twc_token_run(data, size));
  case VALUE_START:
    if (byte == SP || byte == HT)
      return 1;
    head->state = VALUE;
    return byte == CR ? end_value(head, data, size, token)
                      : part(token, TW_HEAD_VALUE, data, twc_value_run(data, size));
  case VALUE:
    if (byte == CR)
      return end_value(head, data, size, token);
    return part(token, TW_HEAD_VALUE, data, twc_value_run(data, size));
  case VALUE_LF:
    taken = expect(head, byte, LF, LINE_START);
    if (taken > 0)
      token->type = TW_HEAD_FIELD_END;
    return taken;
  case END_LF:
    taken = expect(head, byte, LF, END);
    if (taken > 0)
      token->type = TW_HEAD_END;
    return taken;
  default:
    return 0;
  }
}

void twc_head_init(tw_head *head, tw_head_kind kind, uint32_t max_bytes) {
  *head = (tw_head){.left = max_bytes, .kind = (uint8_t)kind, .state = first_states[kind]};
  twc_head_bound(head, UINT32_MAX, UINT32_MAX);
}

void twc_head_bound(tw_head *head, uint32_t max_line, uint32_t max_fields) {
  head->line_left = head->max_line = max_line;
  head->fields_left = max_fields;
}

/* Whether the byte behind which it stands ended a line. */
static bool at_line_start(const tw_head *head) {
  return head->state == LINE_START || head->state == first_states[head->kind] || head->state == END;
}

bool twc_head_begun(const tw_head *head) { return head->state > EMPTY_LINE_LF; }

int32_t twc_head_next(tw_head *head, const uint8_t *data, size_t size, size_t *used, tw_head_token *token) {
  /* Bytes past the limit are not looked at, so the answer is the same wherever the input was split. */
  const size_t limit = size < head->left ? size : head->left;
  size_t i = 0;
  *used = 0;
  *token = (tw_head_token){.type = head->state == END ? TW_HEAD_END : TW_HEAD_NEED};
  if (head->error != 0)
    return head->error;
  while (i < limit && token->type == TW_HEAD_NEED) {
    size_t most = limit - i < head->line_left ? limit - i : head->line_left;
    if (most == 0)
      break;
    size_t taken = advance(head, data + i, most, token);
    /* test/proof/head.c follows what may come of it case by case. */
    //@ split taken;
    //@ split head->state;
    if (taken == 0) {
      if (head->error == 0)
        head->error = TW_ERR_HTTP;
      break;
    }
    i += taken;
    head->line_left = at_line_start(head) ? head->max_line : head->line_left - (uint32_t)taken;
  }
  if (token->type == TW_HEAD_NEED && head->error == 0 && i < size)
    head->error = TW_ERR_HEAD_TOO_LARGE;
  head->left -= (uint32_t)i;
  *used = i;
  token->number = head->number;
  token->minor = head->minor;
  return head->error;
}

size_t twc_head_whole_field(tw_head *head, const uint8_t *data, size_t size, tw_head_field *field) {
  size_t most = size < head->left ? size : head->left;
  most = most < head->line_left ? most : head->line_left;
  if (head->state != LINE_START || head->fields_left == 0)
    return 0;
  size_t name = twc_token_run(data, most);
  if (name == 0 || name == most || data[name] != ':')
    return 0;
  size_t at = name + 1;
  while (at < most && (data[at] == SP || data[at] == HT))
    at++;
  size_t value = twc_value_run(data + at, most - at);
  size_t end = at + value;
  if (most - end < 2 || data[end] != CR || data[end + 1] != LF)
    return 0;
  *field = (tw_head_field){.name = data, .name_size = name, .value = data + at, .value_size = value};
  head->fields_left--;
  head->left -= (uint32_t)(end + 2);
  return end + 2;
}
