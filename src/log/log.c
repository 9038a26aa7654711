#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/strb.h"

enum {
    LINE_BYTES = 4096,   /* PIPE_BUF: lines of several processes do not mix in a pipe */
    LINE_END_BYTES = 16, /* kept for " truncated=1" and the line end */
    RATE_PER_S = 10,
    MESSAGE_COLUMNS = 36
};

/* How a line gets out without ever waiting. */
enum outlet_kind {
    OUTLET_POLLED, /* terminal, or a pipe that can't be opened anew: asked before each line */
    OUTLET_PLAIN,  /* file: takes all */
    OUTLET_SOCKET, /* MSG_DONTWAIT */
    OUTLET_OWN     /* pipe, opened anew, so that O_NONBLOCK is ours alone */
};

enum log_level log_level_now = LOG_INFO;

static struct {
    const char *role; /* NULL: log_init was not called */
    int id;
    enum outlet_kind kind;
    int fd;
    bool is_terminal;
    uint64_t dropped;
} outlet = {.id = -1, .kind = OUTLET_POLLED, .fd = STDERR_FILENO};

static const struct {
    const char *word;
    const char *colour;
} levels[] = {
    [LOG_ERROR] = {"error", "\033[31m"}, [LOG_WARN] = {"warn", "\033[33m"},
    [LOG_INFO] = {"info", "\033[32m"},   [LOG_DEBUG] = {"debug", "\033[36m"},
    [LOG_TRACE] = {"trace", "\033[35m"},
};

const char *log_level_word(enum log_level level)
{
    return levels[level].word;
}

uint64_t log_dropped(void)
{
    return outlet.dropped;
}

void log_set_level(enum log_level level)
{
    log_level_now = level;
}

/* ---- the way out ---- */

static void open_pipe_anew(void)
{
    int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return;
    outlet.kind = OUTLET_OWN;
    outlet.fd = fd;
}

static void open_outlet(void)
{
    struct stat st;

    if (outlet.kind == OUTLET_OWN)
        close(outlet.fd);
    outlet.kind = OUTLET_POLLED;
    outlet.fd = STDERR_FILENO;
    outlet.is_terminal = isatty(STDERR_FILENO) == 1;
    if (fstat(STDERR_FILENO, &st) < 0)
        return;
    if (S_ISFIFO(st.st_mode))
        open_pipe_anew();
    else if (S_ISSOCK(st.st_mode))
        outlet.kind = OUTLET_SOCKET;
    else if (S_ISREG(st.st_mode))
        outlet.kind = OUTLET_PLAIN;
}

void log_init(const char *role, int id, enum log_level level)
{
    outlet.role = role;
    outlet.id = id;
    log_level_now = level;
    open_outlet();
}

static bool is_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

static void put_out(struct span line)
{
    int saved = errno;
    ssize_t n = -1;

    if (outlet.kind == OUTLET_SOCKET)
        n = send(outlet.fd, line.ptr, line.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    else if (outlet.kind != OUTLET_POLLED || is_writable(outlet.fd))
        n = write(outlet.fd, line.ptr, line.len);
    if (n != (ssize_t)line.len)
        outlet.dropped++;
    errno = saved;
}

/* ---- the text ---- */

static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

static bool is_plain_text(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_plain((unsigned char)s.ptr[i]))
            return false;
    }
    return s.len > 0;
}

static void add_escaped(struct strb *b, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";

    if (c == '\n') {
        strb_add(b, SPAN("\\n"));
    } else if (c == '"' || c == '\\') {
        strb_add_char(b, '\\');
        strb_add_char(b, (char)c);
    } else if (c >= ' ' && c < 0x7f) {
        strb_add_char(b, (char)c);
    } else {
        strb_add(b, SPAN("\\x"));
        strb_add_char(b, digits[c >> 4]);
        strb_add_char(b, digits[c & 15]);
    }
}

static void add_text(struct strb *b, struct span s)
{
    if (is_plain_text(s)) {
        strb_add(b, s);
        return;
    }
    strb_add_char(b, '"');
    for (size_t i = 0; i < s.len; i++)
        add_escaped(b, (unsigned char)s.ptr[i]);
    strb_add_char(b, '"');
}

static void add_int(struct strb *b, int64_t n)
{
    if (n < 0)
        strb_add_char(b, '-');
    strb_add_u64(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

static void add_value(struct strb *b, const struct log_pair *p)
{
    switch (p->kind) {
    case LOG_PAIR_INT:
        add_int(b, (int64_t)p->number);
        break;
    case LOG_PAIR_UINT:
        strb_add_u64(b, p->number);
        break;
    case LOG_PAIR_HEX:
        strb_add_hex(b, p->number);
        break;
    case LOG_PAIR_BYTES:
        add_text(b, span_from(p->str, (size_t)p->number));
        break;
    case LOG_PAIR_STR:
        add_text(b, span_from_str(p->str != NULL ? p->str : ""));
        break;
    }
}

/* All of the pair or nothing: half a quoted value would not be read back. */
static void add_pair(struct strb *b, const struct log_pair *p)
{
    struct strb before = *b;

    strb_add_char(b, ' ');
    strb_add_str(b, p->key);
    strb_add_char(b, '=');
    add_value(b, p);
    if (!strb_is_full(b))
        return;
    *b = before;
    b->full = true;
}

static void add_head(struct strb *b, enum log_level level)
{
    char time[32];

    clock_print_wall(clock_wall_us(), time);
    strb_addf(b, "time=%s level=%s", time, levels[level].word);
    if (outlet.role != NULL)
        strb_addf(b, " role=%s", outlet.role);
    if (outlet.id >= 0)
        strb_addf(b, " worker=%d", outlet.id);
}

/* "15:08:14.123 info  proxy listens    address=…": the date and the role would push what one
 * looks for out of sight. */
static void add_terminal_head(struct strb *b, enum log_level level, const char *message)
{
    char time[32];

    clock_print_wall(clock_wall_us(), time);
    strb_addf(b, "%.12s %s%-5s\033[0m %-*s", time + 11, levels[level].colour,
              levels[level].word, MESSAGE_COLUMNS, message);
    if (outlet.id >= 0)
        strb_addf(b, " worker=%d", outlet.id);
}

static void print_line(enum log_level level, const char *message, const struct log_pair *pairs,
                       uint32_t suppressed)
{
    char buf[LINE_BYTES];
    struct strb b;
    struct log_pair kept_back = LOG_U("suppressed", suppressed);

    strb_init(&b, buf, sizeof(buf) - LINE_END_BYTES);
    if (outlet.is_terminal) {
        add_terminal_head(&b, level, message);
    } else {
        add_head(&b, level);
        add_pair(&b, &LOG_S("msg", message));
    }
    if (suppressed > 0)
        add_pair(&b, &kept_back);
    for (; pairs->key != NULL && !strb_is_full(&b); pairs++)
        add_pair(&b, pairs);
    b.cap = sizeof(buf);
    if (strb_is_full(&b)) {
        b.full = false;
        strb_add(&b, SPAN(" truncated=1"));
    }
    strb_add_char(&b, '\n');
    put_out(strb_span(&b));
}

/* Whoever asks for debug wants every line. */
static bool is_over_rate(struct log_site *site, enum log_level level)
{
    uint64_t now_s;

    if (level >= LOG_DEBUG)
        return false;
    now_s = clock_mono_us() / 1000000;
    if (site->window_s != now_s) {
        site->window_s = now_s;
        site->n = 0;
    }
    return site->n++ >= RATE_PER_S;
}

void log_line(struct log_site *site, enum log_level level, const char *message,
              const struct log_pair *pairs)
{
    uint32_t suppressed;

    if (is_over_rate(site, level)) {
        site->suppressed++;
        return;
    }
    suppressed = site->suppressed;
    site->suppressed = 0;
    print_line(level, message, pairs, suppressed);
}
