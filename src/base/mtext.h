/* mtext.h - samples for machines that watch: the text format 0.0.4 of Prometheus, and
 * OpenMetrics 1.0, which differs in a few places.
 *
 * A family (name, what it is, help) is opened with mtext_family; its samples follow at once and
 * are told apart by their labels. Who writes many samples of one object prints its labels once
 * (mtext_label) and gives them again and again. Values are whole numbers of 10^-decimals: no
 * floating point. Out of memory is remembered and told at the end. Pure.
 */
#ifndef WELDR_BASE_MTEXT_H
#define WELDR_BASE_MTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strb.h"

enum mtext_type { MTEXT_COUNTER, MTEXT_GAUGE, MTEXT_HISTOGRAM, MTEXT_INFO };

struct mtext_family {
    const char *name; /* without "_total" and "_info", which its samples get */
    const char *help; /* one line */
    uint8_t type;     /* enum mtext_type */
    uint8_t decimals; /* of its values, of a histogram's sum; up to 9 */
};

/* Buckets as they are counted, each for itself. */
struct mtext_histogram {
    const char *const *bounds; /* "0.5", "1.0" …: their upper ends, n of them */
    const uint64_t *counts;    /* n + 1: the last is above all bounds */
    unsigned n;
    uint64_t sum;
};

struct mtext {
    char *bytes;
    size_t len, cap;
    bool is_openmetrics;
    bool failed;
};

void mtext_init(struct mtext *t, bool is_openmetrics);
/* Adds key="value" to the labels of an object, behind a comma where there are some; value is
 * escaped. */
void mtext_label(struct strb *labels, const char *key, const char *value);
/* TYPE, HELP, and the UNIT that the name ends in. */
void mtext_family(struct mtext *t, const struct mtext_family *f);
/* labels: of mtext_label; may be empty. */
void mtext_sample(struct mtext *t, const struct mtext_family *f, struct span labels,
                  uint64_t value);
/* Its buckets add up here, and the count is their sum. */
void mtext_histogram(struct mtext *t, const struct mtext_family *f, struct span labels,
                     const struct mtext_histogram *h);
/* Behind all families. */
void mtext_end(struct mtext *t);
static inline size_t mtext_bytes(const struct mtext *t)
{
    return t->len;
}
/* The text, malloc'd; NULL: out of memory. To be called once. */
char *mtext_take(struct mtext *t);

#endif
