/* One FastCGI request as raw bytes over a Unix socket, and whether its answer is complete. */
#include "gauge.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { header = 8, end_request = 3 };

/* FCGI_BEGIN_REQUEST (responder, no keep), FCGI_PARAMS (three pairs in 48 bytes) and its end, the end of FCGI_STDIN. */
const unsigned char request[request_bytes] = {
    1, 1, 0, 1, 0, 8,  0, 0, 0, 1, 0, 0, 0, 0, 0, 0, /* begin */
    1, 4, 0, 1, 0, 48, 0, 0,                         /* params */
    14, 3, 'R', 'E', 'Q', 'U', 'E', 'S', 'T', '_', 'M', 'E', 'T', 'H', 'O', 'D', 'G', 'E', 'T',
    11, 2, 'S', 'C', 'R', 'I', 'P', 'T', '_', 'N', 'A', 'M', 'E', '/', 'x',
    12, 0, 'Q', 'U', 'E', 'R', 'Y', '_', 'S', 'T', 'R', 'I', 'N', 'G',
    1, 4, 0, 1, 0, 0,  0, 0,                         /* end of params */
    1, 5, 0, 1, 0, 0,  0, 0,                         /* end of stdin */
};

/* A connected socket, or -1. */
int connect_to(const char *path, int flags) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) fail("socket");
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (!connect(fd, (struct sockaddr *)&address, sizeof address)) return fd;
  close(fd);
  return -1;
}

/* Has FCGI_END_REQUEST arrived? */
int is_complete(const unsigned char *answer, size_t length) {
  for (size_t at = 0; at + header <= length;) {
    if (answer[at + 1] == end_request) return 1;
    at += header + (size_t)(answer[at + 4] << 8 | answer[at + 5]) + answer[at + 6];
  }
  return 0;
}

/* One request: 1 answered, 0 connected but lost, -1 not connected. */
int ask(const char *path) {
  unsigned char answer[8192];
  size_t length = 0;
  ssize_t got = 0;
  struct timeval patience = {30, 0};
  int fd = connect_to(path, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (send(fd, request, sizeof request, MSG_NOSIGNAL) == sizeof request)
    while (!is_complete(answer, length) && (got = read(fd, answer + length, sizeof answer - length)) > 0) length += got;
  close(fd);
  return is_complete(answer, length);
}

/* Asks until an answer comes, every 0.2 ms. Gives how often it was in vain. */
struct tries try_to_ask(const char *path) {
  struct tries tries = {0, 0};
  double end = now_ms() + 30000;
  for (int got = ask(path); got != 1; got = ask(path)) {
    if (now_ms() > end) errno = ETIMEDOUT, fail(path);
    if (got) tries.refused += 1;
    else tries.lost += 1;
    sleep_us(200);
  }
  return tries;
}
