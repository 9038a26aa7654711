/*
 * The load generator of `make bench`: a closed loop of connections, each of which sends its
 * next request when the answer to the last one is complete.
 *
 *   load PORT CONNECTIONS SECONDS BODY_BYTES
 *
 * Every answer is checked: status 200, Content-Length and number of body bytes. The result is
 * one line of JSON: requests, bad (answers that were wrong and connections that broke),
 * seconds, and the 50th and 99th percentile of the time to the last byte in microseconds. The
 * requests of the whole run are counted, so that they can be set against the processor time of
 * the whole run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_N      128
#define BUFFER_BYTES  65536
#define SLOWEST_US    1000000
#define CONNECTIONS_N 4096

struct caller {
    uint64_t started_ns;
    size_t head_bytes;      /* collected of the head so far */
    size_t body_left_bytes; /* once the head is complete */
    int fd;
    bool is_in_body;
    char head[2048];
};

static const char request[] = "GET / HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: load\r\n"
                              "Accept: */*\r\n\r\n";
static struct caller callers[CONNECTIONS_N];
static uint32_t times[SLOWEST_US + 1]; /* how many answers took that many microseconds */
static char buffer[BUFFER_BYTES];
static uint64_t answers_n;
static uint64_t bad_n;
static size_t expected_bytes;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool send_request(struct caller *caller)
{
    caller->started_ns = now_ns();
    caller->head_bytes = 0;
    caller->is_in_body = false;
    return send(caller->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == sizeof(request) - 1;
}

static void note_answer(const struct caller *caller)
{
    uint64_t us = (now_ns() - caller->started_ns) / 1000;
    times[us < SLOWEST_US ? us : SLOWEST_US]++;
    answers_n++;
}

/* The head is complete and a string. */
static bool check_head(struct caller *caller)
{
    if (strncmp(caller->head, "HTTP/1.1 200", 12) != 0)
        return false;
    const char *field = strcasestr(caller->head, "\r\ncontent-length:");
    if (field == NULL || strtoul(field + 17, NULL, 10) != expected_bytes)
        return false;
    caller->is_in_body = true;
    caller->body_left_bytes = expected_bytes;
    return true;
}

/* Takes head bytes; returns how many it used, or 0 when the answer is wrong. */
static size_t take_head(struct caller *caller, const char *bytes, size_t n)
{
    size_t room = sizeof(caller->head) - 1 - caller->head_bytes;
    size_t taken = n < room ? n : room;
    memcpy(caller->head + caller->head_bytes, bytes, taken);
    size_t total = caller->head_bytes + taken;
    caller->head[total] = '\0';
    const char *end = strstr(caller->head, "\r\n\r\n");
    if (end == NULL) {
        caller->head_bytes = total;
        return total < sizeof(caller->head) - 1 ? taken : 0;
    }
    size_t used = (size_t)(end - caller->head) + 4 - caller->head_bytes;
    return check_head(caller) ? used : 0;
}

/* False: the answer is wrong or more came than was asked for. */
static bool take_bytes(struct caller *caller, const char *bytes, size_t n)
{
    if (!caller->is_in_body) {
        size_t used = take_head(caller, bytes, n);
        if (used == 0)
            return false;
        n -= used;
    }
    if (!caller->is_in_body)
        return true;
    if (n > caller->body_left_bytes)
        return false;
    caller->body_left_bytes -= n;
    if (caller->body_left_bytes > 0)
        return true;
    note_answer(caller);
    return send_request(caller);
}

static bool open_caller(struct caller *caller, int epoll_fd, uint16_t port)
{
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (caller->fd < 0 ||
        connect(caller->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return false;
    setsockopt(caller->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, caller->fd, &event) == 0 && send_request(caller);
}

/* A broken connection is counted and not opened again. */
static void on_caller(struct caller *caller)
{
    ssize_t n = recv(caller->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || !take_bytes(caller, buffer, (size_t)n)) {
        bad_n++;
        close(caller->fd);
    }
}

static unsigned percentile_us(unsigned percent)
{
    uint64_t wanted = answers_n * percent / 100;
    uint64_t seen = 0;
    for (unsigned us = 0; us <= SLOWEST_US; us++) {
        seen += times[us];
        if (seen > wanted)
            return us;
    }
    return SLOWEST_US;
}

static void run(int epoll_fd, uint64_t end_ns)
{
    struct epoll_event events[EVENTS_N];
    while (now_ns() < end_ns) {
        int n = epoll_wait(epoll_fd, events, EVENTS_N, 100);
        for (int i = 0; i < n; i++)
            on_caller(events[i].data.ptr);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS BODY_BYTES\n");
        return 2;
    }
    uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
    size_t callers_n = strtoul(argv[2], NULL, 10);
    double seconds = strtod(argv[3], NULL);
    expected_bytes = strtoul(argv[4], NULL, 10);
    if (callers_n == 0 || callers_n > CONNECTIONS_N)
        return 2;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        return 1;
    uint64_t started_ns = now_ns();
    for (size_t i = 0; i < callers_n; i++) {
        if (!open_caller(&callers[i], epoll_fd, port))
            bad_n++;
    }
    run(epoll_fd, started_ns + (uint64_t)(seconds * 1e9));
    double took = (double)(now_ns() - started_ns) / 1e9;
    printf("{\"requests\": %lu, \"bad\": %lu, \"seconds\": %.6f, \"p50_us\": %u, \"p99_us\": "
           "%u}\n",
           (unsigned long)answers_n, (unsigned long)bad_n, took, percentile_us(50),
           percentile_us(99));
    return 0;
}
