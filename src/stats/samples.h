/* samples.h - how much was served in each second, each ten and each minute of the last time:
 * for who draws it and can't have been there (GET /stats/samples).
 *
 * Two kinds. The node has three rings: 300 samples of a second, 360 of ten, 60 of a minute,
 * with requests, bytes, classes of status and a coarse histogram of latencies; 100 KiB in all.
 * A pool or a server has a line: 60 points of ten seconds, 736 bytes, made when it is first
 * served; with all that may be described (16384 servers, 4096 pools) that is 15 MB.
 *
 * Time is counted in whole seconds of a clock that never goes back. Whoever has nothing to tell
 * for a while tells nothing: what was left out reads as zeros. Numbers of a second fit in 32
 * bits; those that do not stop there. Pure. Owner and only caller: manager/sampler.h.
 */
#ifndef WELDR_STATS_SAMPLES_H
#define WELDR_STATS_SAMPLES_H

#include <stdint.h>

#include "stats/histogram.h"
#include "stats/served.h"

enum {
    SAMPLES_LATENCIES = 18, /* by powers of two: below 256 µs … below 16.8 s, and the rest */
    SAMPLES_SECONDS = 300,
    SAMPLES_TENS = 360,
    SAMPLES_MINUTES = 60,
    SAMPLES_LINE_STEP_S = 10,
    SAMPLES_LINE_POINTS = 60
};

/* What was counted within one step. */
struct sample {
    uint32_t requests; /* that ended: responses to clients */
    uint32_t failed;   /* of those: 500 and more, or broken off */
    uint32_t classes[STATS_CLASSES];
    uint32_t latency[SAMPLES_LATENCIES];
    uint64_t bytes_in, bytes_out;
};

/* Sums, as they were counted so far. */
struct samples_counts {
    uint64_t requests, failed, bytes_in, bytes_out;
    uint64_t classes[STATS_CLASSES];
    uint64_t latency[SAMPLES_LATENCIES];
};

enum samples_step { SAMPLES_OF_1S, SAMPLES_OF_10S, SAMPLES_OF_60S, SAMPLES_STEPS };

struct samples {
    struct samples_counts last;
    uint64_t from_s, now_s; /* what there is to tell: the second that it began in, the newest */
    struct sample seconds[SAMPLES_SECONDS], tens[SAMPLES_TENS], minutes[SAMPLES_MINUTES];
};

/* From now on: what was counted before is told by nobody. */
void samples_begin(struct samples *s, uint64_t now_s, const struct samples_counts *counts);
/* What has come since the call before belongs to this second. now_s: never less than before. */
void samples_add(struct samples *s, uint64_t now_s, const struct samples_counts *counts);
uint64_t samples_step_s(enum samples_step step);
/* Which samples there are: those with the numbers *first to *end - 1; a number is a second of
 * the clock divided by the step. The last one is not over yet. */
void samples_span(const struct samples *s, enum samples_step step, uint64_t *first,
                  uint64_t *end);
const struct sample *samples_at(const struct samples *s, enum samples_step step,
                                uint64_t number);
/* The latencies of a histogram, coarser. */
void samples_fold(const struct histogram *h, uint64_t latency[SAMPLES_LATENCIES]);
/* What is in latency[i] took less; UINT64_MAX: the last one, that has no bound. */
uint64_t samples_below_us(unsigned i);

/* ---- of a pool or a server ---- */

struct samples_point {
    uint32_t requests, failed;
    uint32_t mean_us; /* until the end of the response; 0: none ended */
};

struct samples_line {
    uint64_t success, failed, sum_us; /* as they were counted so far … */
    uint64_t timed_n;                 /* … with that many times in the sum … */
    uint64_t at;                      /* … in the ten seconds of this number */
    struct samples_point points[SAMPLES_LINE_POINTS];
};

struct samples_line_counts {
    uint64_t success, failed, sum_us, timed_n;
};

/* at: the number of the ten seconds, never less than before. Counters that went back belong to
 * somebody else: the line begins anew. */
void samples_line_begin(struct samples_line *l, uint64_t at,
                        const struct samples_line_counts *counts);
void samples_line_add(struct samples_line *l, uint64_t at,
                      const struct samples_line_counts *counts);
/* The point of those ten seconds; zeros where there is none. */
struct samples_point samples_line_at(const struct samples_line *l, uint64_t at);

#endif
