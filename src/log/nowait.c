#include "log/nowait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

enum {
    OPEN_FLAGS = O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
    PIPE_SHARE = 8 /* of a pipe that others write to, so much may be full */
};

/* ---- opening ---- */

/* /dev/tty may be opened by anybody, the terminal behind it perhaps by its user only. */
static bool is_our_terminal(int fd)
{
    return tcgetsid(fd) == getsid(0);
}

static int open_anew(int fd)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int anew = open(path, OPEN_FLAGS);
    if (anew < 0 && is_our_terminal(fd))
        anew = open("/dev/tty", OPEN_FLAGS);
    return anew;
}

static enum nowait_way way_of(const struct stat *st, bool is_anew)
{
    if (S_ISREG(st->st_mode))
        return NOWAIT_FILE;
    if (S_ISSOCK(st->st_mode))
        return NOWAIT_SOCKET;
    return is_anew ? NOWAIT_OWN : NOWAIT_SHARED;
}

int nowait_open(int fd, bool appends, uint8_t *way)
{
    struct stat st;
    int anew = -1;

    if (fstat(fd, &st) < 0)
        return -1;
    if (!S_ISSOCK(st.st_mode) && (appends || !S_ISREG(st.st_mode)))
        anew = open_anew(fd);
    *way = (uint8_t)way_of(&st, anew >= 0);
    return anew >= 0 ? anew : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/* ---- writing ---- */

/* Each of our processes may find the same room and write to it before us. */
static bool has_much_room(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    const int size = fcntl(fd, F_GETPIPE_SZ);
    int queued = 0;

    return size > 0 && ioctl(fd, FIONREAD, &queued) == 0 && queued <= size / PIPE_SHARE &&
           poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

static ssize_t write_shared(int fd, const char *from, size_t n)
{
    const struct iovec piece = {.iov_base = (void *)from, .iov_len = n};
    const ssize_t done = pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);

    if (done >= 0 || errno != EOPNOTSUPP)
        return done;
    if (has_much_room(fd))
        return write(fd, from, n);
    errno = EAGAIN;
    return -1;
}

ssize_t nowait_write(int fd, uint8_t way, const char *from, size_t n)
{
    if (way == NOWAIT_SOCKET)
        return send(fd, from, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (way == NOWAIT_SHARED)
        return write_shared(fd, from, n);
    return write(fd, from, n);
}
