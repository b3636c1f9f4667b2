/* What became of the requests that began in one span of time: how many failed and how, and how long answers took. */
#include "gauge.h"
#include <stdio.h>
#include <string.h>

void open_tally(struct tally *tally) {
  memset(tally, 0, sizeof *tally);
  tally->from = now_ms();
}

/* Counts one that began in this span, whenever it ended. */
void count(struct tally *tally, enum outcome outcome, double took_ms) {
  tally->ended[outcome] += 1;
  if (outcome != answered) return;
  size_t step = took_ms * steps_a_ms;
  tally->answers_by_step[step < most_steps ? step : most_steps - 1] += 1;
  if (took_ms > tally->longest_ms) tally->longest_ms = took_ms;
}

long under_way(const struct tally *tally) {
  long count = tally->begun;
  for (int kind = 0; kind < outcomes; kind += 1) count -= tally->ended[kind];
  return count;
}

/* The time within which this part of the answers came, rounded up to a step. */
static double percentile(const struct tally *tally, double part) {
  long rest = tally->ended[answered] * part;
  size_t step = 0;
  while (step < most_steps - 1 && (rest -= tally->answers_by_step[step]) >= 0) step += 1;
  double ms = (step + 1) / (double)steps_a_ms;
  return ms < tally->longest_ms ? ms : tally->longest_ms;
}

void print_tally(const struct tally *tally) {
  printf("%.4f", (tally->until - tally->from) / 1e3);
  for (int kind = 0; kind < outcomes; kind += 1) printf(" %ld", tally->ended[kind]);
  printf(" %.3f %.3f %.3f\n", percentile(tally, 0.5), percentile(tally, 0.99), tally->longest_ms);
  fflush(stdout);
}
