#include "cluster/cluster.h"

#include <stdlib.h>

/* A cluster of one: what is proposed is committed on the spot. Entries that hooks propose while
 * one is being committed are committed inside it; the indexes still rise in the order in which
 * on_commit is called. */
struct solo {
    struct cluster cluster; /* first: the cluster that callers hold */
    uint64_t index;
};

static int propose(struct cluster *c, struct span entry, cluster_done_fn done, void *arg)
{
    struct solo *s = (struct solo *)c;
    const uint64_t index = ++s->index;

    c->hooks.on_commit(c->hooks.arg, index, entry);
    if (done != NULL)
        done(arg, 0, index);
    return 0;
}

static bool is_leader(const struct cluster *c)
{
    (void)c;
    return true;
}

static unsigned count_members(const struct cluster *c)
{
    (void)c;
    return 1;
}

static uint64_t last_index(const struct cluster *c)
{
    return ((const struct solo *)c)->index;
}

static void free_solo(struct cluster *c)
{
    free(c);
}

static const struct cluster_ops solo_ops = {
    .name = "solo",
    .propose = propose,
    .is_leader = is_leader,
    .members = count_members,
    .index = last_index,
    .free = free_solo,
};

struct cluster *cluster_solo_new(const struct cluster_hooks *hooks)
{
    struct solo *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->cluster.ops = &solo_ops;
    s->cluster.hooks = *hooks;
    return &s->cluster;
}
