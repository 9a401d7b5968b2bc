/* sys_arch.c: what lwIP asks of an operating system, on pthreads. See arch/sys_arch.h. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "lwip/opt.h"
#include "lwip/sys.h"

static pthread_mutex_t protection;
static pthread_key_t thread_sem;

unsigned test_lwip_random(void) {
  unsigned bytes = 0;
  if (getrandom(&bytes, sizeof bytes, 0) < 0)
    abort();
  return bytes;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

u32_t sys_now(void) { return (u32_t)(now_ns() / 1000000u); }
u32_t sys_jiffies(void) { return sys_now(); }

static void make_cond(pthread_cond_t *cond) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(cond, &attributes);
  pthread_condattr_destroy(&attributes);
}

/* Waits for a change, at most until `end` (0: for ever). Returns false when that has passed. */
static bool wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t end) {
  if (end == 0)
    return pthread_cond_wait(cond, lock) == 0;
  struct timespec at = {(time_t)(end / 1000000000u), (long)(end % 1000000000u)};
  return pthread_cond_timedwait(cond, lock, &at) != ETIMEDOUT;
}

static uint64_t end_of(u32_t timeout_ms) { return timeout_ms == 0 ? 0 : now_ns() + timeout_ms * (uint64_t)1000000; }

/* ---- lwIP's thread ---- */

static pthread_t lwip_thread;
static bool marked;

bool stub_in_lwip(void) { return marked && pthread_equal(lwip_thread, pthread_self()); }

void stub_mark_lwip(void) {
  lwip_thread = pthread_self();
  marked = true;
}

void test_lwip_assert_thread(void) {
  if (marked && !stub_in_lwip())
    LWIP_PLATFORM_ASSERT("called outside lwIP's thread");
}

/* ---- Semaphores ---- */

err_t sys_sem_new(sys_sem_t *sem, u8_t count) {
  pthread_mutex_init(&sem->lock, NULL);
  make_cond(&sem->changed);
  sem->count = count;
  sem->valid = true;
  return ERR_OK;
}

void sys_sem_signal(sys_sem_t *sem) {
  pthread_mutex_lock(&sem->lock);
  sem->count = 1; /* binary, as ESP-IDF makes them */
  pthread_cond_signal(&sem->changed);
  pthread_mutex_unlock(&sem->lock);
}

u32_t sys_arch_sem_wait(sys_sem_t *sem, u32_t timeout) {
  if (stub_in_lwip()) /* on a device: the network hangs for ever */
    LWIP_PLATFORM_ASSERT("lwIP's thread waits for itself");
  uint64_t end = end_of(timeout);
  pthread_mutex_lock(&sem->lock);
  while (sem->count == 0 && wait_until(&sem->changed, &sem->lock, end))
    ;
  bool got = sem->count > 0;
  if (got)
    sem->count--;
  pthread_mutex_unlock(&sem->lock);
  return got ? 0 : SYS_ARCH_TIMEOUT;
}

void sys_sem_free(sys_sem_t *sem) {
  pthread_cond_destroy(&sem->changed);
  pthread_mutex_destroy(&sem->lock);
}

int sys_sem_valid(sys_sem_t *sem) { return sem->valid; }
void sys_sem_set_invalid(sys_sem_t *sem) { sem->valid = false; }

static void free_thread_sem(void *sem) {
  sys_sem_free(sem);
  free(sem);
}

sys_sem_t *sys_arch_thread_sem(void) {
  sys_sem_t *sem = pthread_getspecific(thread_sem);
  if (sem == NULL) {
    sem = calloc(1, sizeof *sem);
    sys_sem_new(sem, 0);
    pthread_setspecific(thread_sem, sem);
  }
  return sem;
}

/* ---- Mutexes ---- */

err_t sys_mutex_new(sys_mutex_t *mutex) {
  pthread_mutex_init(&mutex->lock, NULL);
  mutex->valid = true;
  return ERR_OK;
}

void sys_mutex_lock(sys_mutex_t *mutex) { pthread_mutex_lock(&mutex->lock); }
void sys_mutex_unlock(sys_mutex_t *mutex) { pthread_mutex_unlock(&mutex->lock); }
void sys_mutex_free(sys_mutex_t *mutex) { pthread_mutex_destroy(&mutex->lock); }
int sys_mutex_valid(sys_mutex_t *mutex) { return mutex->valid; }
void sys_mutex_set_invalid(sys_mutex_t *mutex) { mutex->valid = false; }

/* ---- Mailboxes ---- */

err_t sys_mbox_new(sys_mbox_t *mbox, int size) {
  memset(mbox, 0, sizeof *mbox);
  pthread_mutex_init(&mbox->lock, NULL);
  make_cond(&mbox->changed);
  mbox->items = calloc((size_t)size, sizeof *mbox->items);
  mbox->size = size;
  mbox->valid = true;
  return ERR_OK;
}

static void put(sys_mbox_t *mbox, void *item) {
  mbox->items[(mbox->first + mbox->count++) % mbox->size] = item;
  pthread_cond_broadcast(&mbox->changed);
}

void sys_mbox_post(sys_mbox_t *mbox, void *item) {
  pthread_mutex_lock(&mbox->lock);
  while (mbox->count == mbox->size)
    wait_until(&mbox->changed, &mbox->lock, 0);
  put(mbox, item);
  pthread_mutex_unlock(&mbox->lock);
}

err_t sys_mbox_trypost(sys_mbox_t *mbox, void *item) {
  pthread_mutex_lock(&mbox->lock);
  bool room = mbox->count < mbox->size;
  if (room)
    put(mbox, item);
  pthread_mutex_unlock(&mbox->lock);
  return room ? ERR_OK : ERR_MEM;
}

err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *item) {
  err_t result = sys_mbox_trypost(mbox, item);
  return result == ERR_OK ? ERR_NEED_SCHED : result;
}

static bool get(sys_mbox_t *mbox, void **item) {
  if (mbox->count == 0)
    return false;
  void *first = mbox->items[mbox->first];
  mbox->first = (mbox->first + 1) % mbox->size;
  mbox->count--;
  pthread_cond_broadcast(&mbox->changed);
  if (item != NULL)
    *item = first;
  return true;
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **item, u32_t timeout) {
  uint64_t end = end_of(timeout);
  pthread_mutex_lock(&mbox->lock);
  while (mbox->count == 0 && wait_until(&mbox->changed, &mbox->lock, end))
    ;
  bool got = get(mbox, item);
  pthread_mutex_unlock(&mbox->lock);
  return got ? 0 : SYS_ARCH_TIMEOUT;
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *mbox, void **item) {
  pthread_mutex_lock(&mbox->lock);
  bool got = get(mbox, item);
  pthread_mutex_unlock(&mbox->lock);
  return got ? 0 : SYS_MBOX_EMPTY;
}

void sys_mbox_free(sys_mbox_t *mbox) {
  free(mbox->items);
  pthread_cond_destroy(&mbox->changed);
  pthread_mutex_destroy(&mbox->lock);
}

int sys_mbox_valid(sys_mbox_t *mbox) { return mbox->valid; }
void sys_mbox_set_invalid(sys_mbox_t *mbox) { mbox->valid = false; }

/* ---- Threads ---- */

typedef struct starting {
  lwip_thread_fn run;
  void *arg;
} starting;

static void *run_thread(void *argument) {
  starting it = *(starting *)argument;
  free(argument);
  it.run(it.arg);
  return NULL;
}

sys_thread_t sys_thread_new(const char *name, lwip_thread_fn run, void *arg, int stack, int priority) {
  (void)name, (void)stack, (void)priority;
  starting *it = malloc(sizeof *it);
  *it = (starting){run, arg};
  pthread_t thread;
  if (pthread_create(&thread, NULL, run_thread, it) != 0)
    abort();
  return thread;
}

sys_prot_t sys_arch_protect(void) {
  pthread_mutex_lock(&protection);
  return 0;
}

void sys_arch_unprotect(sys_prot_t before) {
  (void)before;
  pthread_mutex_unlock(&protection);
}

void sys_init(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&protection, &attributes);
  pthread_key_create(&thread_sem, free_thread_sem);
}
