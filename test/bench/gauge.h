/* What the parts of the gauge share: see gauge.c. */
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

enum { most_children = 4096, request_space = 1024 };
static const double patience_ms = 60000;

/* clock.c: time, sleep, end */
double now_ms(void);
void sleep_us(long us);
void fail(const char *what);
void out_of_time(double from, const char *what);

/* request.c: one FastCGI request in raw bytes */
extern unsigned char request[request_space];
extern size_t request_length;
void ask_for(const char *query, const char *script);
int connect_to(const char *path, int flags);
int is_complete(const unsigned char *answer, size_t length);
int ask(const char *path);
struct tries {
  int refused, lost;
};
struct tries try_to_ask(const char *path);

/* processes.c: children, what they wait in, the command under measurement */
int children_of(pid_t pid, pid_t *children);
int is_among(pid_t pid, const pid_t *pids, int count);
int waits_in_accept(pid_t pid);
int serves(pid_t pid);
int is_dead(pid_t pid);
pid_t start(char **command);
void stop(pid_t pid);

/* tally.c: refused: no connection; reset: an error on one; cut: its end before the answer's; wrong: an answer, but no echo */
enum outcome { answered, refused, reset, cut, wrong, outcomes };
enum { steps_a_ms = 20, most_steps = 30000 * steps_a_ms };
struct tally {
  double from, until, longest_ms;
  long begun, ended[outcomes];
  unsigned answers_by_step[most_steps];
};
void open_tally(struct tally *tally);
void count(struct tally *tally, enum outcome outcome, double took_ms);
long under_way(const struct tally *tally);
void print_tally(const struct tally *tally);

/* load.c */
void load(const char *socket_path, int connections);

/* upheaval.c: workers that are replaced, by a command or by force */
void replaced(pid_t manager);
void renewed(pid_t manager, char **command);
void chaos(pid_t manager, double every_ms, double seconds);

/* http.c */
void ask_http(const char *path, int times, const char *text);

/* volume.c */
void volume(const char *kind, const char *path, int connections, double seconds, size_t body_length, const char *uri);
