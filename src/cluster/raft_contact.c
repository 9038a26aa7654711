#include "cluster/raft_int.h"

/* Elections that a leader may be silent for. */
enum { LOST_ELECTIONS = 2 };
/* To call another member and hear what it says of this one takes a few hundred. */
enum { PAST_MS = 3000 };

static struct contact *find_contact(const struct engine *e, uint64_t id)
{
    for (unsigned i = 0; i < ROSTER_MEMBERS_MAX; i++)
        if (e->contacts[i].id == id)
            return (struct contact *)&e->contacts[i];
    return NULL;
}

/* One that is no member gives way. */
static struct contact *free_contact(struct engine *e)
{
    for (unsigned i = 0; i < ROSTER_MEMBERS_MAX; i++)
        if (e->contacts[i].id == 0 || roster_find(e->roster, e->contacts[i].id) == NULL)
            return &e->contacts[i];
    return NULL;
}

void engine_contact_heard(struct engine *e, uint64_t id)
{
    struct contact *c = find_contact(e, id);

    if (c == NULL)
        c = free_contact(e);
    if (c != NULL)
        *c = (struct contact){id, loop_now_ms(e->loop.loop)};
}

uint64_t engine_contact_silent_ms(const struct engine *e, uint64_t id)
{
    const struct contact *c = find_contact(e, id);

    if (id == e->self.id)
        return 0;
    return c != NULL ? loop_now_ms(e->loop.loop) - c->at_ms : UINT64_MAX;
}

bool engine_contact_is_live(const struct engine *e, uint64_t id, uint64_t within_ms)
{
    return engine_contact_silent_ms(e, id) <= within_ms;
}

static bool has_vote(const struct engine *e)
{
    const struct raft_configuration *c = &e->raft.configuration;

    for (unsigned i = 0; i < c->n; i++)
        if (c->servers[i].id == e->self.id)
            return c->servers[i].role == RAFT_VOTER;
    return false;
}

bool engine_contact_is_lost(const struct engine *e, uint64_t leader_id)
{
    const uint64_t limit_ms =
        (uint64_t)LOST_ELECTIONS * roster_election_ms((enum roster_profile)e->member.profile);

    return leader_id != e->self.id && !has_vote(e) &&
           !engine_contact_is_live(e, leader_id, limit_ms);
}

static unsigned voter_n(const struct engine *e)
{
    unsigned n = 0;

    for (unsigned i = 0; i < e->raft.configuration.n; i++)
        n += e->raft.configuration.servers[i].role == RAFT_VOTER;
    return n;
}

bool engine_contact_may_be_past(const struct engine *e)
{
    const uint64_t runs_ms = loop_now_ms(e->loop.loop) - e->started_ms;

    if (e->options.goes_on || runs_ms >= PAST_MS || !engine_has_peers(e) || !has_vote(e) ||
        voter_n(e) != 1)
        return false;
    for (unsigned i = 0; i < roster_member_n(e->roster); i++) {
        const uint64_t id = roster_member_at(e->roster, i)->id;

        if (id != e->self.id && engine_contact_silent_ms(e, id) != UINT64_MAX)
            return false;
    }
    return true;
}

/* Of all others together. */
uint64_t engine_contact_alone_ms(const struct engine *e)
{
    uint64_t least = loop_now_ms(e->loop.loop) - e->started_ms;

    if (e->role == CLUSTER_LEADER)
        return 0;
    for (unsigned i = 0; i < roster_member_n(e->roster); i++) {
        const uint64_t id = roster_member_at(e->roster, i)->id;
        const uint64_t silent = engine_contact_silent_ms(e, id);

        if (id != e->self.id && silent < least)
            least = silent;
    }
    return least;
}
