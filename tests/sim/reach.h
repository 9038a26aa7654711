/* reach.h - what test_reach.c and test_addresses.c share. */
#ifndef WELDR_TESTS_SIM_REACH_H
#define WELDR_TESTS_SIM_REACH_H

#include "got.h"

static inline uint64_t failed_of(const struct world *w, unsigned n)
{
    return w->stats->server[n].value[STATS_SERVER_failed];
}

static inline uint64_t success_of(const struct world *w, unsigned n)
{
    return w->stats->server[n].value[STATS_SERVER_success];
}

/* So many requests, one after the other, each answered well. */
static inline void ask_well(struct world *w, unsigned n)
{
    struct world_client *c = world_client(w);

    for (unsigned i = 0; i < n; i++) {
        world_say(c, GET("/len/1/1"));
        world_run_ms(w, 5);
        CHECK(status_of(c, i) == 200);
    }
}

static inline struct world *open_servers(unsigned n, const uint16_t *weights)
{
    struct world_setup setup = {.seed = 1, .server_n = n};
    struct world *w;

    for (unsigned i = 0; weights && i < n; i++)
        setup.weight[i] = weights[i];
    w = world_open(&setup);
    world_set(w, "eject.errors", 0);
    return w;
}

#endif
