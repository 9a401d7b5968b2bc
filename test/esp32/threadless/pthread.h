/* pthread.h: the types that the stub of FreeRTOS has members of, for compilers whose library has no threads. What is
 * compiled with it is measured, not run. */
#pragma once
typedef struct pthread_mutex {
  int unused;
} pthread_mutex_t;
typedef struct pthread_cond {
  int unused;
} pthread_cond_t;
