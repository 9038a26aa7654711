/*
 * The load generator of `make bench`.
 *
 *   load port=P connections=N seconds=S answer=BYTES [more]
 *     warm=S       run so long before measuring (0)
 *     active=N     only so many of the connections go on after their first request (all)
 *     post=BYTES   POST with such a body instead of GET
 *     fields=N     that many more fields in the request's head
 *     pipeline=N   requests sent at once, before the first answer is read (1)
 *     rate=N       requests a second, whatever the answers do, instead of one after the other
 *     close=1      a new connection for each request
 *     tls=1        over TLS (wire.h)
 *     resume=1     each connection with TLS resumes the session of the one before
 *     hold=1       print, then keep the connections idle until standard input ends
 *     clocks=PIDS  processes, by commas: the processor time of each in the window is told
 *     cc=NAME      congestion control
 *
 * First every connection makes one request (but with close=1). Then the active ones go on, and
 * after the warm-up the window opens in which answers are counted and the clocks are read.
 *
 * Every answer is checked: status 200, Content-Length, number of body bytes, and nothing after
 * it. A wrong answer or a connection that breaks counts as bad at any time, and it isn't opened
 * again.
 *
 * With a rate each request has a time at which it is due. Its latency counts from then on, even
 * if no connection was free: a proxy that stands still is not spared the requests that it kept
 * from being sent. What is due and not answered when the window closes counts with its age.
 * The pace is steady: what could not be sent within LATE_NS of its time is not made up for in a
 * burst, which would measure another load than the one asked for. It counts with its age, and
 * its number is told (missed), as is that of all that came due in the window (due).
 */
#include "common.h"
#include "request.h"
#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_N      128
#define BUFFER_BYTES  262144
#define HEAD_BYTES    2048
#define SLOWEST_US    2000000
#define CONNECTIONS_N 60000
#define CLOCKS_N      512
#define OPENING_N     64 /* first requests in flight at once */
#define FIRST_NS      30000000000u
#define SECOND_NS     1000000000u
#define LATE_NS       2000000u

enum word_name {
    PORT,
    CONNECTIONS,
    SECONDS,
    ANSWER,
    WARM,
    ACTIVE,
    POST,
    FIELDS,
    PIPELINE,
    RATE,
    CLOSE,
    TLS,
    RESUME,
    HOLD,
    CLOCKS,
    CC,
    WORDS_N
};

static struct word words[WORDS_N + 1] = {
    {"port", NULL}, {"connections", NULL}, {"seconds", NULL}, {"answer", NULL},  {"warm", "0"},
    {"active", ""}, {"post", "0"},         {"fields", "0"},   {"pipeline", "1"}, {"rate", "0"},
    {"close", "0"}, {"tls", "0"},          {"resume", "0"},   {"hold", "0"},     {"clocks", ""},
    {"cc", ""},     {NULL, NULL},
};

struct caller {
    uint64_t started_ns;    /* when its requests were sent, or were due */
    size_t unsent_bytes;    /* of what is being sent */
    size_t head_bytes;      /* collected of the head so far */
    size_t body_left_bytes; /* once the head is complete */
    struct wire wire;
    unsigned owed_n; /* answers to come */
    bool is_in_body;
    bool is_blocked; /* waits for room to send */
    bool is_broken;
    char head[HEAD_BYTES];
};

static struct caller callers[CONNECTIONS_N];
static size_t callers_n;
static size_t active_n;
static size_t opened_n;
static size_t answered_first_n;
static bool is_running; /* all first answers came */
static bool is_closing; /* a connection for each request */
static char *requests;  /* all that one connection sends at once */
static size_t requests_bytes;
static unsigned pipeline_n;
static size_t expected_bytes;
static char buffer[BUFFER_BYTES];

static uint32_t times[SLOWEST_US + 1]; /* how many answers took that many microseconds */
static uint64_t times_n;
static uint64_t answers_n;
static uint64_t bad_n;
static const char *bad_reason = "";

/* Of requests at a rate: who is free, in a ring, and which is due next. */
static struct caller *ring[CONNECTIONS_N];
static size_t ring_first;
static size_t ring_n;
static uint64_t rate_per_s;
static uint64_t rate_started_ns;
static uint64_t rate_next; /* number of the request that is due next */
static uint64_t missed_n;  /* in the window */
static uint64_t due_first; /* number of the first request in the window */

static pid_t clocks[CLOCKS_N];
static unsigned clocks_n;
static uint64_t used_before_ns[CLOCKS_N];
static uint64_t used_after_ns[CLOCKS_N];

static int epoll_fd;
static unsigned long port;

/* Reads the clocks of all processes; one that has ended makes the run a bad one. */
static void read_clocks(uint64_t *used_ns)
{
    for (unsigned i = 0; i < clocks_n; i++) {
        struct timespec used = {0};
        clockid_t clock;
        if (clock_getcpuclockid(clocks[i], &clock) != 0 || clock_gettime(clock, &used) != 0) {
            bad_n++;
            bad_reason = "a process of the proxy has ended";
        }
        used_ns[i] = (uint64_t)used.tv_sec * SECOND_NS + (uint64_t)used.tv_nsec;
    }
}

static void note_time(uint64_t started_ns, uint64_t ended_ns)
{
    uint64_t us = ended_ns > started_ns ? (ended_ns - started_ns) / 1000 : 0;
    times[us < SLOWEST_US ? us : SLOWEST_US]++;
    times_n++;
}

static uint64_t due_ns(uint64_t number)
{
    return rate_started_ns + number * SECOND_NS / rate_per_s;
}

/* At a low rate the last one that came due may be sent however late it is: it is no burst. */
static bool is_missed(uint64_t number, uint64_t now)
{
    return due_ns(number) + LATE_NS < now && due_ns(number + 1) <= now;
}

/* The next one is not sent. */
static void pass_over(uint64_t now)
{
    missed_n += is_missed(rate_next, now);
    note_time(due_ns(rate_next++), now);
}

static void break_caller(struct caller *caller, const char *reason)
{
    if (caller->is_broken)
        return;
    caller->is_broken = true;
    bad_n++;
    if (*bad_reason == '\0')
        bad_reason = reason;
    wire_close(&caller->wire);
}

static void watch(struct caller *caller, int operation, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = caller};
    if (epoll_ctl(epoll_fd, operation, caller->wire.fd, &event) != 0)
        break_caller(caller, "epoll_ctl");
}

static void send_rest(struct caller *caller)
{
    while (caller->unsent_bytes > 0) {
        const char *rest = requests + requests_bytes - caller->unsent_bytes;
        ssize_t n = wire_send(&caller->wire, rest, caller->unsent_bytes);
        if (n < 0 && errno == EINPROGRESS)
            return;
        if (n < 0 && errno == EAGAIN) {
            if (!caller->is_blocked)
                watch(caller, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            caller->is_blocked = true;
            return;
        }
        if (n < 0) {
            break_caller(caller, "a connection broke while sending");
            return;
        }
        caller->unsent_bytes -= (size_t)n;
    }
    if (caller->is_blocked)
        watch(caller, EPOLL_CTL_MOD, EPOLLIN);
    caller->is_blocked = false;
}

static void send_requests(struct caller *caller, uint64_t started_ns)
{
    caller->started_ns = started_ns;
    caller->owed_n = pipeline_n;
    caller->unsent_bytes = requests_bytes;
    send_rest(caller);
}

static void open_caller(struct caller *caller, uint64_t started_ns)
{
    *caller = (struct caller){.started_ns = started_ns, .wire = caller->wire};
    caller->wire.fd = -1;
    int fd = socket_connect(port, false);
    if (fd < 0 || !wire_open(&caller->wire, fd)) {
        break_caller(caller, "can't connect");
        return;
    }
    watch(caller, EPOLL_CTL_ADD, EPOLLIN);
    if (!caller->is_broken)
        send_requests(caller, started_ns);
}

static void begin_turn(struct caller *caller, uint64_t started_ns)
{
    if (is_closing)
        open_caller(caller, started_ns);
    else
        send_requests(caller, started_ns);
}

/* Sends what is due, as far as connections are free. */
static void send_due(uint64_t now)
{
    while (ring_n > 0 && due_ns(rate_next) <= now) {
        if (is_missed(rate_next, now)) {
            pass_over(now);
            continue;
        }
        struct caller *caller = ring[ring_first];
        ring_first = (ring_first + 1) % CONNECTIONS_N;
        ring_n--;
        begin_turn(caller, due_ns(rate_next++));
    }
}

static void go_on(struct caller *caller)
{
    if (rate_per_s == 0) {
        begin_turn(caller, now_ns());
        return;
    }
    ring[(ring_first + ring_n) % CONNECTIONS_N] = caller;
    ring_n++;
}

/* Everything that the caller asked for has come. */
static void end_turn(struct caller *caller)
{
    if (is_closing)
        return; /* its FIN comes next */
    if (is_running) {
        go_on(caller);
        return;
    }
    answered_first_n++;
    if (opened_n < callers_n)
        open_caller(&callers[opened_n++], now_ns());
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
    size_t before = caller->head_bytes;
    memcpy(caller->head + before, bytes, taken);
    caller->head_bytes += taken;
    caller->head[caller->head_bytes] = '\0';
    const char *end = strstr(caller->head, "\r\n\r\n");
    if (end == NULL)
        return caller->head_bytes < sizeof(caller->head) - 1 ? taken : 0;
    return check_head(caller) ? (size_t)(end - caller->head) + 4 - before : 0;
}

static void end_answer(struct caller *caller)
{
    caller->is_in_body = false;
    caller->head_bytes = 0;
    caller->owed_n--;
    answers_n++;
    note_time(caller->started_ns, now_ns());
}

/* False: the answer is wrong or more came than was asked for. */
static bool take_bytes(struct caller *caller, const char *bytes, size_t n)
{
    while (n > 0) {
        if (caller->owed_n == 0)
            return false;
        size_t used;
        if (!caller->is_in_body) {
            used = take_head(caller, bytes, n);
            if (used == 0)
                return false;
        } else {
            used = n < caller->body_left_bytes ? n : caller->body_left_bytes;
            caller->body_left_bytes -= used;
        }
        bytes += used;
        n -= used;
        if (caller->is_in_body && caller->body_left_bytes == 0)
            end_answer(caller);
    }
    return true;
}

/* As much as the buffer has room for; false: nothing was there, or it was the end. */
static bool read_once(struct caller *caller)
{
    ssize_t n = wire_recv(&caller->wire, buffer, sizeof(buffer));
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n == 0 && is_closing && caller->owed_n == 0) {
        wire_close(&caller->wire);
        go_on(caller);
        return false;
    }
    if (n <= 0)
        break_caller(caller, "a connection broke");
    else if (!take_bytes(caller, buffer, (size_t)n))
        break_caller(caller, "a wrong answer");
    else if (caller->owed_n == 0)
        end_turn(caller);
    return !caller->is_broken;
}

static void read_caller(struct caller *caller)
{
    while (read_once(caller) && wire_has_more(&caller->wire))
        ;
}

static void on_caller(struct caller *caller, unsigned events)
{
    if (!caller->is_broken && caller->unsent_bytes > 0)
        send_rest(caller);
    if (!caller->is_broken && (events & ~(unsigned)EPOLLOUT) != 0)
        read_caller(caller);
}

/* Until then, or until the next request is due and may be sent. */
static uint64_t wait_ns(uint64_t now, uint64_t end_ns)
{
    uint64_t until_ns = end_ns;
    if (rate_per_s > 0 && ring_n > 0 && due_ns(rate_next) < until_ns)
        until_ns = due_ns(rate_next);
    return until_ns > now ? until_ns - now : 0;
}

static void run_once(uint64_t now, uint64_t end_ns)
{
    struct epoll_event events[EVENTS_N];
    uint64_t left_ns = wait_ns(now, end_ns);
    struct timespec left = {.tv_sec = (time_t)(left_ns / SECOND_NS),
                            .tv_nsec = (long)(left_ns % SECOND_NS)};
    int n = epoll_pwait2(epoll_fd, events, EVENTS_N, &left, NULL);
    for (int i = 0; i < n; i++)
        on_caller(events[i].data.ptr, events[i].events);
}

static void run_until(uint64_t end_ns)
{
    for (uint64_t now = now_ns(); now < end_ns; now = now_ns()) {
        if (rate_per_s > 0)
            send_due(now);
        run_once(now, end_ns);
    }
}

/* A window in which nothing came is of no use, but on a machine that does not get round to it
 * a short one may be too short. At a rate a standstill is a result. */
static void wait_for_one(void)
{
    uint64_t end_ns = now_ns() + FIRST_NS;
    for (uint64_t now = now_ns();
         rate_per_s == 0 && answers_n == 0 && bad_n == 0 && now < end_ns; now = now_ns())
        run_once(now, end_ns);
}

/* Each connection makes one request; a few at a time, so that the proxy does not need a
 * connection to the origin for each of them. */
static void make_first_requests(void)
{
    while (opened_n < callers_n && opened_n < OPENING_N)
        open_caller(&callers[opened_n++], now_ns());
    uint64_t end_ns = now_ns() + FIRST_NS;
    for (uint64_t now = now_ns(); answered_first_n < callers_n && bad_n == 0; now = now_ns()) {
        if (now >= end_ns) {
            bad_n++;
            bad_reason = "first answers did not come in time";
            return;
        }
        run_once(now, end_ns);
    }
}

static void start_running(void)
{
    is_running = true;
    rate_per_s = word_number(&words[RATE]);
    rate_started_ns = now_ns();
    for (size_t i = 0; i < active_n; i++)
        go_on(&callers[i]);
}

static void open_window(void)
{
    memset(times, 0, sizeof(times));
    times_n = 0;
    answers_n = 0;
    missed_n = 0;
    due_first = rate_next;
}

/* What was due in the window and has not been answered. */
static void note_unanswered(uint64_t now)
{
    if (rate_per_s == 0)
        return;
    for (size_t i = 0; i < active_n; i++) {
        if (callers[i].owed_n > 0)
            note_time(callers[i].started_ns, now);
    }
    while (due_ns(rate_next) < now)
        pass_over(now);
}

static unsigned time_at_us(unsigned permille)
{
    uint64_t wanted = times_n * permille / 1000;
    uint64_t seen = 0;
    for (unsigned us = 0; us <= SLOWEST_US; us++) {
        seen += times[us];
        if (seen > wanted)
            return us;
    }
    return times_n > 0 ? SLOWEST_US : 0;
}

static void print_result(double seconds)
{
    printf(
        "{\"requests\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"reason\": \"%s\", "
        "\"missed\": %" PRIu64 ", \"due\": %" PRIu64
        ", \"seconds\": %.6f, \"p50_us\": %u, \"p99_us\": %u, \"p999_us\": %u, \"cpu_ns\": [",
        answers_n, bad_n, bad_reason, missed_n, rate_next - due_first, seconds, time_at_us(500),
        time_at_us(990), time_at_us(999));
    for (unsigned i = 0; i < clocks_n; i++)
        printf("%s%" PRIu64, i > 0 ? ", " : "", used_after_ns[i] - used_before_ns[i]);
    printf("]}\n");
    fflush(stdout);
}

static void measure(void)
{
    start_running();
    run_until(now_ns() + (uint64_t)(strtod(words[WARM].value, NULL) * 1e9));
    open_window();
    read_clocks(used_before_ns);
    uint64_t started_ns = now_ns();
    run_until(started_ns + (uint64_t)(strtod(words[SECONDS].value, NULL) * 1e9));
    wait_for_one();
    uint64_t now = now_ns();
    read_clocks(used_after_ns);
    note_unanswered(now);
    print_result((double)(now - started_ns) / 1e9);
}

/* Idle until whoever started this has seen enough. */
static void hold_idle(void)
{
    char byte;
    print_result(0);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
}

static void read_clock_list(const char *at)
{
    while (*at != '\0' && clocks_n < CLOCKS_N) {
        char *end;
        clocks[clocks_n++] = (pid_t)strtol(at, &end, 10);
        at = *end == ',' ? end + 1 : "";
    }
}

static bool read_words(int argc, char **argv)
{
    if (!words_read(words, argc, argv))
        return false;
    port = word_number(&words[PORT]);
    callers_n = word_number(&words[CONNECTIONS]);
    active_n = *words[ACTIVE].value != '\0' ? word_number(&words[ACTIVE]) : callers_n;
    pipeline_n = (unsigned)word_number(&words[PIPELINE]);
    expected_bytes = word_number(&words[ANSWER]);
    is_closing = word_number(&words[CLOSE]) != 0;
    if (word_number(&words[TLS]) != 0 && !wire_use_client(word_number(&words[RESUME]) != 0))
        return false;
    read_clock_list(words[CLOCKS].value);
    if (callers_n == 0 || callers_n > CONNECTIONS_N || active_n > callers_n ||
        pipeline_n == 0) {
        fprintf(stderr, "load: connections is 1 to %d, active not above it, pipeline above 0\n",
                CONNECTIONS_N);
        return false;
    }
    return true;
}

/* With a reset: there is nothing to wait for, and no port stays taken. */
static void close_all(void)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    for (size_t i = 0; i < callers_n; i++) {
        if (!callers[i].is_broken && callers[i].wire.fd > 0)
            setsockopt(callers[i].wire.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    }
}

static bool make_requests(void)
{
    const struct request_shape shape = {
        .post_bytes = word_number(&words[POST]),
        .fields_n = word_number(&words[FIELDS]),
        .pipeline_n = pipeline_n,
        .is_last = is_closing,
    };
    requests = request_make(&shape, &requests_bytes);
    return requests != NULL;
}

int main(int argc, char **argv)
{
    if (!read_words(argc, argv) || !make_requests())
        return 2;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    (void)prctl(PR_SET_TIMERSLACK, 1);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        return 1;
    if (!is_closing)
        make_first_requests();
    if (bad_n > 0)
        print_result(0);
    else if (word_number(&words[HOLD]) != 0)
        hold_idle();
    else
        measure();
    close_all();
    return 0;
}
