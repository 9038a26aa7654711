#include "net/signals.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"
#include "net/listen.h"

/* One per process, as the dispositions of signals are; the handler needs nothing but write_fd.
 */
static struct {
    struct sock sock;
    volatile sig_atomic_t write_fd;
    bool started;
    sigset_t watched, ignored; /* ignored: of those watched, by nobody's wish */
    signals_fn fn;
    void *arg;
} signals = {.write_fd = -1};

static void on_signal(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    int fd = signals.write_fd;

    /* A full pair holds hundreds of signals already; one more would say nothing new. */
    if (fd >= 0 && write(fd, &byte, 1) < 0)
        errno = saved;
    errno = saved;
}

/* What ends a process by default, and nobody means by it that it should. */
static const int meaningless[] = {SIGHUP,  SIGUSR1, SIGUSR2, SIGALRM,   SIGVTALRM,
                                  SIGPROF, SIGIO,   SIGPWR,  SIGSTKFLT, 0};

void signals_log_ignored(int signal_number)
{
    const char *name = sigabbrev_np(signal_number);

    log_info("signal is ignored", LOG_I("signal", signal_number),
             LOG_S("name", name != NULL ? name : "realtime"));
}

static void tell(int number)
{
    if (sigismember(&signals.ignored, number) == 1)
        signals_log_ignored(number);
    else
        signals.fn(signals.arg, number);
}

static void on_recv(struct sock *s, struct span bytes, int error)
{
    (void)s;
    (void)error;
    for (size_t i = 0; i < bytes.len && signals.started; i++)
        tell((unsigned char)bytes.ptr[i]);
}

static void on_send(struct sock *s, int error)
{
    (void)s;
    (void)error;
}

static void on_closed(struct sock *s)
{
    (void)s;
}

static const struct sock_ops signals_ops = {
    .on_recv = on_recv,
    .on_send = on_send,
    .on_closed = on_closed,
};

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigemptyset(&sa.sa_mask);
    (void)sigaction(number, &sa, NULL);
}

static void watch(int number)
{
    sigaddset(&signals.watched, number);
    set_handler(number, on_signal);
}

static void ignore(int number)
{
    if (sigismember(&signals.watched, number) == 1)
        return;
    sigaddset(&signals.ignored, number);
    watch(number);
}

static void ignore_meaningless(void)
{
    sigemptyset(&signals.ignored);
    for (const int *number = meaningless; *number != 0; number++)
        ignore(*number);
    for (int number = SIGRTMIN; number < SIGRTMAX; number++) /* the last one is valgrind's */
        ignore(number);
    set_handler(SIGPIPE, SIG_IGN);
    set_handler(SIGXFSZ, SIG_IGN);
}

int signals_start(struct loop *l, const int *signal_numbers, signals_fn fn, void *arg)
{
    int fds[2];
    int rc = listen_pair(fds);

    MUST(!signals.started);
    if (rc < 0)
        return rc;
    signals.fn = fn;
    signals.arg = arg;
    signals.started = true;
    signals.write_fd = fds[1];
    sock_adopt(l, &signals.sock, &signals_ops, fds[0]);
    sock_recv_start(&signals.sock);
    sigemptyset(&signals.watched);
    for (const int *number = signal_numbers; *number != 0; number++)
        watch(*number);
    ignore_meaningless();
    /* Whoever started this process may have held them back until now. */
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    return 0;
}

void signals_release_faults(sigset_t *held)
{
    static const int faults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        (void)sigdelset(held, faults[i]);
}

void signals_stop(void)
{
    int fd = signals.write_fd;

    if (!signals.started)
        return;
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(&signals.watched, number) == 1)
            set_handler(number, SIG_DFL);
    }
    signals.started = false;
    signals.write_fd = -1;
    close(fd);
    sock_close(&signals.sock, false);
}
