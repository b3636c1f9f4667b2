/*
 * The measuring hand of the benchmark, in C so that it takes as little as possible from the two cores on which the
 * measured programs run. Prints numbers in one line.
 *
 *   gauge run COMMAND…              ms from the start to the exit
 *   gauge first SOCKET COMMAND…     ms from the start to the first answer; then TERM and the end
 *   gauge crowd COUNT COMMAND…      ms from the start until so many children wait in accept, and the pid; it runs on
 *                                   until our stdin ends
 *   gauge replaced MANAGER          kills one child; ms until a new one waits in accept
 *   gauge answered MANAGER SOCKET   kills all children; ms until the next answer, tries refused, tries lost
 *   gauge renewed MANAGER COMMAND…  ms from the start of a command that replaces all children until none of the old
 *                                   ones is left and as many new ones serve
 *   gauge chaos MANAGER EVERY_MS SECONDS       kills one random child at a time; how many it killed
 *   gauge load SOCKET CONNECTIONS QUERY SCRIPT a closed loop until our stdin ends; for each line that comes there, of
 *                                   the requests that began since the last: seconds, how many were answered, refused,
 *                                   reset, cut, wrong; median, 99th percentile and longest time of an answer in ms
 *   gauge http SOCKET TIMES TEXT    ms of each exchange
 *   gauge volume KIND SOCKET CONNECTIONS SECONDS BODY URI    answers a second; KIND: fastcgi, fastcgi-kept or http
 */
#include "gauge.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(char **command) {
  int status;
  double from = now_ms();
  waitpid(start(command), &status, 0);
  printf("%.3f\n", now_ms() - from);
  if (status) exit(1);
}

static void first(const char *socket, char **command) {
  double from = now_ms();
  pid_t pid = start(command);
  try_to_ask(socket);
  printf("%.3f\n", now_ms() - from);
  stop(pid);
}

/* How many children wait in accept; those that were seen to do so are not asked again. */
static int waiting(pid_t manager) {
  static pid_t seen[most_children];
  static int known;
  pid_t children[most_children];
  int count = children_of(manager, children);
  for (int at = 0; at < count; at += 1) {
    if (is_among(children[at], seen, known) || known == most_children) continue;
    if (waits_in_accept(children[at])) seen[known++] = children[at];
  }
  return known;
}

static void crowd(int count, char **command) {
  char nothing;
  double from = now_ms();
  pid_t pid = start(command);
  while (waiting(pid) < count) {
    out_of_time(from, command[0]);
    sleep_us(count > 10 ? 2000 : 200);
  }
  printf("%.3f %d\n", now_ms() - from, pid);
  fflush(stdout);
  while (read(0, &nothing, 1) > 0) {}
  stop(pid);
}

static void answered_again(pid_t manager, const char *socket) {
  pid_t children[most_children];
  int count = children_of(manager, children);
  double from = now_ms();
  for (int at = 0; at < count; at += 1) kill(children[at], SIGKILL);
  // One that is dying may still take a connection to its grave: that is nobody's fault.
  for (int at = 0; at < count; at += 1)
    while (!is_dead(children[at])) out_of_time(from, "death");
  struct tries tries = try_to_ask(socket);
  printf("%.3f %d %d\n", now_ms() - from, tries.refused, tries.lost);
}

int main(int argc, char **argv) {
  const char *what = argc < 3 ? "" : argv[1];
  prctl(PR_SET_TIMERSLACK, 1);
  prctl(PR_SET_CHILD_SUBREAPER, 1); // what outlives a manager comes to us
  ask_for("", "");
  if (!strcmp(what, "run")) run(argv + 2);
  else if (!strcmp(what, "first") && argc > 3) first(argv[2], argv + 3);
  else if (!strcmp(what, "crowd") && argc > 3) crowd(atoi(argv[2]), argv + 3);
  else if (!strcmp(what, "replaced")) replaced(atoi(argv[2]));
  else if (!strcmp(what, "answered") && argc > 3) answered_again(atoi(argv[2]), argv[3]);
  else if (!strcmp(what, "renewed") && argc > 3) renewed(atoi(argv[2]), argv + 3);
  else if (!strcmp(what, "chaos") && argc > 4) chaos(atoi(argv[2]), atof(argv[3]), atof(argv[4]));
  else if (!strcmp(what, "load") && argc > 5) ask_for(argv[4], argv[5]), load(argv[2], atoi(argv[3]));
  else if (!strcmp(what, "http") && argc > 4) ask_http(argv[2], atoi(argv[3]), argv[4]);
  else if (!strcmp(what, "volume") && argc > 7)
    volume(argv[2], argv[3], atoi(argv[4]), atof(argv[5]), atol(argv[6]), argv[7]);
  else return fprintf(stderr, "usage: see gauge.c\n"), 2;
  return 0;
}
