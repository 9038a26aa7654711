#include "manager/fence.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/addr.h"
#include "manager/members.h"

struct pair {
    struct cluster_member self, other;
    bool is_one; /* two members, of which the other one votes and this one stands by */
};

uint64_t fence_silence_ms(const struct cluster_status *status)
{
    return status->vip.lease_ms + status->vip.holdoff_ms + FENCE_KERNEL_MS;
}

static void find_pair(const struct cluster *c, struct pair *p)
{
    struct cluster_member list[MEMBERS_MAX];
    const unsigned n = c->ops->members(c, list, MEMBERS_MAX);

    *p = (struct pair){.is_one = false};
    if (n != 2 || list[0].is_self == list[1].is_self)
        return;
    p->self = list[list[0].is_self ? 0 : 1];
    p->other = list[list[0].is_self ? 1 : 0];
    p->is_one = p->self.place == CLUSTER_STANDBY && p->other.place == CLUSTER_VOTER;
}

static const char *why_not_possible(const struct cluster_status *s, const struct pair *p,
                                    uint64_t id)
{
    if (s->was_removed)
        return "this node was removed from its cluster, which has gone on without it";
    if (s->is_witness)
        return "this node is a witness, which serves nobody: stop it and run weldr cluster "
               "recover on its directory";
    if (!p->is_one)
        return "force is for the second of two members, which has no vote: where most voters "
               "are gone for good, stop the node whose log goes the furthest and run weldr "
               "cluster recover on its directory";
    if (id != p->self.id)
        return "force is asked of the node that is to go on, with its own id";
    return NULL;
}

static void say_contact(const struct cluster_status *s, const struct pair *p,
                        char why[FENCE_WHY_MAX])
{
    (void)snprintf(
        why, FENCE_WHY_MAX,
        "the voter %016" PRIx64 " was heard of %" PRIu64 " ms ago, and has to be silent for "
        "%" PRIu64
        " ms: if it is to go, stop it first; to have both lead in turn without force, "
        "let a third member join, then weldr cluster transfer",
        p->other.id, s->silent_ms, fence_silence_ms(s));
}

static void say_fence(const struct cluster_status *s, const struct pair *p,
                      char why[FENCE_WHY_MAX])
{
    char address[ADDR_TEXT_MAX] = "an address that is not known";

    if (p->other.address.family != 0)
        (void)addr_print(&p->other.address, address);
    (void)snprintf(why, FENCE_WHY_MAX,
                   "nobody can tell whether %016" PRIx64
                   " at %s is dead or cut off (silent for %" PRIu64
                   " ms), and cut off it goes on to hold the virtual IPs and to take changes: "
                   "power it off, "
                   "cut it off from clients, or stop its weldr, and say fenced with its id; "
                   "all that it alone "
                   "has is lost, and it joins anew",
                   p->other.id, address, s->silent_ms);
}

enum fence_answer fence_check(const struct cluster *c, uint64_t id, uint64_t fenced,
                              char why[FENCE_WHY_MAX])
{
    struct cluster_status status;
    struct pair pair;

    c->ops->status(c, &status);
    find_pair(c, &pair);
    const char *reason = why_not_possible(&status, &pair, id);
    if (reason != NULL) {
        (void)snprintf(why, FENCE_WHY_MAX, "%s", reason);
        return FENCE_NOT_POSSIBLE;
    }
    if (status.silent_ms < fence_silence_ms(&status)) {
        say_contact(&status, &pair, why);
        return FENCE_IN_CONTACT;
    }
    if (fenced != pair.other.id) {
        say_fence(&status, &pair, why);
        return FENCE_NOT_SAID;
    }
    return FENCE_OK;
}
