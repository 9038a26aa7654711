#include "log/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/strb.h"
#include "base/werr.h"
#include "log/nowait.h"

enum {
    PANIC_BYTES = 600,
    LINE_BYTES = 4096,   /* PIPE_BUF: lines of several processes do not mix in a pipe */
    LINE_END_BYTES = 16, /* kept for " truncated=1" and the line end */
    RATE_PER_S = 10,
    MESSAGE_COLUMNS = 36
};

enum log_level log_level_now = LOG_INFO;

static struct {
    const char *role; /* NULL: log_init was not called */
    int id;
    int fd;      /* -1: none, no line gets out */
    uint8_t way; /* enum nowait_way */
    bool is_terminal;
    bool is_torn; /* the last line was taken in part */
    uint64_t dropped, told;
} outlet = {.id = -1, .fd = -1};

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

static void open_outlet(void)
{
    if (outlet.fd >= 0)
        close(outlet.fd);
    outlet.fd = nowait_open(STDERR_FILENO, false, &outlet.way);
    outlet.is_terminal = isatty(STDERR_FILENO) == 1;
    outlet.is_torn = false;
}

/* line[-1] is a line end, for when the line before was taken in part. False: it is lost. */
static bool put_out(struct span line)
{
    const int saved = errno;

    if (outlet.fd < 0)
        open_outlet();
    size_t torn = outlet.is_torn ? 1 : 0;
    ssize_t n = nowait_write(outlet.fd, outlet.way, line.ptr - torn, line.len + torn);
    errno = saved;
    if (n == (ssize_t)(line.len + torn)) {
        outlet.is_torn = false;
        return true;
    }
    outlet.dropped++;
    outlet.is_torn = n > 0 ? (size_t)n > torn : outlet.is_torn;
    return false;
}

static void print_panic(const char *text, size_t len)
{
    char line[PANIC_BYTES];

    if (len >= sizeof(line))
        len = sizeof(line) - 1;
    line[0] = '\n';
    memcpy(line + 1, text, len);
    (void)put_out(span_from(line + 1, len));
}

void log_init(const char *role, int id, enum log_level level)
{
    outlet.role = role;
    outlet.id = id;
    log_level_now = level;
    open_outlet();
    werr_set_panic_print(print_panic);
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

/* False: it is lost. */
static bool print_line(enum log_level level, const char *message, const struct log_pair *pairs,
                       uint32_t suppressed)
{
    char buf[1 + LINE_BYTES];
    struct strb b;
    struct log_pair kept_back = LOG_U("suppressed", suppressed);

    buf[0] = '\n'; /* see put_out */
    strb_init(&b, buf + 1, LINE_BYTES - LINE_END_BYTES);
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
    b.cap = LINE_BYTES;
    if (strb_is_full(&b)) {
        b.full = false;
        strb_add(&b, SPAN(" truncated=1"));
    }
    strb_add_char(&b, '\n');
    return put_out(strb_span(&b));
}

/* Lines that were lost are told of where they are missing: before the next that gets out. */
static void tell_lost(void)
{
    const uint64_t before = outlet.dropped;
    const struct log_pair pairs[] = {LOG_U("lines", before - outlet.told), {0}};

    if (print_line(LOG_WARN, "log lines are lost", pairs, 0))
        outlet.told = before;
    else
        outlet.dropped = before; /* which is no loss */
}

/* Whoever asks for debug wants every line. */
static bool is_over_rate(struct log_site *site, enum log_level level)
{
    if (level >= LOG_DEBUG)
        return false;
    uint64_t now_s = clock_mono_us() / 1000000;
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
    if (outlet.told != outlet.dropped)
        tell_lost();
    if (!print_line(level, message, pairs, suppressed))
        site->suppressed += suppressed;
}
