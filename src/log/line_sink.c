#include "log/line_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/strb.h"
#include "log/nowait.h"

enum {
    FILE_MODE = 0640,             /* the log tells who asked for what */
    SYSLOG_PRIORITY = 16 * 8 + 6, /* local0, info */
    HEADER_BYTES = 80
};

_Static_assert(LINE_SINK_LINE_MAX <= PIPE_BUF, "a pipe takes a line whole");

/* ---- opening ---- */

static int open_file(struct line_sink *s, const char *path)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                  FILE_MODE);

    if (fd >= 0)
        s->way = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? NOWAIT_FILE : NOWAIT_OWN;
    return fd;
}

static int open_syslog(struct line_sink *s)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = strlen(s->path);
    int fd = -1;

    if (len < sizeof(to.sun_path))
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    else
        errno = ENAMETOOLONG;
    if (fd < 0)
        return fd;
    memcpy(to.sun_path, s->path, len);
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static bool open_target(struct line_sink *s)
{
    if (s->kind == LINE_SINK_FILE)
        s->fd = open_file(s, s->path);
    else if (s->kind == LINE_SINK_STDOUT)
        s->fd = nowait_open(STDOUT_FILENO, true, &s->way);
    else
        s->fd = open_syslog(s);
    if (s->fd < 0)
        s->error = errno;
    return s->fd >= 0;
}

struct line_sink *line_sink_new(enum line_sink_kind kind, const char *path)
{
    struct line_sink *s = fault_malloc(sizeof(*s));

    if (s == NULL)
        return NULL;
    memset(s, 0, offsetof(struct line_sink, buf));
    s->kind = (uint8_t)kind;
    s->path = strdup(path != NULL ? path : "/dev/log");
    if (s->path == NULL) {
        free(s);
        return NULL;
    }
    (void)open_target(s);
    return s;
}

const char *line_sink_why(const struct line_sink *s)
{
    const char *text = strerrordesc_np(s->error);

    return text != NULL ? text : "unknown error";
}

void line_sink_free(struct line_sink *s)
{
    if (s == NULL)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->path);
    free(s);
}

/* ---- writing ---- */

/* Bytes up to the last line end among the first max, or up to max in the rest of a line that
 * has none there. */
static size_t piece_bytes(const char *from, size_t len, size_t max)
{
    size_t n = len < max ? len : max;
    const char *end = memrchr(from, '\n', n);

    return end != NULL ? (size_t)(end - from) + 1 : n;
}

/* Bytes written; -1 with errno. */
static ssize_t write_piece(const struct line_sink *s, size_t at)
{
    const char *from = s->buf + at;
    const size_t max = s->way == NOWAIT_FILE ? LINE_SINK_BYTES : PIPE_BUF;

    return nowait_write(s->fd, s->way, from, piece_bytes(from, s->len - at, max));
}

/* "<134>Nov 23 15:08:14 weldr[123]: ", local time, as programs on the same machine do. */
static size_t print_header(char *buf)
{
    time_t now = time(NULL);
    struct tm tm;
    char text[32];
    struct strb b;

    strb_init(&b, buf, HEADER_BYTES);
    strb_add_char(&b, '<');
    strb_add_u64(&b, SYSLOG_PRIORITY);
    strb_add_char(&b, '>');
    if (localtime_r(&now, &tm) != NULL && strftime(text, sizeof(text), "%b %e %T ", &tm) > 0)
        strb_add_str(&b, text);
    strb_add(&b, SPAN("weldr["));
    strb_add_u64(&b, (uint64_t)getpid());
    strb_add(&b, SPAN("]: "));
    return b.len;
}

/* The first line as a datagram; bytes taken off the buffer, -1 with errno. */
static ssize_t send_line(struct line_sink *s, size_t at, struct iovec header)
{
    char *from = s->buf + at;
    size_t n = (size_t)((char *)memchr(from, '\n', s->len - at) - from);
    struct iovec pieces[] = {header, {.iov_base = from, .iov_len = n}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};

    if (sendmsg(s->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return (ssize_t)n + 1;
    if (errno != EMSGSIZE)
        return -1;
    s->lost++;
    return (ssize_t)n + 1;
}

/* The daemon was started again: its socket is another one. */
static bool is_away(int error)
{
    return error == ECONNREFUSED || error == ENOTCONN || error == ECONNRESET || error == EPIPE;
}

static ssize_t send_line_again(struct line_sink *s, size_t at, struct iovec header)
{
    ssize_t n = send_line(s, at, header);

    if (n >= 0 || !is_away(errno))
        return n;
    close(s->fd);
    return open_target(s) ? send_line(s, at, header) : -1;
}

static size_t send_lines(struct line_sink *s)
{
    char text[HEADER_BYTES];
    struct iovec header = {.iov_base = text, .iov_len = print_header(text)};
    size_t done = 0;
    ssize_t n = 0;

    while (done < s->len && (n = send_line_again(s, done, header)) >= 0)
        done += (size_t)n;
    return done;
}

static size_t write_lines(const struct line_sink *s)
{
    size_t done = 0;
    ssize_t n = 0;

    while (done < s->len) {
        n = write_piece(s, done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            break;
    }
    return done;
}

static void drop_front(struct line_sink *s, size_t n)
{
    memmove(s->buf, s->buf + n, s->len - n);
    s->len -= n;
}

void line_sink_flush(struct line_sink *s)
{
    s->is_stuck = false;
    if (s->len == 0)
        return;
    if (s->fd < 0 && !open_target(s)) {
        s->is_stuck = true;
        return;
    }
    errno = 0;
    size_t done = s->kind == LINE_SINK_SYSLOG ? send_lines(s) : write_lines(s);
    if (done < s->len) {
        s->error = errno;
        s->is_stuck = true;
    }
    if (done == 0)
        return;
    s->is_torn = s->buf[done - 1] != '\n';
    drop_front(s, done);
}

char *line_sink_reserve(struct line_sink *s)
{
    if (sizeof(s->buf) - s->len < LINE_SINK_LINE_MAX && !s->is_stuck)
        line_sink_flush(s);
    if (sizeof(s->buf) - s->len >= LINE_SINK_LINE_MAX)
        return s->buf + s->len;
    s->lost++;
    return NULL;
}

void line_sink_commit(struct line_sink *s, size_t n)
{
    MUST(n > 0 && n <= LINE_SINK_LINE_MAX && s->buf[s->len + n - 1] == '\n');
    s->len += n;
}

/* Half a line has no place in a new file. */
static void drop_torn(struct line_sink *s)
{
    if (!s->is_torn)
        return;
    drop_front(s, (size_t)((char *)memchr(s->buf, '\n', s->len) - s->buf) + 1);
    s->lost++;
    s->is_torn = false;
}

int line_sink_reopen(struct line_sink *s)
{
    line_sink_flush(s);
    if (s->kind == LINE_SINK_STDOUT)
        return 0;
    int old = s->fd;
    if (!open_target(s)) {
        s->fd = old;
        return WERR_IO;
    }
    if (old >= 0)
        close(old);
    drop_torn(s);
    s->is_stuck = false;
    return 0;
}

void line_sink_end(struct line_sink *s)
{
    line_sink_flush(s);
    for (size_t i = 0; i < s->len; i++)
        s->lost += s->buf[i] == '\n';
    s->len = 0;
}
