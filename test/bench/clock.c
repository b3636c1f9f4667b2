/* Time, sleep, and the end when something is wrong. */
#include "gauge.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

void sleep_us(long us) {
  struct timespec rest = {0, us * 1000};
  nanosleep(&rest, NULL);
}

void fail(const char *what) {
  perror(what);
  exit(1);
}
