/* datagram.c: UDP sockets. */
#include <stdlib.h>
#include <string.h>

#include "wait.h"

enum { QUEUE = 262144, LARGEST = 65507 };

static tw_object *udp_of(int32_t sock) { return tw_object_find(sock, TW_OBJECT_UDP); }

/* ---- Events -------------------------------------------------------------------------------------------------- */

static void name_sender(tw_datagram *it, const NetDatagram *e) {
  bool v6 = strchr(e->addr, ':') != NULL;
  char port[8];
  size_t at = sizeof port;
  port[--at] = 0;
  for (int32_t number = e->port; at > 1 && (number > 0 || at == sizeof port - 1); number /= 10)
    port[--at] = (char)('0' + number % 10);
  port[--at] = ':';
  it->from[0] = 0;
  size_t room = sizeof it->from - sizeof port - 2;
  if (v6)
    strcat(it->from, "[");
  strncat(it->from, e->addr, room);
  if (v6)
    strcat(it->from, "]");
  strcat(it->from, port + at);
}

static void on_datagram(const NetDatagram *e, void *ctx) {
  (void)ctx;
  tw_object *object = udp_of(e->sock);
  if (object == NULL || object->datagram_bytes + e->size > QUEUE)
    return;
  tw_datagram *it = malloc(sizeof *it + e->size);
  if (it == NULL)
    return;
  it->next = NULL;
  it->size = e->size;
  memcpy(it->data, e->data, e->size);
  name_sender(it, e);
  *object->last_datagram = it;
  object->last_datagram = &it->next;
  object->datagram_bytes += sizeof *it + e->size;
  tw_udp_read_on(object);
}

static void on_drain(const NetDrain *e, void *ctx) {
  (void)ctx;
  tw_object *object = udp_of(e->sock);
  if (object != NULL)
    tw_udp_write_on(object);
}

/* A datagram was not delivered: with a peer, the next read says so. */
static void on_error(const NetError *e, void *ctx) {
  (void)ctx;
  tw_object *object = udp_of(e->sock);
  if (object == NULL || !object->has_peer)
    return;
  object->error = e->code;
  tw_udp_read_on(object);
}

int32_t tw_udp_watch(tw_object *object) {
  return tw_net_on(object->handle, on_datagram, NULL) | tw_net_on(object->handle, on_drain, NULL) |
         tw_net_on(object->handle, on_error, NULL);
}

void tw_udp_free(tw_object *object) {
  while (object->first_datagram != NULL) {
    tw_datagram *it = object->first_datagram;
    object->first_datagram = it->next;
    free(it);
  }
}

/* ---- Receiving ----------------------------------------------------------------------------------------------- */

static bool serve(tw_object *object, tw_call *call) {
  tw_datagram *it = object->first_datagram;
  if (it == NULL && object->error == 0)
    return false;
  if (it == NULL) {
    int32_t error = object->error;
    object->error = 0;
    tw_call_finish(call, object, error);
    return true;
  }
  object->first_datagram = it->next;
  if (it->next == NULL)
    object->last_datagram = &object->first_datagram;
  object->datagram_bytes -= sizeof *it + it->size;
  size_t size = it->size < call->size ? it->size : call->size;
  memcpy(call->buffer, it->data, size);
  if (call->text != NULL)
    tw_copy_text(call->text, call->capacity, it->from);
  free(it);
  tw_call_finish(call, object, (int32_t)size);
  return true;
}

void tw_udp_read_on(tw_object *object) {
  tw_call *call = object->reader;
  if (call != NULL && serve(object, call))
    object->reader = NULL;
}

void tw_udp_begin_read(tw_object *object, tw_call *call) {
  if (call->all) {
    tw_call_refuse(call, object, TW_ERR_HANDLE, "it is a UDP socket");
  } else if (serve(object, call)) {
    return;
  } else if (object->nonblocking) {
    tw_call_finish(call, object, TW_ERR_WOULD_BLOCK);
  } else {
    object->reader = call;
    tw_call_wait_for(call, &object->read);
  }
}

int32_t tw_udp_recv_from(int32_t sock, void *buffer, size_t capacity, char *from, size_t from_capacity) {
  static const char self[] = "tw_udp_recv_from";
  if (buffer == NULL || capacity == 0)
    return tw_fail(self, NULL, TW_ERR_ARGUMENT, buffer == NULL ? "the buffer is NULL" : "the buffer has no room");
  if (from != NULL && from_capacity == 0)
    return tw_fail(self, NULL, TW_ERR_ARGUMENT, "there is no room for the sender's address");
  tw_call call = {.name = self,
                  .begin = tw_begin_read,
                  .handle = sock,
                  .buffer = buffer,
                  .size = capacity > INT32_MAX ? INT32_MAX : capacity,
                  .text = from,
                  .capacity = from_capacity,
                  .which = TW_OBJECT_UDP};
  return tw_call_run(&call);
}

/* ---- Sending ------------------------------------------------------------------------------------------------- */

/* false: the system has no room for it now. */
static bool send_now(tw_object *object, tw_call *call) {
  int32_t sent;
  tw_host_port to;
  if (call->address != NULL) {
    int32_t error = tw_address_split(call->address, &to);
    if (error != 0) {
      tw_call_finish(call, object, error);
      return true;
    }
    sent = tw_net_udp_send_to(object->handle, to.host, to.port, call->data, call->size);
  } else {
    sent = tw_net_udp_send(object->handle, call->data, call->size);
  }
  if (sent < 0 && tw_last_error() == TW_ERR_BACKPRESSURE)
    return false;
  if (sent < 0)
    tw_call_finish(call, object, tw_last_error());
  else
    tw_call_finish(call, object, call->all ? 0 : (int32_t)call->size);
  return true;
}

void tw_udp_write_on(tw_object *object) {
  tw_call *call = object->writer;
  if (call != NULL && send_now(object, call))
    object->writer = NULL;
}

void tw_udp_begin_write(tw_object *object, tw_call *call) {
  if (call->address == NULL && !object->has_peer) {
    tw_call_refuse(call, object, TW_ERR_STATE, "the UDP socket has no peer; use tw_udp_send_to");
  } else if (send_now(object, call)) {
    return;
  } else if (object->nonblocking) {
    tw_call_finish(call, object, TW_ERR_WOULD_BLOCK);
  } else {
    object->writer = call;
    tw_call_wait_for(call, &object->write);
  }
}

int32_t tw_udp_send_to(int32_t sock, const void *data, size_t size, const char *address) {
  static const char self[] = "tw_udp_send_to";
  char text[TW_MAX_ADDRESS + 1];
  if ((data == NULL && size > 0) || address == NULL)
    return tw_fail(self, address, TW_ERR_ARGUMENT, address == NULL ? "there is no address" : "the data is NULL");
  if (size > LARGEST)
    return tw_fail(self, address, TW_ERR_TOO_LARGE, "a datagram has at most 65507 bytes");
  int32_t error = tw_address_literal(self, address, text, sizeof text);
  if (error < 0)
    return error;
  tw_call call = {.name = self,
                  .begin = tw_begin_write,
                  .handle = sock,
                  .data = data,
                  .size = size,
                  .address = text,
                  .which = TW_OBJECT_UDP};
  return tw_call_run(&call);
}
