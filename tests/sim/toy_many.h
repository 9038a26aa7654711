/* toy_many.h - a hundred requests at once on one connection, for the tests of streams. */
#ifndef WELDR_TESTS_SIM_TOY_MANY_H
#define WELDR_TESTS_SIM_TOY_MANY_H

#include "toy_client.h"

enum { MANY = 100, STALLED = 7, BODY_BYTES = 60000, BIG_BYTES = 3000000 };

/* How many have BODY_BYTES, which are their own? */
static inline unsigned toy_whole_n(const struct toy_client *t)
{
    unsigned n = 0;

    for (unsigned i = 0; i < t->n; i++)
        n += toy_is_whole(&t->asks[i], BODY_BYTES);
    return n;
}

/* MANY of all kinds; the stalled one, if stalled_bytes are > 0, asks for so many and takes none
 * of them but what there is credit for. */
static inline struct toy_client *toy_ask_many(struct world *w, size_t stalled_bytes)
{
    static const char *const kinds[] = {"len", "chunked", "until"};
    struct toy_client *t = toy_client(w);

    for (unsigned i = 0; i < MANY; i++) {
        const bool is_stalled = i == STALLED && stalled_bytes > 0;
        struct toy_ask *a =
            toy_askf(t, 0, "/%s/%zu/%u", is_stalled ? "len" : kinds[i % COUNT(kinds)],
                     is_stalled ? stalled_bytes : (size_t)BODY_BYTES, i);

        CHECK(a->has_begun);
        a->pauses_at_head = is_stalled;
    }
    return t;
}

/* The connection lives, and carries nothing. */
static inline void toy_check_idle(const struct toy_client *t)
{
    CHECK(toy_stream_n(t->codec) == 0);
    CHECK(t->w->worker.streams.slab.in_use == 0);
    CHECK(world_stat(t->w, STATS_in_flight) == 0);
    CHECK(world_stat(t->w, STATS_client_open) == 1);
    CHECK(!t->base.peer.has_fin && !t->base.peer.has_reset);
}

static inline void toy_end(struct toy_client *t)
{
    struct world *w = t->w;

    toy_client_free(t);
    world_end(w);
}

#endif
