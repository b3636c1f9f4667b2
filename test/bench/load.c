/*
 * A closed loop of some connections, each of which asks one request, reads the answer, closes and comes again; at once
 * after an answer, after a millisecond when the request failed.
 */
#define _GNU_SOURCE // memmem
#include "gauge.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
  int fd; // -1 while it rests
  double began_ms, rests_until_ms;
  struct tally *tally;
  size_t length;
  unsigned char answer[8192];
};

static const double rest_ms = 1;

static const char *path;
static int poller, resting, is_over;
static struct tally tallies[2], *open_one = &tallies[0], *closing;

static void watch(int fd, struct client *client) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

static void end(struct client *client, enum outcome outcome) {
  double now = now_ms();
  count(client->tally, outcome, now - client->began_ms);
  if (client->fd >= 0) close(client->fd);
  client->fd = -1;
  client->rests_until_ms = outcome == answered ? now : now + rest_ms;
  resting += 1;
}

static void begin(struct client *client) {
  client->began_ms = now_ms();
  client->tally = open_one;
  client->length = 0;
  open_one->begun += 1;
  resting -= 1;
  if ((client->fd = connect_to(path, SOCK_NONBLOCK)) < 0) end(client, refused);
  else if (send(client->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) end(client, reset);
  else watch(client->fd, client);
}

/* All programs that are asked are echoes, and an echo tells its pid. */
static enum outcome judge(const struct client *client) {
  return memmem(client->answer, client->length, "pid=", 4) ? answered : wrong;
}

static void proceed(struct client *client) {
  ssize_t got = read(client->fd, client->answer + client->length, sizeof client->answer - client->length);
  if (got > 0) client->length += got;
  if (is_complete(client->answer, client->length)) {
    end(client, judge(client));
    if (client->rests_until_ms <= now_ms()) begin(client);
  } else if (got <= 0) {
    end(client, got < 0 ? reset : cut);
  }
}

/* A line closes one span of time and opens the next; the end of stdin is the end. */
static void obey(void) {
  char line[16];
  if (read(0, line, sizeof line) <= 0) {
    is_over = 1;
    return;
  }
  if (closing) errno = EBUSY, fail("load");
  closing = open_one;
  open_one = closing == &tallies[0] ? &tallies[1] : &tallies[0];
  open_tally(open_one);
  closing->until = open_one->from;
}

/* A span is told when the last request that began in it has ended. */
static void tell(void) {
  if (!closing) return;
  if (!under_way(closing)) {
    print_tally(closing);
    closing = NULL;
  } else if (now_ms() - closing->until > patience_ms) {
    errno = ETIMEDOUT;
    fail("answer");
  }
}

static void wake_the_rested(struct client *clients, int connections) {
  double now = now_ms();
  for (int at = 0; resting && at < connections; at += 1)
    if (clients[at].fd < 0 && clients[at].rests_until_ms <= now) begin(&clients[at]);
}

/* Goes on until stdin ends, and prints a tally for each line that comes there. */
void load(const char *socket_path, int connections) {
  struct epoll_event events[64];
  struct client *clients = calloc(connections, sizeof *clients);
  path = socket_path;
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (!clients || poller < 0) fail("load");
  watch(0, NULL);
  open_tally(open_one);
  resting = connections;
  for (int at = 0; at < connections; at += 1) clients[at].fd = -1;
  while (!is_over) {
    int count = epoll_wait(poller, events, 64, resting ? 1 : 100);
    for (int at = 0; at < count; at += 1)
      if (events[at].data.ptr) proceed(events[at].data.ptr);
      else obey();
    tell();
    wake_the_rested(clients, connections);
  }
}
