/* What the parts of the gauge share: see gauge.c. */
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

enum { most_children = 4096, request_bytes = 88 };

/* clock.c: time, sleep, end */
double now_ms(void);
void sleep_us(long us);
void fail(const char *what);

/* request.c: one FastCGI request in raw bytes */
extern const unsigned char request[request_bytes];
int connect_to(const char *path, int flags);
int is_complete(const unsigned char *answer, size_t length);
int ask(const char *path);
struct tries {
  int refused, lost;
};
struct tries try_to_ask(const char *path);

/* processes.c: children, what they wait in, the command under measurement */
int children_of(pid_t pid, pid_t *children);
int waits_in_accept(pid_t pid);
int is_dead(pid_t pid);
pid_t start(char **command);
void stop(pid_t pid);

/* load.c */
void load(const char *path, int connections, double seconds);
