/* nowait.h - standard output and standard error, written to without ever waiting.
 *
 * Both are open file descriptions that we share with the shell and with each of our processes:
 * O_NONBLOCK set there would be everybody's. And to ask first does not do: a terminal counts as
 * writable when it takes one byte, a pipe may be filled by another process before we come. So a
 * descriptor is opened anew by its name in /proc, a terminal that is not ours to open as
 * /dev/tty; O_NONBLOCK is ours alone then. Sockets can't be opened and need not be
 * (MSG_DONTWAIT). What is left, another user's pipe or terminal, is written to only where the
 * kernel can be told not to wait, or where there is room for many writers at once.
 *
 * Used by log.c and line_sink.c. The descriptor is the caller's.
 */
#ifndef WELDR_LOG_NOWAIT_H
#define WELDR_LOG_NOWAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum nowait_way {
    NOWAIT_FILE,   /* regular: takes all, whoever opened it */
    NOWAIT_OWN,    /* pipe, terminal, device; O_NONBLOCK is ours alone */
    NOWAIT_SOCKET, /* stream or datagram */
    NOWAIT_SHARED  /* could not be opened anew */
};

/* A descriptor for where `fd` leads, close-on-exec; -1 with errno. A regular file is written to
 * where `fd` stands, which others that have it move on too, or (appends) at its end. */
int nowait_open(int fd, bool appends, uint8_t *way);
/* Bytes written; -1 with errno, EAGAIN: it would have to wait. A pipe takes up to PIPE_BUF
 * bytes whole or not at all. */
ssize_t nowait_write(int fd, uint8_t way, const char *from, size_t n);

#endif
