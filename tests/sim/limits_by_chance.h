/* limits_by_chance.h - max_requests for the servers of a third of all scenes of test_seeds.c.
 */
#ifndef WELDR_TESTS_SIM_LIMITS_BY_CHANCE_H
#define WELDR_TESTS_SIM_LIMITS_BY_CHANCE_H

#include "world.h"

/* By a row of chance of its own: the scene stays as it is. In a calm one nobody waits for too
 * long. */
static inline void limit_by_chance(struct world *w, uint64_t seed, bool is_calm)
{
    struct rand_state r;

    rand_seed(&r, seed * 11 + 3);
    if (rand_below(&r, 3) != 0)
        return;
    world_set(w, "queue.wait_ms", is_calm ? 86400000 : 1 + rand_below(&r, 2000));
    for (unsigned n = 0; n < WORLD_ORIGINS; n++)
        if (w->server_id[n] && rand_below(&r, 4) > 0)
            CHECK(world_set_max_requests(w, n, 1 + (uint32_t)rand_below(&r, 2)) == 0);
}

#endif
