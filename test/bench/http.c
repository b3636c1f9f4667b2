/* An HTTP request on a Unix socket, on a new connection each time: how long until its answer is complete. */
#include "gauge.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const long pause_us = 20000;

/* Gives the length of the answer; the server closes the connection behind it. */
static size_t exchange(const char *path, const char *text, char *answer, size_t space) {
  size_t length = 0;
  ssize_t got;
  int fd = connect_to(path, 0);
  if (fd < 0 || send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text)) fail(path);
  while ((got = read(fd, answer + length, space - length)) > 0) length += got;
  if (got < 0) fail(path);
  close(fd);
  return length;
}

/* Asks so many times; prints the time of each. An answer other than 200 is the end. */
void ask_http(const char *path, int times, const char *text) {
  static char answer[1 << 22];
  for (int turn = 0; turn < times; turn += 1) {
    if (turn) sleep_us(pause_us);
    double from = now_ms();
    size_t length = exchange(path, text, answer, sizeof answer - 1);
    double took = now_ms() - from;
    answer[length] = 0;
    if (length < 13 || strncmp(answer + 8, " 200 ", 5)) {
      fprintf(stderr, "%s\n", answer);
      errno = EPROTO;
      fail(path);
    }
    printf("%s%.3f", turn ? " " : "", took);
  }
  printf("\n");
}
