/* delayed_int.h - what the files of the delayed engine share: delayed.c (entries) and
 * delayed_members.c (who is there). */
#ifndef WELDR_CLUSTER_DELAYED_INT_H
#define WELDR_CLUSTER_DELAYED_INT_H

#include <sys/queue.h>

#include "base/rand.h"
#include "base/timers.h"
#include "cluster/delayed.h"
#include "cluster/vips_alone.h"

enum { SELF_ID = 1, MEMBERS_MAX = 8, BATCH_MAX = 4 };

/* A request of the owner whose done is owed. */
struct request {
    TAILQ_ENTRY(request) entry;
    cluster_done_fn done;
    void *arg;
    struct delayed_entry *proposed; /* not committed; NULL: it is, or nothing is proposed */
    int error;
    uint64_t index; /* handed over when it is done */
};
TAILQ_HEAD(requests, request);

struct delayed {
    struct cluster cluster; /* first: the cluster that callers hold */
    struct loop *loop;
    struct delayed_options options;
    struct rand_state rand;
    struct timer tick;
    struct delayed_store own, *store;
    struct requests pending;        /* proposed, not committed */
    struct requests ending;         /* the outcome is known, done is not called yet */
    struct delayed_entries orphans; /* not committed, and nobody's any more */
    struct cluster_member members[MEMBERS_MAX]; /* [0] is this one */
    unsigned member_n;
    struct vips_alone vips;
    uint8_t role;   /* enum cluster_role */
    uint64_t index; /* handed over */
    uint64_t steps;
    bool is_restored; /* what was in the store at the start */
    bool has_settled;
    bool wants_restore;
    bool is_full;
    bool is_cut; /* or has failed: nothing happens any more */
};

static inline struct delayed *delayed_of(struct cluster *c)
{
    return (struct delayed *)c;
}

/* ---- delayed.c ---- */

/* Is it in a state to take one? */
int delayed_check_request(const struct delayed *d) MUST_USE;
struct request *delayed_new_request(cluster_done_fn done, void *arg);
/* Its done is called some time later, with this error, and what index says was handed over. */
int delayed_end_later(struct delayed *d, struct request *q, int error) MUST_USE;
/* Leads no more. */
void delayed_give_up(struct delayed *d);

/* ---- delayed_members.c: operations of cluster.h ---- */

bool delayed_leader(const struct cluster *c, struct cluster_member *out);
unsigned delayed_members(const struct cluster *c, struct cluster_member *out, unsigned max);
int delayed_add_member(struct cluster *c, const struct cluster_member *member,
                       cluster_done_fn done, void *arg) MUST_USE;
int delayed_remove_member(struct cluster *c, uint64_t id, cluster_done_fn done,
                          void *arg) MUST_USE;
int delayed_promote(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg) MUST_USE;
int delayed_place_member(struct cluster *c, uint64_t id, const struct addr *address,
                         cluster_done_fn done, void *arg) MUST_USE;
int delayed_transfer(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg) MUST_USE;
int delayed_make_token(struct cluster *c, uint32_t lifetime_s, cluster_text_fn done,
                       void *arg) MUST_USE;
void delayed_share(struct cluster *c, struct span bytes);
int delayed_order(struct cluster *c, uint64_t id, struct span request, cluster_text_fn done,
                  void *arg) MUST_USE;
void delayed_answer(struct cluster *c, const struct cluster_order *order, struct span text);
void delayed_set_vips(struct cluster *c, const struct cluster_vip_wish *wishes, unsigned n);
void delayed_set_fitness(struct cluster *c, enum cluster_fitness fitness, const char *why);
unsigned delayed_vips(const struct cluster *c, struct cluster_vip *out, unsigned max);
int delayed_move_vip(struct cluster *c, const struct addr *address, uint64_t id,
                     cluster_done_fn done, void *arg) MUST_USE;
void delayed_released(struct cluster *c, const struct addr *address);
void delayed_status(const struct cluster *c, struct cluster_status *out);

#endif
