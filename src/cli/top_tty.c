#include "cli/top_tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Alternate screen, no cursor, no line wrap; and back. Who enters that screen twice may lose
 * the place of the cursor on the other one. */
static const char enter[] = "\033[?1049h";
static const char settle[] = "\033[?25l\033[?7l";
static const char leave[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
enum { CRASHES = sizeof(crashes) / sizeof(crashes[0]), LEAVE_MS = 200 };

static struct {
    int fd;
    struct termios before;
    volatile sig_atomic_t is_taken;
    struct sigaction crash[CRASHES]; /* who heard of crashes before */
} tty = {.fd = -1};

/* Also within a handler of signals. A terminal that takes nothing (Ctrl-S) is not waited for.
 */
static void write_all(const char *text, size_t n)
{
    struct pollfd p = {.fd = tty.fd, .events = POLLOUT};

    while (n > 0) {
        const ssize_t written = write(tty.fd, text, n);

        if (written < 0 && errno != EINTR && (errno != EAGAIN || poll(&p, 1, LEAVE_MS) <= 0))
            return;
        if (written > 0) {
            text += written;
            n -= (size_t)written;
        }
    }
}

static void take(void)
{
    struct termios raw = tty.before;

    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | ISTRIP);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    const bool was_taken = tty.is_taken;
    tty.is_taken = 1;
    (void)tcsetattr(tty.fd, TCSANOW, &raw);
    if (!was_taken)
        write_all(enter, sizeof(enter) - 1);
    write_all(settle, sizeof(settle) - 1);
}

/* Also where a Ctrl-S holds the terminal's output back; waiting for that could take for ever.
 * What was typed and not read is for nobody. All of it may be called in a handler of signals.
 */
static void give_back(void)
{
    if (!tty.is_taken)
        return;
    tty.is_taken = 0;
    (void)tcflow(tty.fd, TCOOFF); /* without it TCOON does not undo a Ctrl-S on Linux */
    (void)tcflow(tty.fd, TCOON);
    write_all(leave, sizeof(leave) - 1);
    (void)tcsetattr(tty.fd, TCSANOW, &tty.before);
    (void)tcflush(tty.fd, TCIFLUSH);
}

/* Then whoever heard of it before does (a sanitizer, or nobody): the signal comes again. */
static void on_crash(int signal)
{
    give_back();
    for (unsigned i = 0; i < CRASHES; i++)
        if (crashes[i] == signal)
            (void)sigaction(signal, &tty.crash[i], NULL);
    (void)raise(signal);
}

int top_tty_open(void)
{
    const struct sigaction action = {.sa_handler = on_crash};
    struct termios now;

    tty.fd = open("/dev/tty", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (tty.fd < 0)
        return WERR_NOT_FOUND;
    if (tcgetattr(tty.fd, &now) < 0) {
        (void)close(tty.fd);
        tty.fd = -1;
        return WERR_NOT_FOUND;
    }
    tty.before = now;
    for (unsigned i = 0; i < CRASHES; i++)
        (void)sigaction(crashes[i], &action, &tty.crash[i]);
    take();
    return 0;
}

void top_tty_close(void)
{
    give_back();
    for (unsigned i = 0; i < CRASHES; i++)
        (void)sigaction(crashes[i], &tty.crash[i], NULL);
    (void)close(tty.fd);
    tty.fd = -1;
}

int top_tty_fd(void)
{
    return tty.fd;
}

void top_tty_stop(void)
{
    give_back();
    (void)raise(SIGSTOP);
    top_tty_again();
}

void top_tty_again(void)
{
    if (!tty.is_taken) /* else they are what we have made of them */
        (void)tcgetattr(tty.fd, &tty.before);
    take();
}

void top_tty_size(unsigned *row_n, unsigned *column_n)
{
    struct winsize w;

    *row_n = 24;
    *column_n = 80;
    if (ioctl(tty.fd, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0) {
        *row_n = w.ws_row;
        *column_n = w.ws_col;
    }
}

int top_tty_write(struct span bytes, size_t *written)
{
    const ssize_t n = write(tty.fd, bytes.ptr, bytes.len);

    *written = n > 0 ? (size_t)n : 0;
    return n < 0 && errno != EAGAIN && errno != EINTR ? WERR_CLOSED : 0;
}

int top_tty_read(char *buf, size_t size)
{
    const ssize_t n = read(tty.fd, buf, size);

    if (n > 0)
        return (int)n;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : WERR_CLOSED;
}
