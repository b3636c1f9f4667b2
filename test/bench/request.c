/* One FastCGI request as raw bytes over a Unix socket, and whether its answer is complete. */
#include "gauge.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { header = 8, begin_request = 1, end_request = 3, params = 4, standard_input = 5, longest_text = 127 };

unsigned char request[request_space];
size_t request_length;

static void add(const void *bytes, size_t length) {
  if (request_length + length > sizeof request) errno = E2BIG, fail("request");
  memcpy(request + request_length, bytes, length);
  request_length += length;
}

static void add_header(int type, size_t length) {
  const unsigned char bytes[header] = {1, type, 0, 1, length >> 8, length, 0, 0};
  add(bytes, sizeof bytes);
}

/* A pair whose lengths take one byte each; without a value, nothing. */
static size_t add_pair(const char *name, const char *value) {
  const unsigned char lengths[] = {strlen(name), strlen(value)};
  if (strlen(value) > longest_text) errno = E2BIG, fail(value);
  add(lengths, sizeof lengths);
  add(name, lengths[0]);
  add(value, lengths[1]);
  return sizeof lengths + lengths[0] + lengths[1];
}

/* Makes the request that is sent from now on: GET, without keeping the connection; a script only where one is named. */
void ask_for(const char *query, const char *script) {
  static const unsigned char responder[header] = {0, 1, 0};
  request_length = 0;
  add_header(begin_request, sizeof responder);
  add(responder, sizeof responder);
  size_t start = request_length, length = 0;
  add_header(params, 0);
  length += add_pair("REQUEST_METHOD", "GET");
  length += add_pair("SCRIPT_NAME", "/x");
  length += add_pair("QUERY_STRING", query);
  if (*script) length += add_pair("SCRIPT_FILENAME", script);
  request[start + 4] = length >> 8;
  request[start + 5] = length;
  add_header(params, 0);
  add_header(standard_input, 0);
}

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
  if (send(fd, request, request_length, MSG_NOSIGNAL) == (ssize_t)request_length)
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
