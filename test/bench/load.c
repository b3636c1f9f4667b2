/* A closed loop of some connections, each of which asks one request, reads the answer, closes and comes again. */
#include "gauge.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
  int fd;
  size_t length;
  unsigned char answer[8192];
};

static int poller;
static long answered, lost;

static void begin(struct client *client, const char *path) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  client->length = 0;
  if ((client->fd = connect_to(path, SOCK_NONBLOCK)) < 0) fail(path);
  if (send(client->fd, request, sizeof request, MSG_NOSIGNAL) != sizeof request) fail("send");
  if (epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &event)) fail("epoll_ctl");
}

static void proceed(struct client *client, const char *path) {
  ssize_t got = read(client->fd, client->answer + client->length, sizeof client->answer - client->length);
  if (got > 0) client->length += got;
  int complete = is_complete(client->answer, client->length);
  if (!complete && got > 0) return;
  if (complete) answered += 1;
  else lost += 1;
  close(client->fd);
  begin(client, path);
}

static void go_on(const char *path, double until) {
  struct epoll_event events[64];
  while (now_ms() < until) {
    int count = epoll_wait(poller, events, 64, 100);
    for (int at = 0; at < count; at += 1) proceed(events[at].data.ptr, path);
  }
}

/* Prints requests a second and how many got no answer, after a short time to warm up. */
void load(const char *path, int connections, double seconds) {
  struct client *clients = calloc(connections, sizeof *clients);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (!clients || poller < 0) fail("load");
  for (int at = 0; at < connections; at += 1) begin(&clients[at], path);
  go_on(path, now_ms() + 100);
  answered = 0;
  double from = now_ms();
  go_on(path, from + seconds * 1e3);
  printf("%.1f %ld\n", answered / (now_ms() - from) * 1e3, lost);
}
