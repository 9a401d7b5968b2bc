/* image.c: what an operating system would do for the test program on QEMU's Xtensa "sim" machine: clear memory, print,
 * end. The simulator takes such requests by the instruction SIMCALL. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIM_EXIT = 1, SIM_WRITE = 4, STANDARD_OUTPUT = 1 };

extern char bss_start[], bss_end[]; /* image.ld */

int main(int count, char **args);
_Noreturn void run_image(void);

static int32_t simcall(int32_t request, int32_t first, const void *second, int32_t third) {
  register int32_t a2 __asm__("a2") = request;
  register int32_t a3 __asm__("a3") = first;
  register const void *a4 __asm__("a4") = second;
  register int32_t a5 __asm__("a5") = third;
  __asm__ volatile("simcall" : "+r"(a2), "+r"(a3) : "r"(a4), "r"(a5) : "memory");
  return a2;
}

static char waiting[4096];
static size_t waiting_size;

static void write_out(void) {
  simcall(SIM_WRITE, STANDARD_OUTPUT, waiting, (int32_t)waiting_size);
  waiting_size = 0;
}

static int put(char c, FILE *file) {
  (void)file;
  waiting[waiting_size++] = c;
  if (c == '\n' || waiting_size == sizeof waiting)
    write_out();
  return (unsigned char)c;
}

static FILE output = FDEV_SETUP_STREAM(put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdout = &output;
FILE *const stderr = &output;

_Noreturn void _exit(int status) {
  write_out();
  for (;;)
    simcall(SIM_EXIT, status, NULL, 0);
}

/* picolibc's raises a signal, which takes an operating system. */
_Noreturn void abort(void) { _exit(134); }

void run_image(void) {
  memset(bss_start, 0, (size_t)(bss_end - bss_start));
  _exit(main(0, NULL));
}
