#include "log/progress.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/nowait.h"

enum { COLUMNS_DEFAULT = 80, LINE_MAX_BYTES = 2 * PROGRESS_TEXT_MAX + 128 };

#define TAKE_OFF "\r\033[K"

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { ENDING_SIGNALS = sizeof(ending_signals) / sizeof(ending_signals[0]) };

static struct {
    bool guards;
    bool is_dumb;
    uint8_t way; /* enum nowait_way */
    int fd;      /* -1: not open */
    bool is_begun, is_shown;
    uint64_t since_ms; /* nothing is shown before since_ms + PROGRESS_AFTER_MS */
    uint64_t began_ms, drawn_ms;
    unsigned limit_s;
    char what[PROGRESS_TEXT_MAX], detail[PROGRESS_TEXT_MAX];
    char told[LINE_MAX_BYTES]; /* on a dumb terminal: the last state */
    struct sigaction before[ENDING_SIGNALS];
} line = {.fd = -1};

static uint64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

/* ---- the text ---- */

static bool is_continued(char c)
{
    return ((unsigned char)c & 0xc0U) == 0x80;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Of a character: these bytes and columns. C1 control characters are two bytes, c2 80 to 9f. */
static size_t measure(const char *at, unsigned *columns)
{
    size_t n = 1;

    while (is_continued(at[n]))
        n++;
    *columns = (unsigned char)at[0] < 0x80 ? 1 : 2;
    return n;
}

static bool is_c1(const char *at)
{
    return (unsigned char)at[0] == 0xc2 && (unsigned char)at[1] < 0xa0;
}

/* How many bytes of text take up no more than so many columns; *all: that was all. */
static size_t fit(const char *text, unsigned columns, bool *all)
{
    size_t len = 0;
    unsigned wide, used = 0;

    while (text[len] != '\0') {
        const size_t n = measure(text + len, &wide);

        if (used + wide > columns)
            break;
        used += wide;
        len += n;
    }
    *all = text[len] == '\0';
    return len;
}

size_t progress_print(char *to, size_t size, const char *text, unsigned columns)
{
    static const char dots[] = "...";
    const unsigned dots_n = columns >= 8 ? sizeof(dots) - 1 : 0;
    bool all;
    size_t len = fit(text, columns, &all), n = 0;

    if (!all)
        len = fit(text, columns - dots_n, &all);
    for (size_t at = 0; at < len && n + sizeof(dots) < size;) {
        unsigned wide;
        const size_t bytes = measure(text + at, &wide);
        const bool is_unsafe =
            is_control(text[at]) || is_c1(text + at) || is_continued(text[at]);

        if (is_unsafe) {
            to[n++] = '?';
        } else if (n + bytes + sizeof(dots) < size) {
            memcpy(to + n, text + at, bytes);
            n += bytes;
        }
        at += bytes;
    }
    if (!all) {
        memcpy(to + n, dots, dots_n);
        n += dots_n;
    }
    to[n] = '\0';
    return n;
}

/* "draining s-1: 12 requests in flight"; with the time: ", 3 s of at most 30 s". */
static void make_text(char *text, size_t size, bool has_time)
{
    const unsigned s = (unsigned)((now_ms() - line.began_ms) / 1000);
    int n = snprintf(text, size, "%s%s%s", line.what, line.detail[0] != '\0' ? ": " : "",
                     line.detail);

    if (!has_time || n < 0 || (size_t)n >= size)
        return;
    if (line.limit_s > 0)
        (void)snprintf(text + n, size - (size_t)n, ", %u s of at most %u s", s, line.limit_s);
    else
        (void)snprintf(text + n, size - (size_t)n, ", %u s", s);
}

/* ---- the terminal ---- */

static void put(const char *text, size_t n)
{
    (void)nowait_write(line.fd, line.way, text, n);
}

static unsigned columns_now(void)
{
    struct winsize w;

    if (ioctl(line.fd, TIOCGWINSZ, &w) < 0 || w.ws_col == 0)
        return COLUMNS_DEFAULT;
    return w.ws_col;
}

static bool is_in_background(void)
{
    const pid_t front = tcgetpgrp(line.fd);

    return front > 0 && front != getpgrp();
}

/* The terminal has shown "^C" behind the line; SA_RESETHAND has brought the default back. */
static void on_ending(int number)
{
    const ssize_t n = write(line.fd, TAKE_OFF, strlen(TAKE_OFF));

    (void)n;
    (void)raise(number);
}

/* A signal that is ignored stays so (nohup). */
static void guard(void)
{
    struct sigaction act = {.sa_handler = on_ending,
                            .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};

    for (unsigned i = 0; line.guards && i < ENDING_SIGNALS; i++) {
        (void)sigaction(ending_signals[i], NULL, &line.before[i]);
        if (line.before[i].sa_handler != SIG_IGN)
            (void)sigaction(ending_signals[i], &act, NULL);
    }
}

static void unguard(void)
{
    for (unsigned i = 0; line.guards && i < ENDING_SIGNALS; i++)
        (void)sigaction(ending_signals[i], &line.before[i], NULL);
}

/* One write, over what is there: the line never vanishes in between. */
static void draw(void)
{
    char text[LINE_MAX_BYTES], out[LINE_MAX_BYTES + sizeof(TAKE_OFF)];
    const unsigned columns = columns_now();

    make_text(text, sizeof(text), true);
    out[0] = '\r';
    /* A line that fills the last column may begin the next one. */
    size_t n = 1 + progress_print(out + 1, LINE_MAX_BYTES, text, columns - 1);
    n += (size_t)snprintf(out + n, sizeof(out) - n, "%s", "\033[K");
    if (!line.is_shown)
        guard();
    line.is_shown = true;
    put(out, n);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_same_state(const char *a, const char *b)
{
    for (;;) {
        while (is_digit(*a))
            a++;
        while (is_digit(*b))
            b++;
        if (*a != *b || *a == '\0')
            return *a == *b;
        a++;
        b++;
    }
}

static void tell_state(void)
{
    char text[LINE_MAX_BYTES], out[LINE_MAX_BYTES];

    make_text(text, sizeof(text), false);
    if (is_same_state(text, line.told))
        return;
    memcpy(line.told, text, sizeof(text));
    size_t n = progress_print(out, sizeof(out) - 1, text, columns_now() - 1);
    out[n++] = '\n';
    put(out, n);
}

/* ---- life ---- */

void progress_open(bool guards)
{
    const char *term = getenv("TERM");

    if (line.fd >= 0 || isatty(STDERR_FILENO) != 1)
        return;
    line.fd = nowait_open(STDERR_FILENO, false, &line.way);
    line.guards = guards;
    line.is_dumb = term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0;
}

void progress_close(void)
{
    progress_end();
    if (line.fd >= 0)
        (void)close(line.fd);
    line.fd = -1;
}

bool progress_is_open(void)
{
    return line.fd >= 0;
}

void progress_begin(unsigned limit_s, const char *format, ...)
{
    va_list list;

    if (line.fd < 0)
        return;
    va_start(list, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): one line above it is started
    (void)vsnprintf(line.what, sizeof(line.what), format, list);
    va_end(list);
    line.began_ms = now_ms();
    if (!line.is_begun)
        line.since_ms = line.began_ms;
    line.limit_s = limit_s;
    line.detail[0] = '\0';
    line.is_begun = true;
}

bool progress_is_begun(void)
{
    return line.is_begun;
}

void progress_detail(const char *format, ...)
{
    va_list list;

    if (!line.is_begun)
        return;
    va_start(list, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): one line above it is started
    (void)vsnprintf(line.detail, sizeof(line.detail), format, list);
    va_end(list);
}

void progress_tick(void)
{
    const uint64_t now = line.is_begun ? now_ms() : 0;

    if (!line.is_begun || now < line.since_ms + PROGRESS_AFTER_MS ||
        (line.is_shown && now < line.drawn_ms + PROGRESS_EVERY_MS))
        return;
    line.drawn_ms = now;
    if (is_in_background())
        return;
    if (line.is_dumb)
        tell_state();
    else
        draw();
}

void progress_hide(void)
{
    if (!line.is_shown)
        return;
    line.is_shown = false;
    put(TAKE_OFF, strlen(TAKE_OFF));
    unguard();
}

void progress_end(void)
{
    progress_hide();
    line.is_begun = false;
    line.told[0] = '\0';
}
