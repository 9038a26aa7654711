#include "log/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/strb.h"
#include "base/werr.h"
#include "log/nowait.h"
#include "log/progress.h"

enum {
    PANIC_BYTES = 600,
    LINE_BYTES = 4096, /* PIPE_BUF: lines of several processes do not mix in a pipe */
    GATHERED_BYTES = 64 * 1024,
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

static uint64_t count_lines(struct span text)
{
    uint64_t n = 0;

    for (size_t at = span_find(text, '\n'); at < text.len; at = span_find(text, '\n')) {
        text = span_skip(text, at + 1);
        n++;
    }
    return n;
}

/* text[-1] is a line end, for when the line before was taken in part. False: lines are lost. */
static bool write_out(struct span text)
{
    const int saved = errno;
    const size_t torn = outlet.is_torn ? 1 : 0;
    const ssize_t n = nowait_write(outlet.fd, outlet.way, text.ptr - torn, text.len + torn);

    errno = saved;
    if (n == (ssize_t)(text.len + torn)) {
        outlet.is_torn = false;
        return true;
    }
    const size_t done = n > (ssize_t)torn ? (size_t)n - torn : 0;
    outlet.dropped += count_lines(span_skip(text, done));
    if (n > 0)
        outlet.is_torn = done > 0 && text.ptr[done - 1] != '\n';
    return false;
}

/* ---- gathered ---- */

static struct {
    bool is_on;
    size_t len;
    char buf[1 + GATHERED_BYTES]; /* buf[0]: see write_out */
} gathered = {.buf = "\n"};

/* Datagrams are lines each, and who reads a terminal sees them come. */
static bool is_gathered(void)
{
    return gathered.is_on && !outlet.is_terminal && outlet.way != NOWAIT_SOCKET;
}

static void flush_gathered(void)
{
    if (gathered.len > 0)
        (void)write_out(span_from(gathered.buf + 1, gathered.len));
    gathered.len = 0;
}

/* A pipe takes so much whole or not at all. */
static void gather(struct span line)
{
    const size_t max = outlet.way == NOWAIT_FILE ? GATHERED_BYTES : LINE_BYTES;

    if (gathered.len + line.len > max)
        flush_gathered();
    memcpy(gathered.buf + 1 + gathered.len, line.ptr, line.len);
    gathered.len += line.len;
}

void log_gather(bool is_on)
{
    gathered.is_on = is_on;
    if (!is_on)
        flush_gathered();
}

static bool put_out(struct span line)
{
    progress_hide();
    if (outlet.fd < 0)
        open_outlet();
    if (!is_gathered())
        return write_out(line);
    gather(line);
    return true;
}

static void print_panic(const char *text, size_t len)
{
    char line[PANIC_BYTES];

    if (len >= sizeof(line))
        len = sizeof(line) - 1;
    line[0] = '\n';
    memcpy(line + 1, text, len);
    log_gather(false);
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
    case LOG_PAIR_ID:
        strb_addf(b, "%016" PRIx64, p->number);
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
    strb_add(b, SPAN("time="));
    strb_add_str(b, time);
    strb_add(b, SPAN(" level="));
    strb_add_str(b, levels[level].word);
    if (outlet.role != NULL) {
        strb_add(b, SPAN(" role="));
        strb_add_str(b, outlet.role);
    }
    if (outlet.id >= 0) {
        strb_add(b, SPAN(" worker="));
        strb_add_u64(b, (uint64_t)outlet.id);
    }
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
    struct log_site own = {0}; /* new with each line */
    uint32_t suppressed;

    if (site == NULL)
        site = &own;
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
