/* Workers that are replaced: one that was killed, all by a command, some at random. */
#include "gauge.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

static pid_t before[most_children];
static int known;

static int has_new_waiter(pid_t manager) {
  pid_t children[most_children];
  int count = children_of(manager, children);
  for (int at = 0; at < count; at += 1)
    if (!is_among(children[at], before, known) && waits_in_accept(children[at])) return 1;
  return 0;
}

/* Kills one child; prints the time until a new one waits in accept. */
void replaced(pid_t manager) {
  known = children_of(manager, before);
  if (!known) fail("no child to kill");
  double from = now_ms();
  kill(before[0], SIGKILL);
  while (!has_new_waiter(manager)) {
    out_of_time(from, "replacement");
    sleep_us(50);
  }
  printf("%.3f\n", now_ms() - from);
}

/* Is none of the old children left, and do as many new ones serve? One that was seen to serve is not asked again. */
static int is_renewed(pid_t manager) {
  static pid_t seen[most_children];
  static int serving;
  pid_t children[most_children];
  int count = children_of(manager, children);
  for (int at = 0; at < count; at += 1) {
    if (is_among(children[at], before, known)) return 0;
    if (!is_among(children[at], seen, serving) && serves(children[at])) seen[serving++] = children[at];
  }
  return serving >= known;
}

/* Runs a command that shall replace all children; prints the time from its start until that is done. */
void renewed(pid_t manager, char **command) {
  int status;
  known = children_of(manager, before);
  double from = now_ms();
  waitpid(start(command), &status, 0);
  if (status) errno = ECANCELED, fail(command[0]);
  while (!is_renewed(manager)) {
    out_of_time(from, command[0]);
    sleep_us(1000);
  }
  printf("%.3f\n", now_ms() - from);
}

/* One that is dead, and that its manager has not mourned yet, cannot be killed again. */
static int kill_one(pid_t manager) {
  pid_t children[most_children];
  int count = children_of(manager, children), alive = 0;
  for (int at = 0; at < count; at += 1)
    if (!is_dead(children[at])) children[alive++] = children[at];
  return alive && !kill(children[rand() % alive], SIGKILL);
}

/* Kills a child at random at fixed intervals; prints how many it killed. */
void chaos(pid_t manager, double every_ms, double seconds) {
  int kills = 0;
  double from = now_ms(), until = from + seconds * 1e3;
  for (double next = from + every_ms; next <= until; next += every_ms) {
    if (next > now_ms()) sleep_us((next - now_ms()) * 1e3);
    kills += kill_one(manager);
  }
  printf("%d\n", kills);
}
