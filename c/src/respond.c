/* respond.c: responses of HTTP servers, and the fields of requests. */
#include <string.h>

#include "server.h"

enum { MAX_SIZE = 0x7fffffff, FIRST_STATUS = 200, LAST_STATUS = 599, NOT_MODIFIED = 304 };

/* ---- Texts ------------------------------------------------------------------------------------------------------- */

static const char *reason_of(uint32_t status) {
  switch (status) {
#define REASON(status, text)                                                                                           \
  case status:                                                                                                         \
    return text;
    REASON(200, "OK")
    REASON(201, "Created")
    REASON(202, "Accepted")
    REASON(204, "No Content")
    REASON(205, "Reset Content")
    REASON(206, "Partial Content")
    REASON(301, "Moved Permanently")
    REASON(302, "Found")
    REASON(303, "See Other")
    REASON(304, "Not Modified")
    REASON(307, "Temporary Redirect")
    REASON(308, "Permanent Redirect")
    REASON(400, "Bad Request")
    REASON(401, "Unauthorized")
    REASON(403, "Forbidden")
    REASON(404, "Not Found")
    REASON(405, "Method Not Allowed")
    REASON(408, "Request Timeout")
    REASON(409, "Conflict")
    REASON(410, "Gone")
    REASON(411, "Length Required")
    REASON(413, "Content Too Large")
    REASON(414, "URI Too Long")
    REASON(415, "Unsupported Media Type")
    REASON(422, "Unprocessable Content")
    REASON(426, "Upgrade Required")
    REASON(429, "Too Many Requests")
    REASON(431, "Request Header Fields Too Large")
    REASON(500, "Internal Server Error")
    REASON(501, "Not Implemented")
    REASON(502, "Bad Gateway")
    REASON(503, "Service Unavailable")
    REASON(504, "Gateway Timeout")
    REASON(505, "HTTP Version Not Supported")
#undef REASON
  default:
    return "";
  }
}

/* A decimal number of `digits` digits. */
static char *put_number(char *at, int64_t number, int digits) {
  for (int i = digits - 1; i >= 0; i--, number /= 10)
    at[i] = (char)('0' + number % 10);
  return at + digits;
}

static char *put_text(char *at, const char *text, size_t size) {
  memcpy(at, text, size);
  return at + size;
}

enum { DATE = 29 };

/* An IMF-fixdate, RFC 9110 5.6.7. Days of the civil calendar: years begin in March, so that a leap day is the last one.
 */
static void put_date(char *at, int64_t seconds) {
  static const char days[] = "ThuFriSatSunMonTueWed";
  static const char months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
  enum { DAY = 86400, TO_MARCH_OF_YEAR_0 = 719468, DAYS_OF_400_YEARS = 146097 };
  int64_t day = seconds / DAY + TO_MARCH_OF_YEAR_0;
  int64_t time = seconds % DAY;
  int64_t in_400 = day % DAYS_OF_400_YEARS;
  int64_t year = (in_400 - in_400 / 1460 + in_400 / 36524 - in_400 / 146096) / 365;
  int64_t of_year = in_400 - (365 * year + year / 4 - year / 100);
  int64_t month = (5 * of_year + 2) / 153;
  year += day / DAYS_OF_400_YEARS * 400 + (month >= 10);
  at = put_text(at, days + seconds / DAY % 7 * 3, 3);
  at = put_text(at, ", ", 2);
  at = put_number(at, of_year - (153 * month + 2) / 5 + 1, 2);
  at = put_text(at, " ", 1);
  at = put_text(at, months + month * 3, 3);
  at = put_text(at, " ", 1);
  at = put_number(at, year, 4);
  at = put_text(at, " ", 1);
  at = put_number(at, time / 3600, 2);
  at = put_text(at, ":", 1);
  at = put_number(at, time / 60 % 60, 2);
  at = put_text(at, ":", 1);
  at = put_number(at, time % 60, 2);
  put_text(at, " GMT", 4);
}

/* The date, made once a second. */
static const char *date_of(tw_handles *handles) {
  if (handles->host.unix_time == NULL)
    return NULL;
  int64_t now = handles->host.unix_time(handles->host.host);
  if (now != handles->date_at) {
    handles->date_at = now;
    put_date(handles->date, now < 0 ? 0 : now);
  }
  return handles->date;
}

/* ---- Heads ------------------------------------------------------------------------------------------------------- */

/* The texts of a head as twc_http_send takes them, each ended by NUL. */
typedef struct head_texts {
  tw_handles *handles;
  char *at;
  uint32_t size;
  uint32_t room;
  uint32_t fields;
  bool failed;
  bool grown;
  char first[1024];
} head_texts;

static void head_begin(head_texts *head, tw_handles *handles) {
  head->handles = handles;
  head->at = head->first;
  head->size = head->fields = 0;
  head->room = sizeof head->first;
  head->failed = head->grown = false;
}

static bool head_grow(head_texts *head, size_t size) {
  if (size > MAX_SIZE / 2 || head->room > MAX_SIZE / 4)
    return false;
  uint32_t room = head->room * 2 > head->size + (uint32_t)size ? head->room * 2 : head->size + (uint32_t)size;
  char *grown = tw_handles_resize(head->handles, head->grown ? head->at : NULL, room);
  if (grown == NULL)
    return false;
  if (!head->grown)
    memcpy(grown, head->first, head->size);
  head->at = grown;
  head->room = room;
  head->grown = true;
  return true;
}

static void head_text(head_texts *head, const char *text) {
  size_t size = strlen(text) + 1;
  if (head->failed || (size > head->room - head->size && !head_grow(head, size))) {
    head->failed = true;
    return;
  }
  memcpy(head->at + head->size, text, size);
  head->size += (uint32_t)size;
}

static void head_field(head_texts *head, const char *name, const char *value) {
  head_text(head, name);
  head_text(head, value);
  head->fields++;
}

static void head_end(head_texts *head) {
  if (head->grown)
    tw_handles_resize(head->handles, head->at, 0);
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool is_name(const char *a, size_t size, const char *b) {
  size_t i = 0;
  while (i < size && b[i] != 0 && lower(a[i]) == lower(b[i]))
    i++;
  return i == size && b[i] == 0;
}

static bool has_field(const tw_http_response *response, const char *name) {
  for (size_t i = 0; i < response->header_count; i++)
    if (response->headers[i].name != NULL && is_name(response->headers[i].name, strlen(name), name) &&
        response->headers[i].name[strlen(name)] == 0)
      return true;
  return false;
}

/* The length of the body that HEAD leaves out. */
static void put_length(head_texts *head, size_t size) {
  char digits[16];
  int count = 1;
  for (size_t rest = size; rest >= 10; rest /= 10)
    count++;
  put_number(digits, (int64_t)size, count);
  digits[count] = 0;
  head_field(head, "Content-Length", digits);
}

/* ---- Responding -------------------------------------------------------------------------------------------------- */

static uint32_t flags_of(const tw_handles_slot *slot, const tw_http_response *response, bool parts) {
  const tw_exchange *exchange = slot->exchange;
  bool close = response->close || !exchange->keep_alive || exchange->ended || slot->server->closed;
  bool bodiless = exchange->is_head || response->status == NOT_MODIFIED;
  bool until_close = parts && exchange->is_http10 && !has_field(response, "Content-Length");
  return (bodiless ? (uint32_t)TW_HTTP_SEND_HEAD_ONLY : 0) | (parts ? (uint32_t)TW_HTTP_SEND_PART : 0) |
         (close ? (uint32_t)TW_HTTP_SEND_CLOSE : 0) | (until_close ? (uint32_t)TW_HTTP_SEND_UNTIL_CLOSE : 0);
}

static void put_fields(head_texts *head, const tw_ws_field *fields, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (fields[i].name != NULL && fields[i].value != NULL)
      head_field(head, fields[i].name, fields[i].value);
    else
      head->failed = true;
}

static void put_head(head_texts *head, const tw_handles_slot *slot, const tw_http_response *response,
                     const char *type) {
  head_text(head, response->reason != NULL ? response->reason : reason_of((uint32_t)response->status));
  if (type != NULL)
    head_field(head, "Content-Type", type);
  put_fields(head, response->headers, response->header_count);
  const char *date = date_of(head->handles);
  if (date != NULL && (response->header_count == 0 || !has_field(response, "Date")))
    head_field(head, "Date", date);
  if (slot->exchange->is_head && !response->parts && !has_field(response, "Content-Length"))
    put_length(head, response->size);
  if (slot->exchange->is_http10 && slot->exchange->keep_alive && !response->close)
    head_field(head, "Connection", "keep-alive");
}

static int32_t send_response(tw_handles *handles, tw_handles_slot *slot, const tw_http_response *response,
                             const char *type) {
  head_texts head;
  tw_exchange *exchange = slot->exchange;
  bool no_body = exchange->is_head || response->status == NOT_MODIFIED;
  bool parts = response->parts && !no_body;
  head_begin(&head, handles);
  put_head(&head, slot, response, type);
  int32_t result = head.failed ? TW_ERR_HEADER
                               : twc_http_send(handles->core, slot->handle, flags_of(slot, response, parts),
                                               (uint32_t)response->status, head.at, head.size, head.fields,
                                               no_body ? NULL : response->body, no_body ? 0 : (uint32_t)response->size);
  head_end(&head);
  if (result < 0)
    return tw_handles_refuse(result);
  exchange->keep_alive = exchange->keep_alive && !response->close && !(parts && exchange->is_http10);
  exchange->phase = TW_EXCHANGE_SENDING;
  if (!response->parts)
    tw_exchange_answered(handles, slot);
  return result;
}

static int32_t respond(int32_t sock, const tw_http_response *response, const char *type) {
  tw_handles *handles = tw_handles_current();
  tw_handles_slot *slot;
  if (tw_exchange_waiting(handles, sock, &slot) == NULL)
    return TW_NONE;
  if (response->status < FIRST_STATUS || response->status > LAST_STATUS || response->header_count > UINT16_MAX ||
      (response->body == NULL && response->size > 0) || (response->headers == NULL && response->header_count > 0))
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  if (response->size > MAX_SIZE)
    return tw_handles_refuse(TW_ERR_TOO_LARGE);
  tw_handles_touch(handles);
  return send_response(handles, slot, response, type);
}

int32_t tw_http_respond_with(int32_t sock, const tw_http_response *response) {
  return response == NULL ? tw_handles_refuse(TW_ERR_ARGUMENT) : respond(sock, response, NULL);
}

int32_t tw_http_respond(int32_t sock, int32_t status, const char *type, const void *body, size_t size) {
  const tw_http_response response = {.status = status, .body = body, .size = size};
  return respond(sock, &response, type);
}

/* The connection whose response is being sent in parts; NULL, with the error noted: it is not. */
static tw_handles_slot *find_sending(tw_handles *handles, int32_t sock) {
  tw_handles_slot *slot = tw_handles_owned(handles, sock, TW_HANDLES_NET | TW_HANDLES_WS);
  if (slot == NULL || (slot->exchange != NULL && slot->exchange->phase == TW_EXCHANGE_SENDING))
    return slot;
  tw_handles_refuse(TW_ERR_STATE);
  return NULL;
}

int32_t tw_http_send_part(int32_t sock, const void *data, size_t size, bool last) {
  tw_handles *handles = tw_handles_current();
  tw_handles_slot *slot = find_sending(handles, sock);
  if (slot == NULL)
    return TW_NONE;
  if (size > MAX_SIZE)
    return tw_handles_refuse(TW_ERR_TOO_LARGE);
  tw_handles_touch(handles);
  int32_t result = (int32_t)size; /* the answer to HEAD has no parts */
  if (!slot->exchange->is_head)
    result = twc_http_send_body(handles->core, sock, last ? TW_HTTP_BODY_LAST : 0, data, (uint32_t)size, NULL, 0, 0);
  if (result < 0)
    return tw_handles_refuse(result);
  if (last)
    tw_exchange_answered(handles, slot);
  return result;
}

int32_t tw_http_send_trailers(int32_t sock, const tw_ws_field *trailers, size_t count) {
  tw_handles *handles = tw_handles_current();
  tw_handles_slot *slot = find_sending(handles, sock);
  if (slot == NULL)
    return TW_NONE;
  if (count > UINT16_MAX || (trailers == NULL && count > 0))
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  tw_handles_touch(handles);
  head_texts texts;
  head_begin(&texts, handles);
  put_fields(&texts, trailers, slot->exchange->is_http10 ? 0 : count);
  int32_t result = texts.failed ? TW_ERR_HEADER : 0;
  if (result == 0 && !slot->exchange->is_head)
    result = twc_http_send_body(handles->core, sock, TW_HTTP_BODY_LAST, NULL, 0, texts.at, texts.size, texts.fields);
  head_end(&texts);
  if (result < 0)
    return tw_handles_refuse(result);
  tw_exchange_answered(handles, slot);
  return 0;
}

void tw_exchange_refuse(tw_handles *handles, tw_handles_slot *slot, uint32_t status) {
  enum { NOT_FOUND = 404, UPGRADE_REQUIRED = 426 };
  static const tw_ws_field upgrade[] = {{"Upgrade", "websocket"}};
  tw_http_response response = {.status = (int32_t)status, .close = status != NOT_FOUND};
  if (status == UPGRADE_REQUIRED) {
    response.headers = upgrade;
    response.header_count = 1;
  }
  if (send_response(handles, slot, &response, NULL) < 0)
    tw_net_close(slot->handle);
}

/* ---- Fields of a request ----------------------------------------------------------------------------------------- */

/* The next line of a head, without its end; false: the head is over. */
static bool next_line(const char **at, const char *end, const char **line, size_t *size) {
  const char *newline = memchr(*at, '\n', (size_t)(end - *at));
  if (newline == NULL)
    return false;
  *line = *at;
  *size = (size_t)(newline - *at);
  if (*size > 0 && newline[-1] == '\r')
    --*size;
  *at = newline + 1;
  return *size > 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static void put_part(char *value, size_t capacity, size_t at, const char *text, size_t size) {
  for (size_t i = 0; i < size && at + i + 1 < capacity; i++)
    value[at + i] = text[i];
}

int32_t tw_http_header(const HttpRequest *request, const char *name, char *value, size_t capacity) {
  if (request == NULL || name == NULL || value == NULL || capacity == 0)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  const char *at = request->head;
  const char *end = at + request->head_size;
  const char *line;
  size_t size;
  size_t length = 0;
  bool found = false;
  bool more = next_line(&at, end, &line, &size); /* the start line */
  while (more && next_line(&at, end, &line, &size)) {
    const char *colon = memchr(line, ':', size);
    if (colon == NULL || !is_name(line, (size_t)(colon - line), name))
      continue;
    const char *from = colon + 1;
    const char *to = line + size;
    while (from < to && is_blank(*from))
      from++;
    while (to > from && is_blank(to[-1]))
      to--;
    if (found) {
      put_part(value, capacity, length, ", ", 2);
      length += 2;
    }
    put_part(value, capacity, length, from, (size_t)(to - from));
    length += (size_t)(to - from);
    found = true;
  }
  value[length < capacity ? length : capacity - 1] = 0;
  return found ? (int32_t)length : tw_handles_refuse(TW_ERR_NOT_FOUND);
}
