/* h1_table.h - runs one row of a table of inputs through a codec: whole, byte by byte, and cut
 * at random. */
#ifndef WELDR_TESTS_H1_TABLE_H
#define WELDR_TESTS_H1_TABLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "h1_transcript.h"

/* Inputs may hold NUL. */
#define IN(...) __VA_ARGS__, sizeof(__VA_ARGS__) - 1

struct h1_row {
    const char *name;
    const char *method; /* client: of the request that is answered; NULL: server */
    const char *in;
    size_t in_len;
    const char *expected;
};

enum { H1_RANDOM_RUNS = 8 };
#define H1_SEED UINT64_C(0x5eed2)

static struct h1_shared *h1_codecs;

static inline int h1_table_setup(void **state)
{
    (void)state;
    h1_codecs = h1_shared_new(0);
    return h1_codecs == NULL;
}

static inline int h1_table_teardown(void **state)
{
    (void)state;
    h1_shared_free(h1_codecs);
    return 0;
}

/* asks: flags of the request that is answered, enum msg_flag. */
static inline void h1_run_start_with(struct h1_run *r, const char *method, uint16_t asks)
{
    if (method == NULL) {
        h1_run_init(r, h1_codecs, CODEC_SERVER, &codec_limits_request);
        return;
    }
    h1_run_init(r, h1_codecs, CODEC_CLIENT, &codec_limits_response);
    h1_run_ask_with(r, method, asks);
}

static inline void h1_run_start(struct h1_run *r, const char *method)
{
    h1_run_start_with(r, method, 0);
}

/* Returns whether the transcript is the one expected; says what differs. */
static inline bool h1_row_holds(const struct h1_row *row, uint16_t asks, size_t max_step,
                                uint64_t seed)
{
    struct h1_run r;
    h1_run_start_with(&r, row->method, asks);
    r.next_in_sink = seed % 2 == 1;
    h1_run_feed(&r, span_from(row->in, row->in_len), max_step, seed);
    bool holds = strcmp(r.text, row->expected) == 0;
    if (!holds)
        print_error("%s (steps %zu, seed %" PRIu64 "):\n%s--- expected:\n%s", row->name,
                    max_step, seed, r.text, row->expected);
    h1_run_fini(&r);
    return holds;
}

static inline void h1_table_check_asking(const struct h1_row *rows, size_t n, uint16_t asks)
{
    bool all_hold = true;
    for (size_t i = 0; i < n; i++) {
        all_hold &= h1_row_holds(&rows[i], asks, 0, H1_SEED);
        all_hold &= h1_row_holds(&rows[i], asks, 0, H1_SEED + 1);
        all_hold &= h1_row_holds(&rows[i], asks, 1, H1_SEED);
        all_hold &= h1_row_holds(&rows[i], asks, 1, H1_SEED + 1);
        for (unsigned k = 0; k < H1_RANDOM_RUNS; k++)
            all_hold &=
                h1_row_holds(&rows[i], asks, 2 + k * 4, H1_SEED + i * H1_RANDOM_RUNS + k);
    }
    assert_true(all_hold);
}

static inline void h1_table_check(const struct h1_row *rows, size_t n)
{
    h1_table_check_asking(rows, n, 0);
}

#endif
