/* task.c: the network task, which owns the core; the queue by which others reach it; its start and its end. See
 * tw_esp.h. */
#include <stdatomic.h>
#include <string.h>

#include "deflate.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "memory.h"
#include "network_task.h"
#include "port_lwip.h"
#include "sdkconfig.h"
#include "twinwire/tw_esp.h"

enum {
  SLOTS = CONFIG_TWINWIRE_SOCKETS + CONFIG_TWINWIRE_WEBSOCKETS,
  CLOSE_MARGIN_MS = 1000, /* after closeTimeoutMs, whatever is left is dropped */
  MIN_STACK = 2048,
  MAX_PRIORITY = 24,
  NAME_SIZE = 8 /* of an interface, as lwIP names it, with its NUL */
};

static const char TAG[] = "twinwire";

/* Commands are taken from RUNNING to STOPPING; from ENDING on, those that are queued are refused. */
typedef enum phase { STOPPED, STARTING, RUNNING, STOPPING, ENDING } phase;

/* A task that waits for the result of its command. */
typedef struct waiter {
  SemaphoreHandle_t done;
  StaticSemaphore_t memory;
  int32_t result;
} waiter;

/* What another task wants to have done: `post`, or `call` with a task that waits. */
typedef struct command {
  void (*post)(void *ctx);
  int32_t (*call)(void *ctx);
  void *ctx;
  waiter *waiter;
} command;

static struct {
  _Atomic int phase;
  atomic_bool stop;         /* the end was asked for */
  _Atomic uint32_t posting; /* calls that may be putting a command into the queue right now */
  tw_esp_port port;
  tw_esp_wake wake;
  tw_esp_socket sockets[SLOTS];
  tw_esp_options options;
  char interface[NAME_SIZE];
  void *memory;
  _Atomic(TaskHandle_t) owner; /* the network task */
  TaskHandle_t task;           /* our own, once it was made */
  StaticTask_t task_memory;
  uint32_t give_up_at; /* ms */
  bool own_task;
  SemaphoreHandle_t started; /* what our own task waits for between its runs */
  QueueHandle_t queue;
  StaticSemaphore_t started_memory;
  StaticQueue_t queue_memory;
  uint8_t queue_items[CONFIG_TWINWIRE_QUEUE * sizeof(command)];
} it;

/* Not part of what a start clears: lwIP may still answer questions from before. */
static tw_esp_lookup lookups[SLOTS];

static bool takes_commands(void) {
  int now = atomic_load(&it.phase);
  return now == RUNNING || now == STOPPING;
}

bool tw_esp_is_network_task(void) { return atomic_load(&it.owner) == xTaskGetCurrentTaskHandle(); }

uint32_t tw_esp_send_buffer(void) { return it.options.limits.sendBuffer; }

/* ---- From other tasks ---------------------------------------------------------------------------------------- */

bool tw_esp_running(void) { return atomic_load(&it.phase) != STOPPED; }

static bool put(const command *wanted) {
  if (!xPortInIsrContext())
    return xQueueSend(it.queue, wanted, 0) == pdTRUE;
  BaseType_t switched = pdFALSE;
  return xQueueSendFromISR(it.queue, wanted, &switched) == pdTRUE; /* the wake-up that follows switches tasks */
}

/* Neither takes a lock nor waits, so that lwIP's thread and interrupts may call it. Whoever ends twinwire waits until
 * `posting` is 0, and then finds in the queue all that will ever be in it. */
static int32_t enqueue(const command *wanted) {
  int32_t result = TW_ERR_STATE;
  atomic_fetch_add(&it.posting, 1);
  if (takes_commands())
    result = put(wanted) ? 0 : TW_ERR_BACKPRESSURE;
  if (result == 0)
    tw_esp_wake_up(&it.wake);
  atomic_fetch_sub(&it.posting, 1);
  return result;
}

esp_err_t tw_esp_post(void (*work)(void *ctx), void *ctx) {
  command wanted = {.post = work, .ctx = ctx};
  int32_t result = enqueue(&wanted);
  return result == 0 ? ESP_OK : result == TW_ERR_STATE ? ESP_ERR_INVALID_STATE : ESP_ERR_TIMEOUT;
}

int32_t tw_esp_call(int32_t (*work)(void *ctx), void *ctx) {
  if (!tw_esp_running())
    return TW_ERR_STATE;
  if (tw_esp_is_network_task())
    return work(ctx);
  waiter self;
  self.done = xSemaphoreCreateBinaryStatic(&self.memory);
  command wanted = {.call = work, .ctx = ctx, .waiter = &self};
  int32_t result = enqueue(&wanted);
  if (result == 0) {
    xSemaphoreTake(self.done, portMAX_DELAY);
    result = self.result;
  }
  vSemaphoreDelete(self.done);
  return result;
}

void tw_esp_stop(void) {
  if (!takes_commands())
    return;
  atomic_store(&it.stop, true);
  tw_esp_wake_up(&it.wake);
}

/* ---- The loop ------------------------------------------------------------------------------------------------ */

static void run(const command *wanted, bool refuse) {
  if (wanted->waiter == NULL) {
    if (!refuse)
      wanted->post(wanted->ctx);
    return;
  }
  wanted->waiter->result = refuse ? TW_ERR_STATE : wanted->call(wanted->ctx);
  xSemaphoreGive(wanted->waiter->done);
}

/* No more than a queue full, so that a task that keeps posting cannot keep sockets from being served. */
static void run_commands(void) {
  command wanted;
  for (uint32_t i = 0; i < CONFIG_TWINWIRE_QUEUE && xQueueReceive(it.queue, &wanted, 0) == pdTRUE; i++)
    run(&wanted, false);
  if (uxQueueMessagesWaiting(it.queue) > 0)
    tw_esp_wake_up(&it.wake);
}

static void release(void) {
  command wanted;
  atomic_store(&it.phase, ENDING);
  while (atomic_load(&it.posting) > 0)
    vTaskDelay(1);
  while (xQueueReceive(it.queue, &wanted, 0) == pdTRUE)
    run(&wanted, true);
  tw_handles_use(NULL);
  tw_handles_release(it.port.handles);
  tw_esp_port_stop(&it.port);
  tw_esp_tls_forget();
  tw_esp_memory_give(it.memory);
  atomic_store(&it.owner, NULL);
  atomic_store(&it.phase, STOPPED);
}

/* Returns whether all is over. */
static bool step(uint32_t ms) {
  if (atomic_load(&it.stop) && atomic_load(&it.phase) == RUNNING) {
    atomic_store(&it.phase, STOPPING);
    it.give_up_at = tw_esp_port_now(NULL) + it.options.limits.closeTimeoutMs + CLOSE_MARGIN_MS;
    tw_runtime_exit(0);
  }
  if (atomic_load(&it.phase) == STOPPING && tw_handles_open_handles(it.port.handles) == 0)
    return true;
  run_commands();
  tw_esp_port_run(&it.port, ms);
  if (atomic_load(&it.phase) != STOPPING)
    return false;
  return tw_handles_open_handles(it.port.handles) == 0 || (int32_t)(tw_esp_port_now(NULL) - it.give_up_at) >= 0;
}

int32_t tw_poll(uint32_t ms) {
  if (!tw_esp_running() || !tw_esp_is_network_task() || tw_handles_delivering(it.port.handles))
    return tw_handles_refuse(TW_ERR_STATE);
  if (!step(ms))
    return (int32_t)tw_handles_open_handles(it.port.handles);
  release();
  return TW_NONE;
}

/* The task lives for ever: one that ends leaves its memory in use until FreeRTOS's idle task has run. */
static void network_task(void *unused) {
  (void)unused;
  for (;;) {
    xSemaphoreTake(it.started, portMAX_DELAY);
    while (!step(TW_FOREVER))
      ;
    release();
  }
}

/* ---- Start --------------------------------------------------------------------------------------------------- */

void tw_esp_defaults(tw_esp_options *options) {
  static const tw_limits limits = TW_LIMITS_ESP32;
  static const tw_handles_options handles = TW_HANDLES_OPTIONS_ESP32;
  *options = (tw_esp_options){.limits = limits, .handles = handles};
  options->limits.sockets = CONFIG_TWINWIRE_SOCKETS;
  options->limits.webSockets = CONFIG_TWINWIRE_WEBSOCKETS;
  options->limits.recvBuffer = CONFIG_TWINWIRE_RECV_BUFFER;
  options->limits.sendBuffer = CONFIG_TWINWIRE_SEND_BUFFER;
  options->limits.sendPool = CONFIG_TWINWIRE_SEND_POOL;
  options->limits.blockSize = CONFIG_TWINWIRE_BLOCK_SIZE;
  options->limits.textPool = CONFIG_TWINWIRE_TEXT_POOL;
  options->limits.maxMessage = CONFIG_TWINWIRE_MAX_MESSAGE;
  options->limits.connectTimeoutMs = CONFIG_TWINWIRE_CONNECT_TIMEOUT_MS;
  options->limits.closeTimeoutMs = CONFIG_TWINWIRE_CLOSE_TIMEOUT_MS;
  options->handles.listeners = CONFIG_TWINWIRE_LISTENERS;
  options->handles.message_size = tw_esp_heap_resize != NULL ? 0 : CONFIG_TWINWIRE_MESSAGE_SIZE;
  options->heartbeat_ms = CONFIG_TWINWIRE_HEARTBEAT_S * 1000u;
  options->heartbeat_timeout_ms = CONFIG_TWINWIRE_HEARTBEAT_TIMEOUT_S * 1000u;
  options->keep_alive = (tw_keep_alive){CONFIG_TWINWIRE_KEEP_ALIVE_IDLE_S, CONFIG_TWINWIRE_KEEP_ALIVE_INTERVAL_S,
                                        CONFIG_TWINWIRE_KEEP_ALIVE_COUNT};
  options->task.stack_size = CONFIG_TWINWIRE_TASK_STACK;
  options->task.priority = CONFIG_TWINWIRE_TASK_PRIORITY;
  options->task.core = CONFIG_TWINWIRE_TASK_CORE;
#ifdef CONFIG_TWINWIRE_TASK_STACK_PSRAM
  options->task.stack_in_psram = true;
#endif
}

/* What every handle has at first. */
static void set_defaults(void *host, int32_t handle, uint32_t kind) {
  (void)host;
  const tw_keep_alive *alive = &it.options.keep_alive;
  if (kind == TW_KIND_WS && it.options.heartbeat_ms > 0)
    twc_ws_set_heartbeat(it.port.core, handle, it.options.heartbeat_ms, it.options.heartbeat_timeout_ms);
  else if (kind == TW_KIND_TCP || kind == TW_KIND_LISTENER)
    tw_net_set_keep_alive(handle, alive->idle_s, alive->interval_s, alive->count);
}

/* By its number: the texts of all errors are more than the rest of a small program has. */
static void log_unhandled(void *host, int32_t handle, int32_t code, uint32_t step) {
  (void)host;
  ESP_LOGW(TAG, "handle %d: error %d at step %u, for which there is no listener", (int)handle, (int)code,
           (unsigned)step);
}

static bool is_valid(const tw_esp_options *options) {
  const tw_keep_alive *alive = &options->keep_alive;
  return options->limits.sockets <= CONFIG_TWINWIRE_SOCKETS &&
         options->limits.webSockets <= CONFIG_TWINWIRE_WEBSOCKETS &&
         (options->heartbeat_ms == 0 || options->heartbeat_timeout_ms > 0) &&
         (alive->idle_s == 0 || (alive->interval_s > 0 && alive->count > 0));
}

static esp_err_t make(const tw_esp_options *options) {
  const tw_limits *limits = &options->limits;
  uint32_t core_size = (twc_need(limits) + TW_ESP_ALIGN - 1) / TW_ESP_ALIGN * TW_ESP_ALIGN;
  size_t handles_size = tw_handles_need(limits, &options->handles);
  if (core_size == 0 || handles_size == 0 || !is_valid(options))
    return ESP_ERR_INVALID_ARG;
  if (options->netif != NULL && esp_netif_get_netif_impl_name(options->netif, it.interface) != ESP_OK)
    return ESP_ERR_INVALID_ARG;
  uint8_t *memory = tw_esp_memory_take(core_size + handles_size);
  if (memory == NULL) {
    ESP_LOGE(TAG, "no memory for %u bytes", (unsigned)(core_size + handles_size));
    return ESP_ERR_NO_MEM;
  }
  tw_handles_host host = {.host = &it.port,
                          .now_ms = tw_esp_port_now,
                          .is_up = tw_esp_port_is_up,
                          .resize = tw_esp_heap_resize,
                          .check_tls = tw_esp_tls_check,
                          .opened = set_defaults,
                          .set_keep_alive = tw_esp_port_keep_alive,
                          .unhandled = log_unhandled};
  tw_esp_port_start(&it.port, &it.wake, it.sockets, lookups, limits->sockets + limits->webSockets, limits->recvBuffer);
  it.options = *options;
  it.memory = memory;
  it.port.arena = memory;
  it.port.interface = options->netif == NULL ? NULL : it.interface;
  it.port.core = twc_init(memory, core_size, limits, &it.port);
  it.port.handles = tw_handles_init(memory + core_size, handles_size, limits, &options->handles, it.port.core, &host);
  tw_esp_deflate_use(it.port.handles);
  tw_handles_use(it.port.handles);
  return ESP_OK;
}

static void make_queue(void) {
  if (it.queue != NULL)
    return;
  tw_esp_wake_init(&it.wake);
  it.started = xSemaphoreCreateBinaryStatic(&it.started_memory);
  it.queue = xQueueCreateStatic(CONFIG_TWINWIRE_QUEUE, sizeof(command), it.queue_items, &it.queue_memory);
  tw_esp_tls_warn();
}

/* Makes our own task, once. */
static esp_err_t make_task(const tw_esp_task *wanted) {
  static tw_esp_task made;
  if (it.task != NULL) {
    if (wanted->stack_size != made.stack_size || wanted->core != made.core ||
        wanted->stack_in_psram != made.stack_in_psram)
      return ESP_ERR_INVALID_ARG;
    vTaskPrioritySet(it.task, wanted->priority);
    return ESP_OK;
  }
  if (wanted->stack_size < MIN_STACK || wanted->priority < 1 || wanted->priority > MAX_PRIORITY || wanted->core < -1 ||
      wanted->core >= (int32_t)portNUM_PROCESSORS)
    return ESP_ERR_INVALID_ARG;
  uint32_t caps = wanted->stack_in_psram ? MALLOC_CAP_SPIRAM : MALLOC_CAP_INTERNAL;
  StackType_t *stack = heap_caps_aligned_alloc(TW_ESP_ALIGN, wanted->stack_size, caps | MALLOC_CAP_8BIT);
  if (stack == NULL)
    return ESP_ERR_NO_MEM;
  made = *wanted;
  BaseType_t core = wanted->core < 0 ? tskNO_AFFINITY : wanted->core;
  it.task = xTaskCreateStaticPinnedToCore(network_task, TAG, wanted->stack_size / sizeof(StackType_t), NULL,
                                          wanted->priority, stack, &it.task_memory, core);
  return ESP_OK;
}

static esp_err_t begin(const tw_esp_options *given, bool own_task) {
  int expected = STOPPED;
  if (!atomic_compare_exchange_strong(&it.phase, &expected, STARTING))
    return ESP_ERR_INVALID_STATE;
  tw_esp_options options;
  tw_esp_defaults(&options);
  if (given != NULL)
    options = *given;
  make_queue();
  atomic_store(&it.stop, false);
  it.own_task = own_task;
  esp_err_t error = own_task ? make_task(&options.task) : ESP_OK;
  if (error == ESP_OK)
    error = make(&options);
  if (error != ESP_OK) {
    ESP_LOGE(TAG, "not started: %s", esp_err_to_name(error));
    atomic_store(&it.phase, STOPPED);
    return error;
  }
  atomic_store(&it.owner, own_task ? it.task : xTaskGetCurrentTaskHandle());
  atomic_store(&it.phase, RUNNING);
  return ESP_OK;
}

esp_err_t tw_esp_begin(const tw_esp_options *options) { return begin(options, false); }

esp_err_t tw_esp_start(const tw_esp_options *options) {
  esp_err_t error = begin(options, true);
  if (error == ESP_OK)
    xSemaphoreGive(it.started);
  return error;
}
