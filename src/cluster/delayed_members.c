#include "cluster/delayed_int.h"

#include <string.h>

#include "base/clock.h"
#include "pool/levels.h"

/* Members are what they were told to be: none of them runs. */

static void get_member(const struct delayed *d, unsigned i, struct cluster_member *out)
{
    *out = d->members[i];
    out->is_self = i == 0;
    out->is_leader = d->role == (i == 0 ? CLUSTER_LEADER : CLUSTER_FOLLOWER) && i <= 1;
}

/* Another one leads while this one follows. */
bool delayed_leader(const struct cluster *c, struct cluster_member *out)
{
    const struct delayed *d = (const struct delayed *)c;

    if (d->role == CLUSTER_CANDIDATE)
        return false;
    get_member(d, d->role == CLUSTER_LEADER ? 0 : 1, out);
    return true;
}

unsigned delayed_members(const struct cluster *c, struct cluster_member *out, unsigned max)
{
    const struct delayed *d = (const struct delayed *)c;

    for (unsigned i = 0; i < d->member_n && i < max; i++)
        get_member(d, i, &out[i]);
    return d->member_n;
}

static void tell_members(struct delayed *d)
{
    if (d->cluster.hooks.on_members != NULL)
        d->cluster.hooks.on_members(d->cluster.hooks.arg);
}

static unsigned find_member(const struct delayed *d, uint64_t id)
{
    unsigned i = 0;

    while (i < d->member_n && d->members[i].id != id)
        i++;
    return i;
}

int delayed_add_member(struct cluster *c, const struct cluster_member *member,
                       cluster_done_fn done, void *arg)
{
    struct delayed *d = delayed_of(c);
    int rc = delayed_check_request(d);

    if (rc == 0 && find_member(d, member->id) < d->member_n)
        rc = WERR_EXISTS;
    if (rc == 0 && (d->member_n == MEMBERS_MAX || member->id < d->members[d->member_n - 1].id))
        rc = WERR_UNSUPPORTED;
    if (rc == 0)
        rc = delayed_end_later(d, delayed_new_request(done, arg), 0);
    if (rc == 0)
        d->members[d->member_n++] = *member;
    if (rc == 0)
        tell_members(d);
    return rc;
}

int delayed_remove_member(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    struct delayed *d = delayed_of(c);
    const unsigned i = find_member(d, id);
    int rc = delayed_check_request(d);

    if (rc == 0 && i == 0)
        rc = WERR_INVALID;
    if (rc == 0 && i == d->member_n)
        rc = WERR_NOT_FOUND;
    if (rc == 0)
        rc = delayed_end_later(d, delayed_new_request(done, arg), 0);
    if (rc < 0)
        return rc;
    d->member_n--;
    memmove(&d->members[i], &d->members[i + 1], (d->member_n - i) * sizeof(d->members[0]));
    tell_members(d);
    return 0;
}

int delayed_transfer(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    struct delayed *d = delayed_of(c);
    int rc = delayed_check_request(d);

    if (rc == 0 && id != 0 && find_member(d, id) == d->member_n)
        rc = WERR_NOT_FOUND;
    if (rc == 0)
        rc = delayed_end_later(d, delayed_new_request(done, arg), 0);
    if (rc == 0 && id != SELF_ID)
        delayed_give_up(d);
    return rc;
}

int delayed_promote(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    struct delayed *d = delayed_of(c);
    const unsigned i = find_member(d, id);
    int rc = delayed_check_request(d);

    if (rc == 0 && i == d->member_n)
        rc = WERR_NOT_FOUND;
    if (rc == 0 && d->members[i].place == CLUSTER_VOTER)
        rc = WERR_EXISTS;
    if (rc == 0)
        rc = delayed_end_later(d, delayed_new_request(done, arg), 0);
    if (rc == 0)
        d->members[i].place = CLUSTER_VOTER;
    if (rc == 0)
        tell_members(d);
    return rc;
}

/* No member of it tells where it is. */
int delayed_place_member(struct cluster *c, uint64_t id, const struct addr *address,
                         cluster_done_fn done, void *arg)
{
    struct delayed *d = delayed_of(c);
    const unsigned i = find_member(d, id);
    int rc = delayed_check_request(d);

    if (rc == 0 && i == d->member_n)
        rc = WERR_NOT_FOUND;
    for (unsigned k = 0; rc == 0 && address != NULL && k < d->member_n; k++)
        if (k != i && addr_is_equal(&d->members[k].address, address))
            rc = WERR_EXISTS;
    if (rc == 0)
        rc = delayed_end_later(d, delayed_new_request(done, arg), 0);
    if (rc < 0)
        return rc;
    d->members[i].address = address != NULL ? *address : (struct addr){0};
    d->members[i].is_placed = address != NULL;
    tell_members(d);
    return 0;
}

/* Nobody can join with it. */
int delayed_make_token(struct cluster *c, uint32_t lifetime_s, cluster_text_fn done, void *arg)
{
    const int rc = delayed_check_request(delayed_of(c));

    (void)lifetime_s;
    if (rc == 0)
        done(arg, 0, SPAN("weldr1.of-the-delayed-engine"));
    return rc;
}

/* Its members are entries of a table, which hear nothing. */
void delayed_share(struct cluster *c, struct span bytes)
{
    (void)c;
    (void)bytes;
}

int delayed_order(struct cluster *c, uint64_t id, struct span request, cluster_text_fn done,
                  void *arg)
{
    const struct delayed *d = delayed_of(c);
    const unsigned i = find_member(d, id);

    (void)request;
    (void)done;
    (void)arg;
    if (i == d->member_n)
        return WERR_NOT_FOUND;
    return i == 0 ? WERR_INVALID : WERR_UNREACHABLE;
}

void delayed_answer(struct cluster *c, const struct cluster_order *order, struct span text)
{
    (void)c;
    (void)order;
    (void)text;
}

void delayed_set_vips(struct cluster *c, const struct cluster_vip_wish *wishes, unsigned n)
{
    struct delayed *s = delayed_of(c);

    if (vips_alone_set(&s->vips, wishes, n, SELF_ID, clock_wall_us() / 1000) &&
        c->hooks.on_vips != NULL)
        c->hooks.on_vips(c->hooks.arg);
}

/* None of its members runs, so it holds all itself, whoever leads. */
void delayed_set_fitness(struct cluster *c, enum cluster_fitness fitness, const char *why)
{
    (void)c;
    (void)fitness;
    (void)why;
}

unsigned delayed_vips(const struct cluster *c, struct cluster_vip *out, unsigned max)
{
    return vips_alone_get(&((const struct delayed *)c)->vips, out, max);
}

int delayed_move_vip(struct cluster *c, const struct addr *address, uint64_t id,
                     cluster_done_fn done, void *arg)
{
    struct delayed *d = delayed_of(c);
    int rc = delayed_check_request(d);

    if (rc == 0)
        rc = vips_alone_move(&d->vips, address, id, SELF_ID);
    if (rc == 0)
        rc = delayed_end_later(d, delayed_new_request(done, arg), 0);
    return rc;
}

/* It may be taken again at any time. */
void delayed_released(struct cluster *c, const struct addr *address)
{
    (void)c;
    (void)address;
}

void delayed_status(const struct cluster *c, struct cluster_status *out)
{
    const struct delayed *d = (const struct delayed *)c;

    *out = (struct cluster_status){.term = 1,
                                   .applied = d->index,
                                   .has_quorum = d->role != CLUSTER_CANDIDATE,
                                   .level = LEVEL_NEWEST,
                                   .known_level = LEVEL_NEWEST,
                                   .profile = "lan",
                                   .vip = cluster_vip_times(0)};
    for (unsigned i = 0; i < d->member_n; i++)
        out->voters += d->members[i].place == CLUSTER_VOTER;
    out->quorum = out->voters / 2 + 1;
}
