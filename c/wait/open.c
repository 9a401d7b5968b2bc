/* open.c: dialling and listening, up to where it is open. */
#include <stdlib.h>
#include <string.h>

#include "handles.h"
#include "wait.h"
#include "web.h"

typedef enum network { NETWORK_UNKNOWN, NETWORK_TCP, NETWORK_TLS, NETWORK_UNIX, NETWORK_UDP } network;

static network network_of(const char *name) {
  static const char *const names[] = {
      [NETWORK_TCP] = "tcp", [NETWORK_TLS] = "tls", [NETWORK_UNIX] = "unix", [NETWORK_UDP] = "udp"};
  for (network it = NETWORK_TCP; name != NULL && it <= NETWORK_UDP; it++)
    if (strcmp(name, names[it]) == 0)
      return it;
  return NETWORK_UNKNOWN;
}

/* ---- On the engine's thread ---------------------------------------------------------------------------------- */

void tw_open_give_up(tw_call *call, int32_t error) {
  tw_object *object = tw_object_find(call->handle, TW_OBJECT_STREAM | TW_OBJECT_LISTENER);
  if (object == NULL)
    return;
  object->opener = NULL;
  tw_call_finish(call, object, error == TW_ERR_DEADLINE ? TW_ERR_TIMEOUT : error);
  tw_object_close(object, error, NULL);
}

/* A handle has been opened for a call: what becomes of it is an object. NULL: the call is finished. */
static tw_object *take(tw_call *call, int32_t handle, tw_object_kind kind) {
  if (handle < 0) {
    tw_call_finish(call, NULL, tw_last_error());
    return NULL;
  }
  tw_object *object = tw_object_new(handle, kind, call->target);
  if (object == NULL) {
    tw_net_close(handle);
    tw_call_finish(call, NULL, TW_ERR_MEMORY);
    return NULL;
  }
  call->handle = handle;
  object->opener = call;
  return object;
}

/* Something that has to follow the opening failed. */
static void drop(tw_object *object, int32_t error) {
  tw_call *call = object->opener;
  object->opener = NULL;
  tw_call_finish(call, object, error);
  tw_object_close(object, error, NULL);
}

static int32_t connect_via(const tw_host_port *to, const char *url) {
  tw_web_url via;
  if (!tw_web_proxy(url, &via))
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  tw_handles *handles = tw_handles_current();
  tw_handles_touch(handles);
  int32_t handle =
      twc_tcp_connect_via(handles->core, to->host, (uint32_t)strlen(to->host), to->port, via.host,
                          (uint32_t)strlen(via.host), via.port, via.credentials, (uint32_t)strlen(via.credentials));
  return handle < 0 ? tw_handles_refuse(handle) : tw_handles_add(handles, handle, TW_KIND_TCP, NULL);
}

static int32_t connect_allowed(const tw_host_port *to, const char *policy) {
  tw_handles *handles = tw_handles_current();
  tw_handles_touch(handles);
  int32_t handle = twc_tcp_connect_allowed(handles->core, to->host, (uint32_t)strlen(to->host), to->port, policy,
                                           (uint32_t)strlen(policy));
  return handle < 0 ? tw_handles_refuse(handle) : tw_handles_add(handles, handle, TW_KIND_TCP, NULL);
}

static int32_t connect_tcp(const tw_host_port *to, const tw_dial_options *options) {
  if (options->proxy != NULL)
    return connect_via(to, options->proxy);
  return options->policy != NULL ? connect_allowed(to, options->policy) : tw_net_tcp_connect(to->host, to->port);
}

static int32_t set_keep_alive(int32_t handle, const tw_keep_alive *how) {
  return how->idle_s == 0 ? 0 : tw_net_set_keep_alive(handle, how->idle_s, how->interval_s, how->count);
}

static void begin_dial(tw_call *call) {
  static const tw_dial_options defaults;
  const tw_dial_options *options = call->options == NULL ? &defaults : call->options;
  network kind = network_of(call->network);
  tw_host_port to;
  int32_t handle;
  if (kind == NETWORK_UNIX) {
    handle = tw_net_unix_connect(call->address);
  } else {
    int32_t error = tw_address_split(call->address, &to);
    if (error != 0) {
      tw_call_finish(call, NULL, error);
      return;
    }
    handle = connect_tcp(&to, options);
  }
  tw_object *object = take(call, handle, TW_OBJECT_STREAM);
  if (object == NULL)
    return;
  if (options->window > 0)
    object->window = options->window;
  object->secure = kind == NETWORK_TLS;
  if (tw_stream_watch(object) != 0 || (object->secure && tw_net_set_tls(handle, options->tls) < 0) ||
      set_keep_alive(handle, &options->keep_alive) < 0) {
    drop(object, tw_last_error());
    return;
  }
  call->give_up = tw_open_give_up;
  tw_patience patience = {.timeout_ms = options->timeout_ms};
  tw_call_wait_for(call, &patience);
}

static void begin_dial_udp(tw_call *call) {
  tw_host_port to;
  int32_t error = tw_address_split(call->address, &to);
  if (error != 0) {
    tw_call_finish(call, NULL, error);
    return;
  }
  bool v6 = strchr(to.host, ':') != NULL;
  tw_object *object = take(call, tw_net_udp_bind(v6 ? "::" : "", 0), TW_OBJECT_UDP);
  if (object == NULL)
    return;
  if (tw_udp_watch(object) != 0 || tw_net_udp_connect(object->handle, to.host, to.port) < 0) {
    drop(object, tw_last_error());
    return;
  }
  object->open = object->has_peer = true;
  object->opener = NULL;
  tw_call_finish(call, object, object->handle);
}

static void begin_bind(tw_call *call) {
  tw_host_port at;
  int32_t error = tw_address_split(call->address, &at);
  if (error != 0) {
    tw_call_finish(call, NULL, error);
    return;
  }
  tw_object *object = take(call, tw_net_udp_bind(at.host, at.port), TW_OBJECT_UDP);
  if (object == NULL)
    return;
  if (tw_udp_watch(object) != 0) {
    drop(object, tw_last_error());
    return;
  }
  object->open = true;
  object->opener = NULL;
  tw_call_finish(call, object, object->handle);
}

/* ---- On the thread that calls -------------------------------------------------------------------------------- */

static tw_call opening(const char *name, void (*begin)(tw_call *call), const char *by, const char *address) {
  tw_call call = {.name = name, .begin = begin, .network = by, .address = address};
  tw_copy_text(call.target, sizeof call.target, address == NULL ? "" : address);
  return call;
}

int32_t tw_address_literal(const char *name, const char *address, char *text, size_t capacity) {
  tw_host_port to;
  char ip[TW_MAX_ADDRESS + 1];
  int32_t error = tw_address_split(address, &to);
  if (error != 0 || to.host[0] == 0)
    return tw_fail(name, address, error != 0 ? error : TW_ERR_ARGUMENT, NULL);
  int32_t size = tw_engine_resolve(to.host, 0, ip, sizeof ip);
  if (size < 0)
    return tw_fail(name, address, size, NULL);
  const char *port = strrchr(address, ':');
  bool v6 = strchr(ip, ':') != NULL;
  if ((size_t)size + strlen(port) + 2 >= capacity)
    return tw_fail(name, address, TW_ERR_ARGUMENT, NULL);
  text[0] = 0;
  strcat(strcat(strcat(strcat(text, v6 ? "[" : ""), ip), v6 ? "]" : ""), port);
  return 0;
}

int32_t tw_dial(const char *name, const char *address, const tw_dial_options *options) {
  static const char self[] = "tw_dial";
  network kind = network_of(name);
  char text[TW_MAX_ADDRESS + 1];
  if (kind == NETWORK_UNKNOWN)
    return tw_fail(self, address, TW_ERR_ARGUMENT, "a network is \"tcp\", \"tls\", \"unix\" or \"udp\"");
  if (address == NULL)
    return tw_fail(self, NULL, TW_ERR_ARGUMENT, "there is no address");
  if (options != NULL && (options->window > TW_MAX_WINDOW || options->timeout_ms > TW_DAY_MS))
    return tw_fail(self, address, TW_ERR_ARGUMENT, NULL);
  if (options != NULL && options->proxy != NULL && (kind == NETWORK_UNIX || kind == NETWORK_UDP))
    return tw_fail(self, address, TW_ERR_ARGUMENT, "a proxy is for \"tcp\" and \"tls\"");
  if (options != NULL && options->policy != NULL &&
      (options->proxy != NULL || (kind != NETWORK_TCP && kind != NETWORK_TLS)))
    return tw_fail(self, address, TW_ERR_ARGUMENT, "a policy is for \"tcp\" and \"tls\" without a proxy");
  if (options != NULL && options->tls != NULL && kind != NETWORK_TLS)
    return tw_fail(self, address, TW_ERR_ARGUMENT, "TLS options are for \"tls\"");
  if (kind == NETWORK_UDP) {
    int32_t error = tw_address_literal(self, address, text, sizeof text);
    if (error < 0)
      return error;
    address = text;
  }
  tw_call call = opening(self, kind == NETWORK_UDP ? begin_dial_udp : begin_dial, name, address);
  call.options = options;
  return tw_call_run(&call);
}

int32_t tw_udp_bind(const char *address) {
  tw_call call = opening("tw_udp_bind", begin_bind, "udp", address);
  if (address == NULL)
    return tw_fail(call.name, NULL, TW_ERR_ARGUMENT, "there is no address");
  return tw_call_run(&call);
}

/* ---- Listening ----------------------------------------------------------------------------------------------- */

enum { BACKLOG = 511, MOST_BACKLOG = 65535, HANDLERS = 256 };

static void begin_listen(tw_call *call) {
  static const tw_listen_options defaults;
  const tw_listen_options *options = call->options == NULL ? &defaults : call->options;
  network kind = network_of(call->network);
  tw_host_port at;
  int32_t handle;
  if (kind == NETWORK_UNIX) {
    handle = tw_net_unix_listen(call->address);
  } else {
    int32_t error = tw_address_split(call->address, &at);
    if (error != 0) {
      tw_call_finish(call, NULL, error);
      return;
    }
    handle = tw_net_tcp_listen(at.host, at.port);
  }
  tw_object *object = take(call, handle, TW_OBJECT_LISTENER);
  if (object == NULL)
    return;
  object->secure = kind == NETWORK_TLS;
  object->backlog = options->backlog == 0 ? BACKLOG : options->backlog;
  object->handlers = options->handlers == 0 ? HANDLERS : options->handlers;
  object->window = options->window == 0 ? TW_WINDOW : options->window;
  object->keep_alive = options->keep_alive;
  object->ready = calloc(object->backlog, sizeof *object->ready);
  if (object->ready == NULL) {
    drop(object, TW_ERR_MEMORY);
  } else if (tw_stream_watch(object) != 0 || (object->secure && tw_net_set_tls(handle, options->tls) < 0) ||
             set_keep_alive(handle, &options->keep_alive) < 0) {
    drop(object, tw_last_error());
  } else {
    call->give_up = tw_open_give_up;
    tw_call_wait_for(call, &(tw_patience){0});
  }
}

int32_t tw_listen(const char *name, const char *address, const tw_listen_options *options) {
  static const char self[] = "tw_listen";
  network kind = network_of(name);
  if (kind == NETWORK_UNKNOWN || kind == NETWORK_UDP)
    return tw_fail(self, address, TW_ERR_ARGUMENT, "a network is \"tcp\", \"tls\" or \"unix\"");
  if (address == NULL)
    return tw_fail(self, NULL, TW_ERR_ARGUMENT, "there is no address");
  if (options != NULL &&
      (options->window > TW_MAX_WINDOW || options->backlog > MOST_BACKLOG || options->handlers > TW_ENGINE_MAX_SOCKETS))
    return tw_fail(self, address, TW_ERR_ARGUMENT, NULL);
  if (kind == NETWORK_TLS && (options == NULL || options->tls == NULL))
    return tw_fail(self, address, TW_ERR_ARGUMENT, "TLS needs options.tls with a certificate and its key");
  if (kind != NETWORK_TLS && options != NULL && options->tls != NULL)
    return tw_fail(self, address, TW_ERR_ARGUMENT, "TLS options are for \"tls\"");
  tw_call call = opening(self, begin_listen, name, address);
  call.options = options;
  return tw_call_run(&call);
}
