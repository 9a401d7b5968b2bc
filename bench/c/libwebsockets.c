/* libwebsockets.c: an echo over WebSocket by libwebsockets, as its documentation shows one: what came is kept until the
 * connection is writable. Prints its port. */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct message {
  struct message *next;
  size_t size;
  enum lws_write_protocol kind;
  unsigned char bytes[]; /* LWS_PRE in front */
} message;

typedef struct session {
  message *first;
  message **last;
} session;

static int keep(struct lws *wsi, session *it, const void *data, size_t size) {
  message *kept = malloc(sizeof *kept + LWS_PRE + size);
  if (kept == NULL)
    return -1;
  kept->next = NULL;
  kept->size = size;
  kept->kind = lws_frame_is_binary(wsi) ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
  memcpy(kept->bytes + LWS_PRE, data, size);
  *it->last = kept;
  it->last = &kept->next;
  lws_callback_on_writable(wsi);
  return 0;
}

static int send_kept(struct lws *wsi, session *it) {
  while (it->first != NULL && !lws_send_pipe_choked(wsi)) {
    message *sent = it->first;
    if (lws_write(wsi, sent->bytes + LWS_PRE, sent->size, sent->kind) < 0)
      return -1;
    it->first = sent->next;
    if (it->first == NULL)
      it->last = &it->first;
    free(sent);
  }
  if (it->first != NULL)
    lws_callback_on_writable(wsi);
  return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *data, size_t size) {
  session *it = user;
  switch (reason) {
  case LWS_CALLBACK_ESTABLISHED:
    it->first = NULL;
    it->last = &it->first;
    return 0;
  case LWS_CALLBACK_RECEIVE:
    return keep(wsi, it, data, size);
  case LWS_CALLBACK_SERVER_WRITEABLE:
    return send_kept(wsi, it);
  case LWS_CALLBACK_CLOSED:
    for (message *kept = it->first; kept != NULL;) {
      message *next = kept->next;
      free(kept);
      kept = next;
    }
    return 0;
  default:
    return 0;
  }
}

int main(void) {
  static const struct lws_protocols protocols[] = {
      {.name = "echo", .callback = on_event, .per_session_data_size = sizeof(session), .rx_buffer_size = 65536}, {0}};
  struct lws_context_creation_info info = {
      .port = 0, .iface = "127.0.0.1", .protocols = protocols, .gid = -1, .uid = -1, .options = 0};
  lws_set_log_level(LLL_ERR, NULL);
  struct lws_context *context = lws_create_context(&info);
  if (context == NULL)
    return 1;
  printf("%d\n", lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
  fflush(stdout);
  while (lws_service(context, 0) >= 0)
    continue;
  lws_context_destroy(context);
}
