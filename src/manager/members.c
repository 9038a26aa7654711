#include "manager/members.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"
#include "manager/events.h"
#include "manager/manager.h"

/* ---- words ---- */

const char *members_word(const struct cluster_member *member)
{
    if (member->is_leader)
        return "leader";
    if (member->place == CLUSTER_JOINING)
        return "joining";
    if (member->place == CLUSTER_STANDBY)
        return "standby";
    return member->is_witness ? "witness" : "follower";
}

/* False: nobody has told it of itself yet. */
static bool find_self(const struct cluster *c, struct cluster_member *out)
{
    struct cluster_member list[MEMBERS_MAX];
    const unsigned n = c->ops->members(c, list, MEMBERS_MAX);

    for (unsigned i = 0; i < n && i < MEMBERS_MAX; i++) {
        if (list[i].is_self) {
            *out = list[i];
            return true;
        }
    }
    return false;
}

const char *members_own_word(const struct cluster *c)
{
    struct cluster_member self;
    const bool is_candidate = c->ops->role(c) == CLUSTER_CANDIDATE;

    if (members_was_removed(c))
        return "removed";
    if (!find_self(c, &self) || (self.place == CLUSTER_VOTER && is_candidate))
        return "candidate";
    return members_word(&self);
}

bool members_was_removed(const struct cluster *c)
{
    struct cluster_status status;

    c->ops->status(c, &status);
    return status.was_removed;
}

bool members_is_witness(const struct cluster *c)
{
    struct cluster_status status;

    if (c == NULL)
        return false;
    c->ops->status(c, &status);
    return status.is_witness;
}

uint64_t members_own_id(const struct cluster *c)
{
    struct cluster_member self;

    return !members_was_removed(c) && find_self(c, &self) ? self.id : 0;
}

void members_print_id(uint64_t id, char buf[MEMBERS_ID_TEXT])
{
    (void)snprintf(buf, MEMBERS_ID_TEXT, "%016" PRIx64, id);
}

int members_read_id(struct span text, uint64_t *id)
{
    if (text.len != MEMBERS_ID_TEXT - 1)
        return WERR_SYNTAX;
    return num_from_hex(text, UINT64_MAX, id) < 0 ? WERR_SYNTAX : 0;
}

const char *members_warning(const struct cluster *c)
{
    if (c->ops->members(c, NULL, 0) == 2)
        return "two members: the second is a standby and does not take over; a third one, or "
               "a witness, makes the cluster survive the loss of any";
    return NULL;
}

/* ---- what has changed ---- */

/* What an event says of a member. */
struct texts {
    char id[MEMBERS_ID_TEXT], address[ADDR_TEXT_MAX];
};

static void print(const struct cluster_member *member, struct texts *t)
{
    members_print_id(member->id, t->id);
    t->address[0] = '\0';
    if (member->address.family != 0)
        (void)addr_print(&member->address, t->address);
}

static const char *text_or_none(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static const struct cluster_member *find(const struct members *of, uint64_t id)
{
    for (unsigned i = 0; i < of->n; i++)
        if (of->list[i].id == id)
            return &of->list[i];
    return NULL;
}

static void tell(struct manager *m, enum event_kind kind, const struct cluster_member *member,
                 const char *from, const char *to)
{
    struct texts t;

    print(member, &t);
    events_tell(m, &(struct event_note){.kind = kind,
                                        .member = t.id,
                                        .address = text_or_none(t.address),
                                        .from = from,
                                        .to = to});
}

/* Without its part as a leader, of which leader_changed tells. */
static const char *place_word(const struct cluster_member *member)
{
    struct cluster_member other = *member;

    other.is_leader = false;
    return members_word(&other);
}

static void tell_moved(struct manager *m, const struct cluster_member *before,
                       const struct cluster_member *now)
{
    struct texts old, new;

    print(before, &old);
    print(now, &new);
    tell(m, EVENT_MEMBER_MOVED, now, text_or_none(old.address), text_or_none(new.address));
}

static void tell_members(struct manager *m, const struct members *before,
                         const struct members *now)
{
    for (unsigned i = 0; i < now->n; i++) {
        const struct cluster_member *member = &now->list[i];
        const struct cluster_member *old = find(before, member->id);

        if (old == NULL)
            tell(m, EVENT_MEMBER_ADDED, member, NULL, place_word(member));
        else if (place_word(old) != place_word(member))
            tell(m, EVENT_MEMBER_CHANGED, member, place_word(old), place_word(member));
        if (old != NULL && old->address.family != 0 &&
            !addr_is_equal(&old->address, &member->address))
            tell_moved(m, old, member);
    }
    for (unsigned i = 0; i < before->n; i++)
        if (find(now, before->list[i].id) == NULL)
            tell(m, EVENT_MEMBER_REMOVED, &before->list[i], NULL, NULL);
}

/* There is no leader, where there was one. */
static void tell_lost(struct manager *m, uint64_t leader_id)
{
    char id[MEMBERS_ID_TEXT];

    members_print_id(leader_id, id);
    events_tell(m, &(struct event_note){
                       .kind = EVENT_QUORUM_LOST,
                       .from = id,
                       .reason = "no leader is known: nothing can be changed until there is "
                                 "one; requests are served"});
}

static void tell_leader(struct manager *m, uint64_t before_id, const struct members *now)
{
    const struct cluster_member *member = find(now, now->leader_id);
    const struct cluster_member nameless = {.id = now->leader_id};
    char before[MEMBERS_ID_TEXT], id[MEMBERS_ID_TEXT];

    members_print_id(before_id, before);
    members_print_id(now->leader_id, id);
    tell(m, EVENT_LEADER_CHANGED, member != NULL ? member : &nameless,
         before_id != 0 ? before : NULL, id);
}

static void tell_differences(struct manager *m, const struct members *before,
                             const struct members *now)
{
    tell_members(m, before, now);
    if (now->leader_id == before->leader_id)
        return;
    if (now->leader_id == 0) {
        tell_lost(m, before->leader_id);
        return;
    }
    if (before->leader_id == 0)
        events_tell(m, &(struct event_note){.kind = EVENT_QUORUM_BACK});
    tell_leader(m, before->leader_id, now);
}

/* News at the start too: it is found out then, though perhaps while events are still silent. */
static void tell_halt(struct manager *m, struct members *seen)
{
    struct cluster_status status;

    if (m->events->is_replaying)
        return;
    m->cluster->ops->status(m->cluster, &status);
    if (status.halt.is_halted && !seen->is_halted)
        events_tell(m, &(struct event_note){.kind = EVENT_NODE_HALTED,
                                            .to = text_or_none(status.halt.version),
                                            .reason = status.halt.why});
    seen->is_halted = status.halt.is_halted;
}

/* The same. */
static void tell_recovered(struct manager *m, struct members *seen)
{
    struct cluster_status status;
    char incarnation[16];

    if (m->events->is_replaying || seen->was_recovered)
        return;
    m->cluster->ops->status(m->cluster, &status);
    if (!status.was_recovered)
        return;
    seen->was_recovered = true;
    (void)snprintf(incarnation, sizeof(incarnation), "%" PRIu32, status.incarnation);
    events_tell(m, &(struct event_note){.kind = EVENT_CLUSTER_RECOVERED,
                                        .to = incarnation,
                                        .reason = "the members of before are kept out: they "
                                                  "join anew"});
}

static bool is_one_of_several(const struct cluster *c, unsigned n)
{
    struct cluster_status status;

    c->ops->status(c, &status);
    return n > 1 || status.id[0] != '\0';
}

/* Of itself it has heard more than the log says that it has. */
static void drop_self(struct members *seen)
{
    unsigned n = 0;

    for (unsigned i = 0; i < seen->n; i++)
        if (!seen->list[i].is_self)
            seen->list[n++] = seen->list[i];
    seen->n = n;
}

void members_look(struct manager *m, struct members *seen, bool tells)
{
    const struct cluster *c = m->cluster;
    const struct members before = *seen;
    struct cluster_member leader;

    if (c == NULL)
        return;
    seen->n = c->ops->members(c, seen->list, MEMBERS_MAX);
    MUST(seen->n <= MEMBERS_MAX); /* the engine has fewer */
    if (members_was_removed(c))
        drop_self(seen);
    seen->leader_id = c->ops->leader(c, &leader) ? leader.id : 0;
    tell_halt(m, seen);
    tell_recovered(m, seen);
    if (tells && (is_one_of_several(c, seen->n) || before.n > 1))
        tell_differences(m, &before, seen);
}
