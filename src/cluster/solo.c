#include "cluster/cluster.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cluster/vips_alone.h"
#include "pool/levels.h"

/* A cluster of one: what is proposed is committed on the spot. Nothing is stored, so that an
 * entry which its owner had no memory for is as if it had never been. */

enum { SELF_ID = 1 };

struct solo {
    struct cluster cluster; /* first: the cluster that callers hold */
    uint64_t index;
    bool is_committing;
    struct vips_alone vips;
    char *snapshot; /* heap: what the owner's state is when it starts; NULL: nothing */
    size_t snapshot_bytes;
};

/* As where it was stored: a snapshot comes before all else. */
static int restore(struct solo *s)
{
    const struct cluster *c = &s->cluster;

    if (s->snapshot == NULL)
        return 0;
    const int rc =
        c->hooks.on_restore(c->hooks.arg, s->index, span_from(s->snapshot, s->snapshot_bytes));
    free(s->snapshot);
    s->snapshot = NULL;
    return rc;
}

static int start(struct cluster *c)
{
    c->hooks.on_role(c->hooks.arg, CLUSTER_LEADER);
    const int rc = restore((struct solo *)c);
    if (rc < 0)
        return rc;
    c->hooks.on_settled(c->hooks.arg);
    return 0;
}

static int propose(struct cluster *c, struct span entry, const uint8_t *request_id,
                   cluster_done_fn done, void *arg)
{
    struct solo *s = (struct solo *)c;
    const uint64_t index = s->index + 1;

    (void)request_id;
    MUST(!s->is_committing);
    s->is_committing = true;
    int rc = c->hooks.on_commit(c->hooks.arg, index, entry);
    s->is_committing = false;
    if (rc < 0)
        return rc;
    s->index = index;
    done(arg, 0, index);
    return 0;
}

static int barrier(struct cluster *c, cluster_done_fn done, void *arg)
{
    done(arg, 0, ((struct solo *)c)->index);
    return 0;
}

static enum cluster_role role(const struct cluster *c)
{
    (void)c;
    return CLUSTER_LEADER;
}

static bool leader(const struct cluster *c, struct cluster_member *out)
{
    (void)c;
    *out = (struct cluster_member){.id = SELF_ID,
                                   .is_self = true,
                                   .is_leader = true,
                                   .level = LEVEL_NEWEST,
                                   .version = WELDR_VERSION};
    return true;
}

static uint64_t last_index(const struct cluster *c)
{
    return ((const struct solo *)c)->index;
}

static unsigned members(const struct cluster *c, struct cluster_member *out, unsigned max)
{
    if (max > 0)
        (void)leader(c, out);
    return 1;
}

static int add_member(struct cluster *c, const struct cluster_member *member,
                      cluster_done_fn done, void *arg)
{
    (void)c;
    (void)done;
    (void)arg;
    return member->id == SELF_ID ? WERR_EXISTS : WERR_UNSUPPORTED;
}

static int remove_member(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    (void)c;
    (void)done;
    (void)arg;
    return id == SELF_ID ? WERR_INVALID : WERR_NOT_FOUND;
}

/* Nobody else could; to itself it is done. */
static int transfer(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    if (id != SELF_ID && id != 0)
        return WERR_NOT_FOUND;
    done(arg, 0, ((struct solo *)c)->index);
    return 0;
}

static int promote(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    (void)c;
    (void)done;
    (void)arg;
    return id == SELF_ID ? WERR_EXISTS : WERR_NOT_FOUND;
}

static int place_member(struct cluster *c, uint64_t id, const struct addr *address,
                        cluster_done_fn done, void *arg)
{
    (void)c;
    (void)address;
    (void)done;
    (void)arg;
    return id == SELF_ID ? WERR_UNSUPPORTED : WERR_NOT_FOUND;
}

static int make_token(struct cluster *c, uint32_t lifetime_s, cluster_text_fn done, void *arg)
{
    (void)c;
    (void)lifetime_s;
    (void)done;
    (void)arg;
    return WERR_UNSUPPORTED;
}

/* There is nobody else. */
static void share(struct cluster *c, struct span bytes)
{
    (void)c;
    (void)bytes;
}

static int order(struct cluster *c, uint64_t id, struct span request, cluster_text_fn done,
                 void *arg)
{
    (void)c;
    (void)request;
    (void)done;
    (void)arg;
    return id == SELF_ID ? WERR_INVALID : WERR_NOT_FOUND;
}

static void answer(struct cluster *c, const struct cluster_order *of, struct span text)
{
    (void)c;
    (void)of;
    (void)text;
}

static void set_vips(struct cluster *c, const struct cluster_vip_wish *wishes, unsigned n)
{
    struct solo *s = (struct solo *)c;

    if (vips_alone_set(&s->vips, wishes, n, SELF_ID, clock_wall_us() / 1000) &&
        c->hooks.on_vips != NULL)
        c->hooks.on_vips(c->hooks.arg);
}

/* Nobody else is fitter. */
static void set_fitness(struct cluster *c, enum cluster_fitness fitness, const char *why)
{
    (void)c;
    (void)fitness;
    (void)why;
}

static unsigned vips(const struct cluster *c, struct cluster_vip *out, unsigned max)
{
    return vips_alone_get(&((const struct solo *)c)->vips, out, max);
}

static int move_vip(struct cluster *c, const struct addr *address, uint64_t id,
                    cluster_done_fn done, void *arg)
{
    const struct solo *s = (const struct solo *)c;
    const int rc = vips_alone_move(&s->vips, address, id, SELF_ID);

    if (rc == 0)
        done(arg, 0, s->index);
    return rc;
}

/* It may be taken again at any time. */
static void released(struct cluster *c, const struct addr *address)
{
    (void)c;
    (void)address;
}

static void status(const struct cluster *c, struct cluster_status *out)
{
    *out = (struct cluster_status){.term = 1,
                                   .applied = ((const struct solo *)c)->index,
                                   .voters = 1,
                                   .quorum = 1,
                                   .has_quorum = true,
                                   .level = LEVEL_NEWEST,
                                   .known_level = LEVEL_NEWEST,
                                   .profile = "lan",
                                   .vip = cluster_vip_times(0)};
}

static void free_solo(struct cluster *c)
{
    free(((struct solo *)c)->snapshot);
    free(c);
}

static const struct cluster_ops solo_ops = {
    .name = "solo",
    .start = start,
    .propose = propose,
    .barrier = barrier,
    .role = role,
    .leader = leader,
    .index = last_index,
    .members = members,
    .add_member = add_member,
    .remove_member = remove_member,
    .promote = promote,
    .place_member = place_member,
    .transfer = transfer,
    .make_token = make_token,
    .share = share,
    .order = order,
    .answer = answer,
    .set_vips = set_vips,
    .set_fitness = set_fitness,
    .vips = vips,
    .move_vip = move_vip,
    .released = released,
    .status = status,
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

void cluster_solo_begin_from(struct cluster *c, uint64_t index, char *snapshot, size_t bytes)
{
    struct solo *s = (struct solo *)c;

    MUST(c->ops == &solo_ops && s->index == 0);
    s->index = index;
    s->snapshot = snapshot;
    s->snapshot_bytes = bytes;
}
