#include "base/mtext.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/num.h"
#include "base/werr.h"

/* The first is enough for a page of the management API and one object beyond it. */
enum { FIRST_BYTES = 20 * 1024, DIGITS_MAX = 20, DECIMALS_MAX = 9 };

/* ---- bytes ---- */

static bool grow(struct mtext *t, size_t n)
{
    size_t cap = t->cap > 0 ? t->cap : FIRST_BYTES;
    char *grown;

    while (cap - t->len < n)
        cap *= 2;
    grown = fault_malloc(cap);
    if (grown == NULL) {
        t->failed = true;
        return false;
    }
    if (t->len > 0)
        memcpy(grown, t->bytes, t->len);
    free(t->bytes);
    t->bytes = grown;
    t->cap = cap;
    return true;
}

/* Inline: a scrape has hundreds of thousands of samples. */
static inline void put(struct mtext *t, struct span s)
{
    if (s.len == 0 || t->failed || (t->cap - t->len < s.len && !grow(t, s.len)))
        return;
    memcpy(t->bytes + t->len, s.ptr, s.len);
    t->len += s.len;
}

static void put_str(struct mtext *t, const char *text)
{
    put(t, span_from_str(text));
}

/* ---- what is escaped ---- */

/* Up to the first character that is escaped; text is moved behind it. */
static struct span next_plain(const char **text, const char *odd)
{
    const size_t n = strcspn(*text, odd);
    const struct span plain = span_from(*text, n);

    *text += n;
    return plain;
}

static struct span escape(char c)
{
    if (c == '\n')
        return SPAN("\\n");
    return c == '"' ? SPAN("\\\"") : SPAN("\\\\");
}

void mtext_label(struct strb *labels, const char *key, const char *value)
{
    if (labels->len > 0)
        strb_add_char(labels, ',');
    strb_add_str(labels, key);
    strb_add(labels, SPAN("=\""));
    for (;;) {
        strb_add(labels, next_plain(&value, "\\\"\n"));
        if (*value == '\0')
            break;
        strb_add(labels, escape(*value++));
    }
    strb_add_char(labels, '"');
}

static void put_help(struct mtext *t, const char *help)
{
    for (;;) {
        put(t, next_plain(&help, t->is_openmetrics ? "\\\"\n" : "\\\n"));
        if (*help == '\0')
            break;
        put(t, escape(*help++));
    }
}

/* ---- families ---- */

static struct span suffix_of(const struct mtext_family *f)
{
    if (f->type == MTEXT_COUNTER)
        return SPAN("_total");
    return f->type == MTEXT_INFO ? SPAN("_info") : SPAN_NONE;
}

static const char *type_word(const struct mtext *t, uint8_t type)
{
    static const char *const words[] = {"counter", "gauge", "histogram", "info"};

    MUST(type < sizeof(words) / sizeof(words[0]));
    if (type == MTEXT_INFO && !t->is_openmetrics)
        return words[MTEXT_GAUGE];
    return words[type];
}

/* "# TYPE name": OpenMetrics knows a family by its name, the older format by that of the
 * samples. */
static void begin_line(struct mtext *t, const char *what, const struct mtext_family *f)
{
    put_str(t, "# ");
    put_str(t, what);
    put_str(t, " ");
    put_str(t, f->name);
    if (!t->is_openmetrics)
        put(t, suffix_of(f));
    put_str(t, " ");
}

static bool ends_with(const char *name, struct span end)
{
    const size_t n = strlen(name);

    return n >= end.len && memcmp(name + n - end.len, end.ptr, end.len) == 0;
}

static const char *unit_of(const struct mtext_family *f)
{
    if (ends_with(f->name, SPAN("_seconds")))
        return "seconds";
    return ends_with(f->name, SPAN("_bytes")) ? "bytes" : NULL;
}

void mtext_init(struct mtext *t, bool is_openmetrics)
{
    *t = (struct mtext){.is_openmetrics = is_openmetrics};
}

void mtext_family(struct mtext *t, const struct mtext_family *f)
{
    const char *unit = t->is_openmetrics ? unit_of(f) : NULL;

    MUST(f->decimals <= DECIMALS_MAX);
    begin_line(t, "HELP", f);
    put_help(t, f->help);
    put_str(t, "\n");
    begin_line(t, "TYPE", f);
    put_str(t, type_word(t, f->type));
    put_str(t, "\n");
    if (unit == NULL)
        return;
    begin_line(t, "UNIT", f);
    put_str(t, unit);
    put_str(t, "\n");
}

void mtext_end(struct mtext *t)
{
    if (t->is_openmetrics)
        put_str(t, "# EOF\n");
}

/* ---- samples ---- */

static void put_value(struct mtext *t, uint64_t value, unsigned decimals)
{
    char text[1 + DECIMALS_MAX + DIGITS_MAX + 2];
    char *digits = text + 1 + DECIMALS_MAX; /* room for zeros before it */
    size_t n = num_to_dec(value, digits);

    while (n <= decimals) { /* one before the point at least */
        *--digits = '0';
        n++;
    }
    if (decimals > 0) {
        memmove(digits + n - decimals + 1, digits + n - decimals, decimals);
        digits[n - decimals] = '.';
        n++;
    }
    digits[n] = '\n';
    put(t, span_from(digits, n + 1));
}

static void begin_sample(struct mtext *t, const struct mtext_family *f, struct span suffix,
                         struct span labels)
{
    put_str(t, f->name);
    put(t, suffix);
    if (labels.len > 0) {
        put_str(t, "{");
        put(t, labels);
        put_str(t, "}");
    }
    put_str(t, " ");
}

void mtext_sample(struct mtext *t, const struct mtext_family *f, struct span labels,
                  uint64_t value)
{
    begin_sample(t, f, suffix_of(f), labels);
    put_value(t, value, f->decimals);
}

static void put_bucket(struct mtext *t, const char *bound, uint64_t n)
{
    put_str(t, bound);
    put_str(t, "\"} ");
    put_value(t, n, 0);
}

void mtext_histogram(struct mtext *t, const struct mtext_family *f, struct span labels,
                     const struct mtext_histogram *h)
{
    uint64_t n = 0;
    const size_t from = t->len;
    size_t len;

    put_str(t, f->name);
    put_str(t, "_bucket{");
    put(t, labels);
    put_str(t, labels.len > 0 ? ",le=\"" : "le=\"");
    len = t->len - from;
    for (unsigned i = 0; i <= h->n && !t->failed; i++) {
        n += h->counts[i];
        if (i > 0) { /* as the first, which stays where it is while there is room */
            if (t->cap - t->len < len && !grow(t, len))
                return;
            put(t, span_from(t->bytes + from, len));
        }
        put_bucket(t, i < h->n ? h->bounds[i] : "+Inf", n);
    }
    begin_sample(t, f, SPAN("_count"), labels);
    put_value(t, n, 0);
    begin_sample(t, f, SPAN("_sum"), labels);
    put_value(t, h->sum, f->decimals);
}

char *mtext_take(struct mtext *t)
{
    put(t, span_from("", 1)); /* the NUL */
    if (!t->failed)
        return t->bytes;
    free(t->bytes);
    t->bytes = NULL;
    return NULL;
}
