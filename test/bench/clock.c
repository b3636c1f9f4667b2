/* Time, sleep, and the end when something is wrong. */
#include "gauge.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

void sleep_us(long us) {
  struct timespec rest = {us / 1000000, us % 1000000 * 1000};
  nanosleep(&rest, NULL);
}

void fail(const char *what) {
  perror(what);
  exit(1);
}

/* Fails when something takes so long that it will not come any more. */
void out_of_time(double from, const char *what) {
  if (now_ms() - from < patience_ms) return;
  errno = ETIMEDOUT;
  fail(what);
}
