/* sys_arch.h: what lwIP asks of an operating system, on pthreads. Mailboxes are bounded and refuse, as FreeRTOS's. */
#ifndef TEST_ESP32_SYS_ARCH_H
#define TEST_ESP32_SYS_ARCH_H

#include <pthread.h>
#include <stdbool.h>

/* As ESP-IDF's: what an interrupt's post returns when a task is to be switched to. */
#define ERR_NEED_SCHED 123

typedef struct test_sem {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  unsigned count;
  bool valid;
} sys_sem_t;

typedef struct test_mbox {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  void **items;
  int size;
  int first;
  int count;
  bool valid;
} sys_mbox_t;

typedef struct test_mutex {
  pthread_mutex_t lock;
  bool valid;
} sys_mutex_t;

typedef pthread_t sys_thread_t;
typedef int sys_prot_t;

/* The semaphore of the calling thread. */
sys_sem_t *sys_arch_thread_sem(void);

#endif
