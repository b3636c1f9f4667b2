/* Many requests, over FastCGI or HTTP, with a body or without, on some connections at once: how many answers a second. */
#define _GNU_SOURCE // memmem, strcasestr
#include "gauge.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { header = 8, begin_request = 1, end_request = 3, params = 4, standard_input = 5, most_content = 32768, space = 262144 };

static unsigned char *message;
static size_t message_length;
static const char *socket_path;
static int is_http, is_kept;
static atomic_int is_over;
static atomic_long answers;

static void add(const void *bytes, size_t length) {
  message = realloc(message, message_length + length);
  if (!message) fail("message");
  memcpy(message + message_length, bytes, length);
  message_length += length;
}

static void add_record(int type, const void *content, size_t length) {
  const unsigned char bytes[header] = {1, type, 0, 1, length >> 8, length, 0, 0};
  add(bytes, sizeof bytes);
  add(content, length);
}

static size_t add_pair(char *pairs, const char *name, const char *value) {
  size_t name_length = strlen(name), value_length = strlen(value);
  pairs[0] = name_length;
  pairs[1] = value_length;
  memcpy(pairs + 2, name, name_length);
  memcpy(pairs + 2 + name_length, value, value_length);
  return 2 + name_length + value_length;
}

/* What nginx sends for a browser's request. */
static void make_fastcgi(const char *uri, const char *length, const char *body, size_t body_length) {
  const char *pairs[][2] = {
    {"QUERY_STRING", ""}, {"REQUEST_METHOD", body_length ? "POST" : "GET"}, {"CONTENT_TYPE", body_length ? "text/plain" : ""},
    {"CONTENT_LENGTH", body_length ? length : ""}, {"SCRIPT_NAME", uri}, {"REQUEST_URI", uri}, {"DOCUMENT_URI", uri},
    {"DOCUMENT_ROOT", "/usr/share/nginx/html"}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"REQUEST_SCHEME", "http"},
    {"GATEWAY_INTERFACE", "CGI/1.1"}, {"SERVER_SOFTWARE", "nginx/1.22.1"}, {"REMOTE_ADDR", "127.0.0.1"},
    {"REMOTE_PORT", "50000"}, {"SERVER_ADDR", "127.0.0.1"}, {"SERVER_PORT", "80"}, {"SERVER_NAME", "localhost"},
    {"HTTP_HOST", "localhost"}, {"HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
    {"HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, {"HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5"},
    {"HTTP_ACCEPT_ENCODING", "gzip, deflate, br"}, {"HTTP_COOKIE", "session=0123456789abcdef0123456789abcdef; theme=dark"},
  };
  const unsigned char responder[header] = {0, 1, is_kept};
  static char content[8192];
  size_t filled = 0;
  for (size_t at = 0; at < sizeof pairs / sizeof *pairs; at += 1) filled += add_pair(content + filled, pairs[at][0], pairs[at][1]);
  add_record(begin_request, responder, sizeof responder);
  add_record(params, content, filled);
  add_record(params, "", 0);
  for (size_t at = 0; at < body_length; at += most_content)
    add_record(standard_input, body + at, body_length - at < most_content ? body_length - at : most_content);
  add_record(standard_input, "", 0);
}

static void make_http(const char *uri, const char *length, const char *body, size_t body_length) {
  char *head;
  asprintf(&head, "%s %s HTTP/1.1\r\nHost: localhost\r\nCookie: session=0123456789abcdef; theme=dark\r\nAccept: */*\r\n%s%s%s\r\n",
           body_length ? "POST" : "GET", uri, body_length ? "Content-Type: text/plain\r\nContent-Length: " : "",
           body_length ? length : "", body_length ? "\r\n" : "");
  add(head, strlen(head));
  add(body, body_length);
  free(head);
}

/* How long the HTTP answer is; 0 as long as that is not known. An answer other than 200 is the end. */
static size_t http_length(const unsigned char *answer, size_t length) {
  const unsigned char *end = memmem(answer, length, "\r\n\r\n", 4);
  if (!end) return 0;
  const char *field = strcasestr((const char *)answer, "\r\nContent-Length:");
  if (memcmp(answer + 9, "200", 3) || !field) errno = EPROTO, fail((const char *)answer);
  return end + 4 - answer + atol(field + 17);
}

static int is_whole(const unsigned char *answer, size_t length) {
  if (!is_http) return is_complete(answer, length);
  size_t whole = http_length(answer, length);
  return whole && length >= whole;
}

static void send_all(int fd) {
  for (size_t at = 0; at < message_length;) {
    ssize_t sent = send(fd, message + at, message_length - at, MSG_NOSIGNAL);
    if (sent < 0) fail("send");
    at += sent;
  }
}

/* One connection's loop: each answer is read to its end. */
static void *ask_on(void *nothing) {
  unsigned char *answer = malloc(space);
  int fd = -1;
  while (!is_over) {
    while (fd < 0 && (fd = connect_to(socket_path, 0)) < 0) sleep_us(200);
    send_all(fd);
    size_t length = 0;
    while (!is_whole(answer, length)) {
      ssize_t got = read(fd, answer + length, space - 1 - length);
      if (got <= 0) errno = got ? errno : ECONNRESET, fail("answer");
      length += got;
      answer[length] = 0;
    }
    answers += 1;
    if (is_kept) continue;
    close(fd);
    fd = -1;
  }
  return nothing;
}

/* kind: fastcgi, fastcgi-kept or http (kept) */
void volume(const char *kind, const char *path, int connections, double seconds, size_t body_length, const char *uri) {
  char length[32];
  snprintf(length, sizeof length, "%zu", body_length);
  socket_path = path;
  is_http = !strcmp(kind, "http");
  is_kept = strcmp(kind, "fastcgi") != 0;
  (is_http ? make_http : make_fastcgi)(uri, length, calloc(1, body_length + 1), body_length);
  pthread_t threads[64];
  if (connections > 64) errno = E2BIG, fail("connections");
  for (int at = 0; at < connections; at += 1)
    if ((errno = pthread_create(&threads[at], NULL, ask_on, NULL))) fail("thread");
  sleep_us(200000);
  long before = answers;
  double from = now_ms();
  sleep_us(seconds * 1e6);
  printf("%.1f\n", (answers - before) / (now_ms() - from) * 1000);
  is_over = 1;
  for (int at = 0; at < connections; at += 1) pthread_join(threads[at], NULL);
}
