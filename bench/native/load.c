/* load.c: asks a server, as fast as it answers, and counts.
 *
 * It does as little as it can for an answer: requests are ready-made bytes, answers all have the same size and are only
 * counted. So one processor of it is enough for servers that do more; its own share of a processor is part of the
 * result.
 *
 * stdin: one line of numbers,
 *   port connections inFlight settleMs measureMs answerSize oneAsks reopens rate openingSize requestSize
 * and then the bytes of the opening and of the request. `answerSize` 0: the head and the Content-Length of the first
 * answer. `oneAsks`: one connection asks, and all are answered. `reopens`: each connection is opened, answered and
 * closed, over and over: opening counts, and no request is sent. `rate`: requests a second, one connection after the
 * other, whether or not the last one was answered; 0: as fast as the server answers. stdout: "begun" when counting
 * begins; then one line of JSON: count, ms, cpu, the share of a processor that it took, and with a rate the latencies
 * in microseconds that 50, 99 and 99.9 % of the answers kept. A latency counts from when the request was due, not from
 * when it was sent: a server that stands still for a moment is charged for all the requests of that moment. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER = 1 << 18, HEAD = 4096, DUE = 4096, LATENCIES = 1 << 20, LATENCY_STEP_US = 10 };
static const double PATIENCE_S = 10;

typedef struct connection {
  int fd;
  bool asks;
  bool open;        /* the opening has been answered */
  uint32_t matched; /* bytes of the empty line that ends the opening's answer */
  size_t waiting;   /* bytes of requests that the system has not taken */
  size_t at;        /* where they begin in the batch */
  size_t got;       /* bytes of an answer that is not whole */
  double *due;      /* with a rate: when the requests that are not answered were due, a ring of DUE */
  uint32_t asked;   /* requests, and answers to them */
  uint32_t answered;
} connection;

static struct {
  unsigned port, connections, in_flight, settle_ms, measure_ms, one_asks, reopens, rate;
  size_t answer_size, opening_size, request_size;
} order;

static char *opening;
static char *batch; /* twice as many requests as are in flight: a batch from any request on */
static size_t batch_size;
static int poll_fd;
static uint64_t count;
static uint32_t latencies[LATENCIES]; /* how many took so many steps; the last one: or more */
static char first_answer[HEAD];
static size_t first_size;

static void fail(const char *what) {
  fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  exit(1);
}

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *read_bytes(size_t size) {
  char *bytes = malloc(size + 1);
  if (bytes == NULL || fread(bytes, 1, size, stdin) != size)
    fail("the order is not whole");
  bytes[size] = 0;
  return bytes;
}

static void read_order(void) {
  if (scanf("%u %u %u %u %u %zu %u %u %u %zu %zu", &order.port, &order.connections, &order.in_flight, &order.settle_ms,
            &order.measure_ms, &order.answer_size, &order.one_asks, &order.reopens, &order.rate, &order.opening_size,
            &order.request_size) != 11 ||
      getchar() != '\n')
    fail("the order is a line of eleven numbers");
  opening = read_bytes(order.opening_size);
  char *request = read_bytes(order.request_size);
  batch_size = order.request_size * order.in_flight;
  batch = malloc(2 * batch_size + 1);
  if (batch == NULL)
    fail("no memory");
  for (size_t at = 0; at < 2 * batch_size; at += order.request_size)
    memcpy(batch + at, request, order.request_size);
  free(request);
}

static void watch(connection *it, int operation, bool writing) {
  struct epoll_event event = {.events = EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0), .data.ptr = it};
  if (epoll_ctl(poll_fd, operation, it->fd, &event) != 0)
    fail("epoll_ctl");
}

/* Queues so many bytes of requests behind those that wait. */
static void ask(connection *it, size_t size) {
  if (it->waiting > 0) {
    it->waiting += size;
    return;
  }
  ssize_t written = send(it->fd, batch, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (written < 0 && errno != EAGAIN)
    fail("send");
  size_t done = written < 0 ? 0 : (size_t)written;
  if (done == size)
    return;
  it->waiting = size - done;
  it->at = done % order.request_size;
  watch(it, EPOLL_CTL_MOD, true);
}

static void go_on(connection *it) {
  while (it->waiting > 0) {
    size_t size = it->waiting < batch_size ? it->waiting : batch_size;
    ssize_t written = send(it->fd, batch + it->at, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno == EAGAIN)
      return;
    if (written < 0)
      fail("send");
    it->waiting -= (size_t)written;
    it->at = (it->at + (size_t)written) % order.request_size;
  }
  watch(it, EPOLL_CTL_MOD, false);
}

static void start(connection *it) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)order.port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int one = 1;
  it->open = order.opening_size == 0;
  it->matched = 0;
  it->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (it->fd < 0 || connect(it->fd, (struct sockaddr *)&address, sizeof address) != 0)
    fail("connect");
  setsockopt(it->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (order.reopens) { /* without it, this machine's ports are used up by those that linger */
    struct linger none = {.l_onoff = 1};
    setsockopt(it->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  }
  if (order.opening_size > 0 && write(it->fd, opening, order.opening_size) != (ssize_t)order.opening_size)
    fail("writing the opening");
  watch(it, EPOLL_CTL_ADD, false);
}

/* The answer to the opening ends with an empty line. Returns how many of the bytes are part of it. */
static size_t take_opening(connection *it, const char *bytes, size_t size) {
  static const char end[] = "\r\n\r\n";
  for (size_t at = 0; at < size; at++) {
    it->matched = bytes[at] == end[it->matched] ? it->matched + 1 : bytes[at] == '\r';
    if (it->matched == 4) {
      it->open = true;
      return at + 1;
    }
  }
  return size;
}

/* Finds out how long an answer is, once its head is there. */
static void measure_answer(const char *bytes, size_t size) {
  size_t more = size < HEAD - 1 - first_size ? size : HEAD - 1 - first_size;
  memcpy(first_answer + first_size, bytes, more);
  first_size += more;
  first_answer[first_size] = 0;
  const char *end = strstr(first_answer, "\r\n\r\n");
  if (end == NULL)
    return;
  errno = 0;
  if (strncmp(first_answer, "HTTP/1.1 200 ", 13) != 0)
    fail("the server does not answer with 200");
  const char *field = strcasestr(first_answer, "\r\ncontent-length:");
  if (field == NULL || field > end)
    fail("the answer has no Content-Length");
  order.answer_size = (size_t)(end + 4 - first_answer) + strtoul(field + 17, NULL, 10);
}

/* Notes how late the answers are. */
static void note(connection *it, size_t whole) {
  double now = seconds(CLOCK_MONOTONIC);
  for (; whole > 0; whole--) {
    if (it->answered == it->asked)
      fail("the server answers more than was asked");
    double steps = (now - it->due[it->answered++ % DUE]) * 1e6 / LATENCY_STEP_US;
    latencies[steps < LATENCIES - 1 ? (size_t)steps : LATENCIES - 1]++;
  }
}

/* The latency that this share of the answers kept, in microseconds. */
static uint64_t latency(double share) {
  uint64_t all = 0;
  uint64_t seen = 0;
  for (size_t at = 0; at < LATENCIES; at++)
    all += latencies[at];
  size_t step = 0;
  while (step < LATENCIES - 1 && (double)(seen += latencies[step]) < share * (double)all)
    step++;
  return (uint64_t)(step + 1) * LATENCY_STEP_US;
}

static void take(connection *it) {
  static char buffer[BUFFER];
  ssize_t size = recv(it->fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (size <= 0)
    fail("the server has closed a connection");
  size_t done = it->open ? 0 : take_opening(it, buffer, (size_t)size);
  if (order.reopens && it->open) {
    count++;
    close(it->fd);
    start(it);
    return;
  }
  it->got += (size_t)size - done;
  if (order.answer_size == 0)
    measure_answer(buffer + done, (size_t)size - done);
  if (order.answer_size == 0 || it->got < order.answer_size)
    return;
  size_t whole = it->got / order.answer_size;
  it->got -= whole * order.answer_size;
  count += whole;
  if (order.rate > 0)
    note(it, whole);
  else if (it->asks)
    ask(it, whole * order.request_size);
}

/* Waits for the connections, for so long at most; handles what comes. */
static void handle_events(double until) {
  struct epoll_event events[EVENTS];
  double left = until - seconds(CLOCK_MONOTONIC);
  struct timespec wait = {.tv_sec = left > 0 ? (time_t)left : 0};
  wait.tv_nsec = left > 0 ? (long)((left - (double)wait.tv_sec) * 1e9) : 0;
  int found = epoll_pwait2(poll_fd, events, EVENTS, &wait, NULL);
  for (int at = 0; at < found; at++) {
    connection *it = events[at].data.ptr;
    if (events[at].events & EPOLLOUT)
      go_on(it);
    if (events[at].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
      take(it);
  }
}

/* Asks at the rate, or as fast as the server answers, until then. */
static void run(connection *all, double until) {
  static double due; /* the next request */
  static uint64_t asked;
  if (order.rate == 0) {
    while (seconds(CLOCK_MONOTONIC) < until)
      handle_events(until);
    return;
  }
  if (due == 0)
    due = seconds(CLOCK_MONOTONIC);
  for (double now; (now = seconds(CLOCK_MONOTONIC)) < until;) {
    for (; due <= now; due += 1.0 / order.rate) {
      connection *it = &all[asked++ % order.connections];
      if (it->asked - it->answered == DUE)
        fail("the server does not keep up with the rate");
      it->due[it->asked++ % DUE] = due;
      ask(it, order.request_size);
    }
    handle_events(due < until ? due : until);
  }
}

int main(void) {
  read_order();
  poll_fd = epoll_create1(0);
  connection *all = calloc(order.connections, sizeof *all);
  if (all == NULL || order.connections == 0)
    fail("no connection");
  double patience = seconds(CLOCK_MONOTONIC) + PATIENCE_S;
  for (unsigned at = 0; at < order.connections; at++) {
    connection *it = &all[at];
    it->asks = !order.reopens && order.rate == 0 && (at == 0 || !order.one_asks);
    if (order.rate > 0 && (it->due = calloc(DUE, sizeof *it->due)) == NULL)
      fail("no memory");
    start(it);
    while (!order.reopens && !it->open) {
      handle_events(patience);
      if (seconds(CLOCK_MONOTONIC) > patience)
        fail("the server does not answer the opening");
    }
  }
  for (unsigned at = 0; at < order.connections; at++)
    if (all[at].asks)
      ask(&all[at], batch_size);
  run(all, seconds(CLOCK_MONOTONIC) + order.settle_ms / 1000.0);
  puts("begun");
  fflush(stdout);
  count = 0;
  memset(latencies, 0, sizeof latencies);
  double begin = seconds(CLOCK_MONOTONIC);
  double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  double end = begin + order.measure_ms / 1000.0;
  run(all, end);
  while (count == 0 && seconds(CLOCK_MONOTONIC) < end + PATIENCE_S) /* on a machine that is very busy */
    handle_events(end + PATIENCE_S);
  double took = seconds(CLOCK_MONOTONIC) - begin;
  cpu = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / took;
  printf("{\"count\":%llu,\"ms\":%.3f,\"cpu\":%.3f", (unsigned long long)count, took * 1000, cpu);
  if (order.rate > 0)
    printf(",\"latency\":[%llu,%llu,%llu]", (unsigned long long)latency(0.5), (unsigned long long)latency(0.99),
           (unsigned long long)latency(0.999));
  puts("}");
  return 0;
}
