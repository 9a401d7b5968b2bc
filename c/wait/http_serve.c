/* http_serve.c: reading one request from a connection, and answering it. */
#include <string.h>

#include "wait.h"
#include "web.h"

enum { LAST_BODY = 0x7fffffff, FIRST = 200, LAST = 599 };

int32_t tw_http_read_request(int32_t conn, uint32_t max_body, tw_http_message *request) {
  static const char self[] = "tw_http_read_request";
  if (request == NULL)
    return tw_fail(self, NULL, TW_ERR_ARGUMENT, "there is no place for the request");
  *request = (tw_http_message){0};
  if (max_body > LAST_BODY)
    return tw_fail(self, NULL, TW_ERR_ARGUMENT, NULL);
  tw_web_expected expected = {.read = TW_HTTP_READ_REQUEST, .max_body = max_body == 0 ? TW_WEB_MAX_BODY : max_body};
  int32_t error = tw_web_receive(conn, &expected, request);
  return error < 0 ? tw_fail(self, NULL, error, NULL) : 0;
}

static const char *reason_of(int32_t status) {
  static const struct {
    int32_t status;
    const char *reason;
  } reasons[] = {{200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {204, "No Content"},
                 {206, "Partial Content"},
                 {301, "Moved Permanently"},
                 {302, "Found"},
                 {303, "See Other"},
                 {304, "Not Modified"},
                 {307, "Temporary Redirect"},
                 {308, "Permanent Redirect"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {413, "Content Too Large"},
                 {414, "URI Too Long"},
                 {415, "Unsupported Media Type"},
                 {422, "Unprocessable Content"},
                 {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"},
                 {505, "HTTP Version Not Supported"}};
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].status == status)
      return reasons[i].reason;
  return "";
}

int32_t tw_http_write_response(int32_t conn, const tw_http_answer *answer) {
  static const char self[] = "tw_http_write_response";
  if (answer == NULL || answer->status < FIRST || answer->status > LAST ||
      (answer->source != NULL && answer->body_size > 0))
    return tw_fail(self, NULL, TW_ERR_ARGUMENT, answer == NULL ? "there is no response" : NULL);
  const tw_http_message *request = answer->request;
  const char *reason = answer->reason == NULL ? reason_of(answer->status) : answer->reason;
  if (!tw_web_is_value(reason))
    return tw_fail(self, NULL, TW_ERR_HEADER, NULL);
  bool old = request != NULL && request->version != NULL && strcmp(request->version, "HTTP/1.0") == 0;
  bool head = request != NULL && request->method != NULL && strcmp(request->method, "HEAD") == 0;
  bool close = answer->close || (request != NULL && !request->keep_alive) || (old && answer->source != NULL);
  tw_web_message message = {.fields = answer->fields,
                            .field_count = answer->field_count,
                            .body = answer->body,
                            .body_size = answer->body_size,
                            .source = answer->source,
                            .ctx = answer->ctx,
                            .head_only = head || answer->status == 304,
                            .bodiless = answer->status == 204 || answer->status == 304,
                            .until_close = old,
                            .announce_zero = true,
                            .close = close};
  tw_text text = {0};
  tw_text_put(&text, "HTTP/1.1 ");
  tw_text_number(&text, (uint64_t)answer->status, 10);
  tw_text_put(&text, " ");
  tw_text_put(&text, reason);
  tw_text_put(&text, "\r\n");
  int32_t error = tw_web_send(conn, &text, &message);
  tw_text_free(&text);
  if (error >= 0 && close)
    error = tw_close_write(conn);
  return error < 0 ? tw_fail(self, NULL, error, NULL) : close ? 0 : 1;
}
