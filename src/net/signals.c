#include "net/signals.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "net/listen.h"

/* One per process, as the dispositions of signals are; the handler needs nothing but write_fd.
 */
static struct {
    struct sock sock;
    volatile sig_atomic_t write_fd;
    bool started;
    sigset_t watched;
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

static void on_recv(struct sock *s, struct span bytes, int error)
{
    (void)s;
    (void)error;
    for (size_t i = 0; i < bytes.len && signals.started; i++)
        signals.fn(signals.arg, (unsigned char)bytes.ptr[i]);
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
    for (const int *number = signal_numbers; *number != 0; number++) {
        sigaddset(&signals.watched, *number);
        set_handler(*number, on_signal);
    }
    set_handler(SIGPIPE, SIG_IGN);
    /* Whoever started this process may have held them back until now. */
    (void)sigprocmask(SIG_UNBLOCK, &signals.watched, NULL);
    return 0;
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
