#include "stats/samples.h"

#include <string.h>

#include "base/werr.h"

/* ---- the node ---- */

static const struct {
    uint32_t step_s, n;
} steps[SAMPLES_STEPS] = {
    [SAMPLES_OF_1S] = {1, SAMPLES_SECONDS},
    [SAMPLES_OF_10S] = {10, SAMPLES_TENS},
    [SAMPLES_OF_60S] = {60, SAMPLES_MINUTES},
};

static struct sample *ring_of(struct samples *s, enum samples_step step)
{
    struct sample *const rings[SAMPLES_STEPS] = {[SAMPLES_OF_1S] = s->seconds,
                                                 [SAMPLES_OF_10S] = s->tens,
                                                 [SAMPLES_OF_60S] = s->minutes};

    return rings[step];
}

uint64_t samples_step_s(enum samples_step step)
{
    return steps[step].step_s;
}

void samples_begin(struct samples *s, uint64_t now_s, const struct samples_counts *counts)
{
    *s = (struct samples){.last = *counts, .from_s = now_s, .now_s = now_s};
}

static uint32_t narrow(uint64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* Of a worker's slot that a crash has cut short, sums may stand still but never go back; of
 * counters that a predecessor tells anew they may. */
static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static void add_one(uint32_t *to, uint64_t now, uint64_t before)
{
    *to = narrow(*to + grown(now, before));
}

static void add_to(struct sample *to, const struct samples_counts *now,
                   const struct samples_counts *before)
{
    add_one(&to->requests, now->requests, before->requests);
    add_one(&to->failed, now->failed, before->failed);
    to->bytes_in += grown(now->bytes_in, before->bytes_in);
    to->bytes_out += grown(now->bytes_out, before->bytes_out);
    for (unsigned i = 0; i < STATS_CLASSES; i++)
        add_one(&to->classes[i], now->classes[i], before->classes[i]);
    for (unsigned i = 0; i < SAMPLES_LATENCIES; i++)
        add_one(&to->latency[i], now->latency[i], before->latency[i]);
}

/* Those between the newest and the one of now are empty, and so is that. */
static void clear_between(struct samples *s, enum samples_step step, uint64_t now_s)
{
    struct sample *ring = ring_of(s, step);
    const uint64_t newest = s->now_s / steps[step].step_s;
    const uint64_t next = now_s / steps[step].step_s;
    const uint64_t n = next - newest < steps[step].n ? next - newest : steps[step].n;

    for (uint64_t i = 0; i < n; i++)
        ring[(next - i) % steps[step].n] = (struct sample){0};
}

void samples_add(struct samples *s, uint64_t now_s, const struct samples_counts *counts)
{
    MUST(now_s >= s->now_s); /* it never goes back */
    for (unsigned i = 0; i < SAMPLES_STEPS; i++) {
        struct sample *ring = ring_of(s, (enum samples_step)i);

        clear_between(s, (enum samples_step)i, now_s);
        add_to(&ring[now_s / steps[i].step_s % steps[i].n], counts, &s->last);
    }
    s->last = *counts;
    s->now_s = now_s;
}

void samples_span(const struct samples *s, enum samples_step step, uint64_t *first,
                  uint64_t *end)
{
    const uint64_t from = s->from_s / steps[step].step_s;

    *end = s->now_s / steps[step].step_s + 1;
    *first = *end - from > steps[step].n ? *end - steps[step].n : from;
}

const struct sample *samples_at(const struct samples *s, enum samples_step step,
                                uint64_t number)
{
    const struct sample *const rings[SAMPLES_STEPS] = {[SAMPLES_OF_1S] = s->seconds,
                                                       [SAMPLES_OF_10S] = s->tens,
                                                       [SAMPLES_OF_60S] = s->minutes};

    return &rings[step][number % steps[step].n];
}

/* ---- latencies ---- */

/* The groups of the histogram are powers of two too; those below 256 µs are one here. */
enum { FIRST_GROUP = 5 };

uint64_t samples_below_us(unsigned i)
{
    MUST(i < SAMPLES_LATENCIES);
    return i < SAMPLES_LATENCIES - 1 ? histogram_below_us(FIRST_GROUP + i) : UINT64_MAX;
}

void samples_fold(const struct histogram *h, uint64_t latency[SAMPLES_LATENCIES])
{
    memset(latency, 0, SAMPLES_LATENCIES * sizeof(latency[0]));
    for (unsigned i = 0; i < HISTOGRAM_GROUPS; i++) {
        const unsigned k = i < FIRST_GROUP ? 0 : i - FIRST_GROUP;

        latency[k < SAMPLES_LATENCIES ? k : SAMPLES_LATENCIES - 1] += histogram_group(h, i);
    }
}

/* ---- a line ---- */

static void note(struct samples_line *l, uint64_t at, const struct samples_line_counts *counts)
{
    l->success = counts->success;
    l->failed = counts->failed;
    l->sum_us = counts->sum_us;
    l->timed_n = counts->timed_n;
    l->at = at;
}

void samples_line_begin(struct samples_line *l, uint64_t at,
                        const struct samples_line_counts *counts)
{
    memset(l->points, 0, sizeof(l->points));
    note(l, at, counts);
}

static void clear_line(struct samples_line *l, uint64_t at)
{
    const uint64_t n = at - l->at < SAMPLES_LINE_POINTS ? at - l->at : SAMPLES_LINE_POINTS;

    for (uint64_t i = 0; i < n; i++)
        l->points[(at - i) % SAMPLES_LINE_POINTS] = (struct samples_point){0};
}

void samples_line_add(struct samples_line *l, uint64_t at,
                      const struct samples_line_counts *counts)
{
    if (counts->success < l->success || counts->failed < l->failed) {
        samples_line_begin(l, at, counts);
        return;
    }
    MUST(at >= l->at);
    clear_line(l, at);
    struct samples_point *p = &l->points[at % SAMPLES_LINE_POINTS];
    const uint64_t n = grown(counts->timed_n, l->timed_n);

    add_one(&p->requests, counts->success + counts->failed, l->success + l->failed);
    add_one(&p->failed, counts->failed, l->failed);
    if (n > 0)
        p->mean_us = narrow(grown(counts->sum_us, l->sum_us) / n);
    note(l, at, counts);
}

struct samples_point samples_line_at(const struct samples_line *l, uint64_t at)
{
    if (at > l->at || l->at - at >= SAMPLES_LINE_POINTS)
        return (struct samples_point){0};
    return l->points[at % SAMPLES_LINE_POINTS];
}
