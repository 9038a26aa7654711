/* h1_pair.h - oracles of the h1 fuzz targets.
 *
 * Cut oracle: the same bytes whole, in one-byte steps and cut at random must give the same
 * transcript. Pair oracle: what was read, rewritten and written again must be read by a strict
 * reader as the same messages: the same number, the same framing, the same body; and what ended
 * early must not look complete to the next one.
 */
#ifndef WELDR_FUZZ_H1_PAIR_H
#define WELDR_FUZZ_H1_PAIR_H

#include "../unit/codec/h1_transcript.h"
#include "http/rewrite.h"

struct h1_fuzz {
    struct h1_shared *codecs;
    struct arena_store *store;
};

/* The writing side while a run reads. One codec and one output for each message. */
struct h1_pair {
    struct h1_fuzz *fuzz;
    struct h1_run to;
    struct arena arena;
    char *bytes; /* all that was written */
    size_t len;
    const char *method; /* responses: of the request that is answered */
    bool is_open;       /* a head was written */
    bool has_ended;
};

static inline struct h1_fuzz *h1_fuzz_get(void)
{
    static struct h1_fuzz fuzz;
    if (fuzz.codecs == NULL) {
        fuzz.codecs = h1_shared_new(0);
        fuzz.store = arena_store_new(1U << 16, 4);
    }
    return &fuzz;
}

static inline void h1_fuzz_check_equal(const char *what, const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return;
    fprintf(stderr, "%s differ:\n%s--- and:\n%s", what, a, b);
    abort();
}

/* One reading of the data; the caller gets the text and frees it. method NULL: as a server.
 * Brief readings are of what was written, which has some fields more: their limits are wider.
 */
static inline char *h1_fuzz_read(struct h1_fuzz *f, struct span data, const char *method,
                                 size_t max_step, bool is_brief)
{
    struct h1_run r;
    h1_run_init(&r, f->codecs, method == NULL ? CODEC_SERVER : CODEC_CLIENT,
                is_brief ? &codec_limits_response : &codec_limits_request);
    r.is_brief = is_brief;
    r.next_in_sink = max_step % 2 == 1;
    if (method != NULL)
        h1_run_ask(&r, method);
    h1_run_feed(&r, data, max_step, data.len);
    char *text = r.text;
    r.text = NULL;
    h1_run_fini(&r);
    return text;
}

enum { H1_FUZZ_BYTEWISE_MAX = 2000 };

static inline void h1_fuzz_check_cuts(struct h1_fuzz *f, struct span data, const char *method)
{
    static const size_t steps[] = {7, 100, 1};
    char *whole = h1_fuzz_read(f, data, method, 0, false);
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i] == 1 && data.len > H1_FUZZ_BYTEWISE_MAX)
            continue;
        char *cut = h1_fuzz_read(f, data, method, steps[i], false);
        h1_fuzz_check_equal("whole and cut", whole, cut);
        free(cut);
    }
    free(whole);
}

/* Takes what the writer has put into its outv. */
static inline void h1_pair_drain(struct h1_pair *p)
{
    size_t n;
    char *piece = h1_run_flatten(&p->to.out, &n);
    p->bytes = realloc(p->bytes, p->len + n + 1);
    if (p->bytes == NULL)
        abort();
    memcpy(p->bytes + p->len, piece, n);
    p->len += n;
    free(piece);
    outv_clear(&p->to.out);
}

#endif
