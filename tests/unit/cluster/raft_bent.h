/* raft_bent.h - for tests that look into the engines of cluster_fixture.h, and bend them. */
#ifndef WELDR_TESTS_RAFT_BENT_H
#define WELDR_TESTS_RAFT_BENT_H

#include "cluster/raft_int.h"
#include "cluster_fixture.h"

static inline struct engine *engine_at(unsigned i)
{
    return (struct engine *)cluster_of(i);
}

static inline void turn_for(uint64_t ms)
{
    const uint64_t end_ms = loop_now_ms(lab.loop) + ms;

    while (loop_now_ms(lab.loop) < end_ms)
        (void)loop_turn(lab.loop, 20);
}

static inline void stop_all(unsigned n, struct addr *at)
{
    for (unsigned i = 0; i < n; i++)
        at[i] = status_of(i).address;
    for (unsigned i = 0; i < n; i++)
        close_node(i);
}

static inline void start_again(unsigned i, const struct addr *at)
{
    open_node(i, &(struct cluster_options){.listen = at[i]});
}

static inline bool leads(unsigned i)
{
    return cluster_of(i)->ops->role(cluster_of(i)) == CLUSTER_LEADER;
}

static inline void on_led(void *arg, int error, uint64_t index)
{
    (void)arg;
    (void)error;
    (void)index;
}

static inline void make_leader(unsigned i)
{
    for (unsigned n = 0; !leads(i); n++) {
        assert_true(n < WAIT_MS);
        if (n % 50 == 0)
            (void)cluster_of(i)->ops->transfer(cluster_of(i), id_of(i), on_led, NULL);
        (void)loop_turn(lab.loop, 20);
    }
}

/* Nobody else is elected, however busy the machine is. */
static inline void keep_calm(unsigned i)
{
    raft_set_election_timeout(&engine_at(i)->raft, 2 * WAIT_MS);
}

/* Returns who leads, and goes on to. */
static inline unsigned make_calm(unsigned n)
{
    AWAIT(has_leader, n);
    for (unsigned i = 0; i < n; i++)
        keep_calm(i);
    AWAIT(has_leader, n);
    return leader_index(n);
}

static inline bool has_raft(unsigned i)
{
    return engine_at(i)->raft.data != NULL;
}

#endif
