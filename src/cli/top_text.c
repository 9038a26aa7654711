#include "cli/top_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/top_glyph.h"

static const double minute = 60, hour = 3600, day = 86400;

static bool is_unknown(struct strb *b, double n)
{
    if (isfinite(n))
        return false;
    strb_add_str(b, "\xe2\x80\x93");
    return true;
}

void top_text_count(struct strb *b, double n)
{
    char digits[40];

    if (is_unknown(b, n))
        return;
    (void)snprintf(digits, sizeof(digits), "%.0f", fmin(fmax(n, -1e18), 1e18));
    const char *at = digits;
    if (*at == '-')
        strb_add_char(b, *at++);
    for (size_t left = strlen(at); left > 0; left--) {
        strb_add_char(b, *at++);
        if (left > 1 && left % 3 == 1)
            strb_add_char(b, ',');
    }
}

/* Three digits, as toPrecision(3) has them. */
static void add_three(struct strb *b, double n, const char *unit)
{
    strb_addf(b, "%.*f%s", n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2, n, unit);
}

void top_text_short(struct strb *b, double n)
{
    if (is_unknown(b, n))
        return;
    if (n >= 999.5e6)
        add_three(b, fmin(n, 1e18) / 1e9, "G");
    else if (n >= 999.5e3)
        add_three(b, n / 1e6, "M");
    else if (n >= 9999.5)
        add_three(b, n / 1e3, "k");
    else if (n >= 99.95 || n == floor(n))
        strb_addf(b, "%.0f", n);
    else
        strb_addf(b, "%.1f", n);
}

void top_text_micro(struct strb *b, double us)
{
    if (is_unknown(b, us))
        return;
    if (us >= 999.5e3)
        add_three(b, fmin(us, 1e15) / 1e6, "s");
    else if (us >= 999.5)
        add_three(b, us / 1e3, "ms");
    else
        strb_addf(b, "%.0f\xc2\xb5s", us);
}

void top_text_percent(struct strb *b, double percent)
{
    if (is_unknown(b, percent))
        return;
    if (percent > 0 && percent < 0.05)
        strb_add_str(b, "<0.1%");
    else
        strb_addf(b, percent == 0 || percent >= 99.95 ? "%.0f%%" : "%.1f%%", percent);
}

void top_text_span(struct strb *b, double seconds)
{
    if (is_unknown(b, seconds))
        return;
    seconds = fmin(fmax(seconds, 0), 1e12);
    if (seconds < minute)
        strb_addf(b, "%.0fs", floor(seconds));
    else if (seconds < hour)
        strb_addf(b, "%.0fm", floor(seconds / minute));
    else if (seconds < 2 * day)
        strb_addf(b, "%.0fh", floor(seconds / hour));
    else
        strb_addf(b, "%.0fd", floor(seconds / day));
}

void top_text_clock(struct strb *b, double seconds)
{
    struct tm tm;

    if (is_unknown(b, seconds))
        return;
    const time_t time = (time_t)fmin(fmax(seconds, 0), 1e11);
    if (localtime_r(&time, &tm) != NULL)
        strb_addf(b, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void top_text_bars(struct strb *b, const double *values, size_t n, unsigned columns)
{
    char glyph[TOP_GLYPH_BYTES];
    double most = 0;

    for (; n < columns; columns--)
        strb_add_char(b, ' ');
    values += n - columns;
    for (unsigned i = 0; i < columns; i++)
        most = values[i] > most ? values[i] : most;
    for (unsigned i = 0; i < columns; i++) {
        const double share = most > 0 && values[i] > 0 ? values[i] / most : 0;
        const uint32_t bar = 0x2580 + (uint32_t)fmin(fmax(ceil(share * 8), 1), 8);

        if (share == 0)
            strb_add_char(b, ' ');
        else
            strb_add(b, span_from(glyph, top_glyph_print(bar, glyph)));
    }
}

/* n digits; -1: something else stands there. */
static int digits(const char *at, unsigned n)
{
    int number = 0;

    for (unsigned i = 0; i < n; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        number = 10 * number + (at[i] - '0');
    }
    return number;
}

double top_text_time(const char *text)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    double part = 0, unit = 0.1;

    for (size_t i = 0; i < sizeof(form) - 1; i++)
        if (form[i] == 'd' ? digits(text + i, 1) < 0 : text[i] != form[i])
            return NAN;
    struct tm tm = {
        .tm_year = digits(text, 4) - 1900,
        .tm_mon = digits(text + 5, 2) - 1,
        .tm_mday = digits(text + 8, 2),
        .tm_hour = digits(text + 11, 2),
        .tm_min = digits(text + 14, 2),
        .tm_sec = digits(text + 17, 2),
    };
    text += sizeof(form) - 1;
    if (*text == '.')
        while (*++text >= '0' && *text <= '9') {
            part += unit * (*text - '0');
            unit /= 10;
        }
    return *text == 'Z' ? (double)timegm(&tm) + part : NAN;
}
