/* The command under measurement, its children, and what they wait in. */
#include "gauge.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The text of a file of /proc; empty for a process that is gone. */
static const char *text_of(const char *path) {
  static char text[65536];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[length < 0 ? 0 : length] = 0;
  return text;
}

/* Direct children, dead ones that nobody has waited for included. All managers here spawn from their main thread. */
int children_of(pid_t pid, pid_t *children) {
  char path[64], *rest;
  int count = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
  const char *at = text_of(path);
  for (long child = strtol(at, &rest, 10); rest != at && count < most_children; child = strtol(at, &rest, 10)) {
    children[count++] = child;
    at = rest;
  }
  return count;
}

int is_among(pid_t pid, const pid_t *pids, int count) {
  for (int at = 0; at < count; at += 1)
    if (pids[at] == pid) return 1;
  return 0;
}

/* Is it blocked in accept, as the kernel sees it? */
int waits_in_accept(pid_t pid) {
  char path[64], *rest;
  snprintf(path, sizeof path, "/proc/%d/syscall", pid);
  const char *text = text_of(path);
  long call = strtol(text, &rest, 10);
  return rest != text && (call == SYS_accept || call == SYS_accept4);
}

/* The socket that a descriptor is, or nothing. */
static const char *socket_of(pid_t pid, const char *fd) {
  static char target[64];
  char path[300];
  snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, fd);
  ssize_t length = readlink(path, target, sizeof target - 1);
  target[length < 0 ? 0 : length] = 0;
  return strncmp(target, "socket:", 7) ? "" : target;
}

static int holds_connection(pid_t pid) {
  char path[64], listener[64];
  int found = 0;
  struct dirent *entry;
  snprintf(listener, sizeof listener, "%s", socket_of(pid, "0"));
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *directory = opendir(path);
  while (directory && !found && (entry = readdir(directory)))
    found = *socket_of(pid, entry->d_name) && strcmp(socket_of(pid, entry->d_name), listener);
  if (directory) closedir(directory);
  return found;
}

/* Has it booted? Under load a worker hardly ever waits: then it holds a connection. */
int serves(pid_t pid) { return waits_in_accept(pid) || holds_connection(pid); }

/* Starts a command; what it says is thrown away. */
pid_t start(char **command) {
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid) return pid;
  int nothing = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; fd += 1) dup2(nothing, fd);
  if (nothing > 2) close(nothing);
  execvp(command[0], command);
  _exit(127);
}

static void kill_children(pid_t pid) {
  pid_t children[most_children];
  int count = children_of(pid, children);
  for (int at = 0; at < count; at += 1) kill(children[at], SIGKILL);
}

/*
 * TERM, then the end. A worker may miss a TERM that comes while it starts, and multiwatch and supervisord wait for it
 * long or for ever: so it is killed after a second. Whoever outlives the manager has become our own child.
 */
void stop(pid_t pid) {
  double from = now_ms();
  kill(pid, SIGTERM);
  while (!waitpid(pid, NULL, WNOHANG)) {
    if (now_ms() - from > 1000) kill_children(pid);
    if (now_ms() - from > 15000) kill(pid, SIGKILL);
    sleep_us(1000);
  }
  do kill_children(getpid());
  while (waitpid(-1, NULL, 0) > 0);
}

/* Is it dead, whether or not somebody has waited for it? */
int is_dead(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const char *name_end = strrchr(text_of(path), ')');
  return !name_end || strchr("ZX", name_end[2]);
}
