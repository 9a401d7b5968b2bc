/* task.c: the task that owns the core, the queue by which others reach it, and its start and end. See tw_esp.h. */
#include <stdatomic.h>
#include <string.h>

#include "esp_event.h"
#include "esp_netif.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "memory.h"
#include "port_lwip.h"
#include "sdkconfig.h"
#include "twinwire/tw_esp.h"

enum {
  SLOTS = CONFIG_TWINWIRE_SOCKETS + CONFIG_TWINWIRE_WEBSOCKETS,
  CLOSE_MARGIN_MS = 1000, /* after closeTimeoutMs, whatever is left is dropped */
  NAP_MS = 20,            /* of a task that nobody can wake */
};

typedef enum phase { STOPPED, STARTING, RUNNING, STOPPING } phase;

/* A task that waits for the result of its command. */
typedef struct waiter {
  SemaphoreHandle_t done;
  StaticSemaphore_t memory;
  int32_t result;
} waiter;

/* What another task wants to have done: `post`, or `call` with somebody who waits. */
typedef struct command {
  void (*post)(void *ctx);
  int32_t (*call)(void *ctx);
  void *ctx;
  waiter *waiter;
} command;

static struct {
  _Atomic int phase;
  atomic_bool stop; /* somebody asked for the end */
  tw_lwip port;
  tw_lwip_socket sockets[SLOTS];
  void *memory;
  tw_limits limits;
  _Atomic(TaskHandle_t) owner; /* the task that turns the loop */
  TaskHandle_t task;           /* our own, once it was made */
  uint32_t give_up_at;         /* ms */
  atomic_bool own_task;
  bool listens; /* to IP_EVENT */
  /* Held for moments: by those who queue, so that nothing comes into the queue once it has been emptied for good. */
  SemaphoreHandle_t gate;
  QueueHandle_t queue;
  StaticSemaphore_t gate_memory;
  StaticQueue_t queue_memory;
  uint8_t queue_items[CONFIG_TWINWIRE_QUEUE * sizeof(command)];
} it;

/* Not part of what a start clears: lwIP may still answer questions from before. */
static tw_lookup lookups[SLOTS];

static TickType_t ticks(uint32_t ms) { return pdMS_TO_TICKS(ms) + 1; }

static void take_gate(void) { xSemaphoreTake(it.gate, portMAX_DELAY); }
static void give_gate(void) { xSemaphoreGive(it.gate); }

static bool is_owner(void) { return atomic_load(&it.owner) == xTaskGetCurrentTaskHandle(); }

/* With the gate held, so that the socket it uses is still the one. */
static void wake(void) {
  tw_lwip_wake(&it.port);
  if (it.own_task)
    xTaskNotifyGive(it.task);
}

/* ---- From other tasks ---------------------------------------------------------------------------------------- */

bool tw_esp_running(void) { return atomic_load(&it.phase) != STOPPED; }

static int32_t enqueue(const command *wanted) {
  if (atomic_load(&it.phase) < RUNNING)
    return TW_ERR_STATE;
  take_gate();
  int32_t result = TW_ERR_STATE;
  if (atomic_load(&it.phase) >= RUNNING)
    result = xQueueSend(it.queue, wanted, 0) == pdTRUE ? 0 : TW_ERR_BACKPRESSURE;
  if (result == 0)
    wake();
  give_gate();
  return result;
}

int32_t tw_esp_post(void (*work)(void *ctx), void *ctx) {
  command wanted = {.post = work, .ctx = ctx};
  return enqueue(&wanted);
}

int32_t tw_esp_call(int32_t (*work)(void *ctx), void *ctx) {
  if (!tw_esp_running())
    return TW_ERR_STATE;
  if (is_owner())
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
  if (atomic_load(&it.phase) < RUNNING)
    return;
  atomic_store(&it.stop, true);
  take_gate();
  if (atomic_load(&it.phase) >= RUNNING)
    wake();
  give_gate();
}

/* An interface has come, gone or changed: the next turn looks. */
static void on_ip_event(void *ctx, esp_event_base_t base, int32_t id, void *data) {
  (void)ctx, (void)base, (void)id, (void)data;
  take_gate();
  if (atomic_load(&it.phase) >= RUNNING) {
    tw_lwip_suspect(&it.port);
    wake();
  }
  give_gate();
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

/* No more than a queue full, so that one who keeps posting does not keep sockets from their turn. */
static void run_commands(void) {
  command wanted;
  for (uint32_t i = 0; i < CONFIG_TWINWIRE_QUEUE && xQueueReceive(it.queue, &wanted, 0) == pdTRUE; i++)
    run(&wanted, false);
}

static void release(void) {
  command wanted;
  take_gate();
  tw_easy_use(NULL);
  tw_lwip_stop(&it.port);
  tw_esp_memory_give(it.memory);
  atomic_store(&it.owner, NULL);
  atomic_store(&it.phase, STOPPED);
  while (xQueueReceive(it.queue, &wanted, 0) == pdTRUE)
    run(&wanted, true);
  give_gate();
}

static void rest(uint32_t ms) {
  if (it.own_task)
    ulTaskNotifyTake(pdTRUE, ticks(ms));
  else
    vTaskDelay(ticks(ms < NAP_MS ? ms : NAP_MS));
}

/* Returns whether all is over. */
static bool step(uint32_t ms) {
  if (atomic_load(&it.stop) && atomic_load(&it.phase) == RUNNING) {
    atomic_store(&it.phase, STOPPING);
    it.give_up_at = tw_lwip_now(NULL) + it.limits.closeTimeoutMs + CLOSE_MARGIN_MS;
    tw_runtime_exit(0);
  }
  if (atomic_load(&it.phase) == STOPPING && tw_easy_open_handles(it.port.easy) == 0)
    return true;
  run_commands();
  uint32_t idle = tw_lwip_turn(&it.port, ms);
  if (idle > 0)
    rest(idle);
  if (atomic_load(&it.phase) != STOPPING)
    return false;
  return tw_easy_open_handles(it.port.easy) == 0 || (int32_t)(tw_lwip_now(NULL) - it.give_up_at) >= 0;
}

int32_t tw_poll(uint32_t ms) {
  if (!tw_esp_running() || !is_owner() || tw_easy_telling(it.port.easy))
    return tw_easy_refuse(TW_ERR_STATE);
  if (!step(ms))
    return (int32_t)tw_easy_open_handles(it.port.easy);
  release();
  return TW_NONE;
}

/* The task lives for ever: one that ends leaves its memory in use until FreeRTOS's idle task has run. */
static void network_task(void *unused) {
  (void)unused;
  for (;;) {
    while (atomic_load(&it.phase) < RUNNING || !it.own_task)
      ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    while (!step(TW_FOREVER))
      ;
    release();
  }
}

/* ---- Start --------------------------------------------------------------------------------------------------- */

void tw_esp_defaults(tw_esp_options *options) {
  static const tw_limits limits = TW_LIMITS_ESP32;
  static const tw_easy_options easy = TW_EASY_OPTIONS_ESP32;
  options->limits = limits;
  options->easy = easy;
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
  options->easy.listeners = CONFIG_TWINWIRE_LISTENERS;
  options->easy.message_size = CONFIG_TWINWIRE_MESSAGE_SIZE;
}

static int32_t make(const tw_esp_options *options) {
  const tw_limits *limits = &options->limits;
  uint32_t core_size = (twc_need(limits) + TW_ESP_ALIGN - 1) / TW_ESP_ALIGN * TW_ESP_ALIGN;
  size_t easy_size = tw_easy_need(limits, &options->easy);
  if (core_size == 0 || easy_size == 0 || limits->sockets > CONFIG_TWINWIRE_SOCKETS ||
      limits->webSockets > CONFIG_TWINWIRE_WEBSOCKETS)
    return TW_ERR_ARGUMENT;
  uint8_t *memory = tw_esp_memory_take(core_size + easy_size);
  if (memory == NULL)
    return TW_ERR_MEMORY;
  tw_easy_host host = {.host = &it.port, .now_ms = tw_lwip_now, .is_up = tw_lwip_is_up, .check_tls = tw_tls_check};
  tw_lwip_start(&it.port, it.sockets, lookups, limits->sockets + limits->webSockets, limits->recvBuffer);
  it.limits = *limits;
  it.memory = memory;
  it.port.arena = memory;
  it.port.core = twc_init(memory, core_size, limits, &it.port);
  it.port.easy = tw_easy_init(memory + core_size, easy_size, limits, &options->easy, it.port.core, &host);
  tw_easy_use(it.port.easy);
  return 0;
}

static void make_queue(void) {
  if (it.gate != NULL)
    return;
  it.queue = xQueueCreateStatic(CONFIG_TWINWIRE_QUEUE, sizeof(command), it.queue_items, &it.queue_memory);
  it.gate = xSemaphoreCreateMutexStatic(&it.gate_memory);
}

/* Stays registered: to take it off would wait for handlers that may wait for us. Without a default loop it fails; then
 * the network is only looked at in intervals. */
static void listen_to_ip_events(void) {
  if (!it.listens)
    it.listens = esp_event_handler_register(IP_EVENT, ESP_EVENT_ANY_ID, on_ip_event, NULL) == ESP_OK;
}

static int32_t prepare(const tw_esp_options *options) {
  int expected = STOPPED;
  if (!atomic_compare_exchange_strong(&it.phase, &expected, STARTING))
    return TW_ERR_STATE;
  tw_esp_options defaults;
  tw_esp_defaults(&defaults);
  make_queue();
  atomic_store(&it.stop, false);
  int32_t error = make(options != NULL ? options : &defaults);
  if (error < 0)
    atomic_store(&it.phase, STOPPED);
  else
    listen_to_ip_events();
  return error;
}

int32_t tw_esp_begin(const tw_esp_options *options) {
  int32_t error = prepare(options);
  if (error < 0)
    return error;
  it.own_task = false;
  atomic_store(&it.owner, xTaskGetCurrentTaskHandle());
  atomic_store(&it.phase, RUNNING);
  return 0;
}

int32_t tw_esp_start(const tw_esp_options *options) {
  static StackType_t stack[CONFIG_TWINWIRE_TASK_STACK];
  static StaticTask_t task;
  int32_t error = prepare(options);
  if (error < 0)
    return error;
  if (it.task == NULL)
    it.task = xTaskCreateStaticPinnedToCore(network_task, "twinwire", CONFIG_TWINWIRE_TASK_STACK, NULL,
                                            CONFIG_TWINWIRE_TASK_PRIORITY, stack, &task,
                                            CONFIG_TWINWIRE_TASK_CORE < 0 ? tskNO_AFFINITY : CONFIG_TWINWIRE_TASK_CORE);
  it.own_task = true;
  atomic_store(&it.owner, it.task);
  atomic_store(&it.phase, RUNNING);
  xTaskNotifyGive(it.task);
  return 0;
}
