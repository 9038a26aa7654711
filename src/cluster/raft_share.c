#include <stdlib.h>

#include "cluster/raft_int.h"
#include "log/log.h"

/* What members tell each other and nobody keeps, on the links that are there for requests: a
 * follower tells the leader, who passes it on to all others. So a member that knows of no
 * leader hears nothing, and is not heard. A link that is congested is passed over: what is
 * shared comes again, and none of it is worth a queue. */

static void send_share(struct link *l, struct span payload)
{
    if (!link_is_open(l) || link_is_congested(l))
        return;
    if (link_send(l, PEER_SHARE, payload) < 0)
        log_debug("a member does not get what is shared", LOG_ID("id", link_peer(l)));
}

/* To all but the one that it is from. */
static void send_to_callers(const struct engine *e, uint64_t from, struct span payload)
{
    const struct caller *c;

    LIST_FOREACH (c, &e->callers, entry)
        if (c->id != from)
            send_share(c->link, payload);
}

void engine_share(struct engine *e, struct span bytes)
{
    const struct peer_share m = {.from = e->self.id, .bytes = bytes};
    size_t len;

    if (!engine_has_peers(e) || e->is_lost)
        return;
    char *payload = peer_share_encode(&m, &len);
    if (payload == NULL)
        return;
    if (e->role == CLUSTER_LEADER)
        send_to_callers(e, e->self.id, span_from(payload, len));
    else if (e->leader_link != NULL)
        send_share(e->leader_link, span_from(payload, len));
    free(payload);
}

static void hand_over(const struct engine *e, const struct peer_share *m)
{
    if (e->cluster.hooks.on_shared != NULL)
        e->cluster.hooks.on_shared(e->cluster.hooks.arg, m->from, m->bytes);
}

static bool is_of_another(const struct engine *e, uint64_t id)
{
    return id != e->self.id && roster_find(e->roster, id) != NULL;
}

int engine_share_from_leader(struct engine *e, struct span payload)
{
    struct peer_share m;

    if (peer_share_decode(payload, &m) < 0)
        return WERR_CORRUPT;
    if (is_of_another(e, m.from))
        hand_over(e, &m);
    return 0;
}

int engine_share_from_caller(const struct caller *c, struct span payload)
{
    const struct engine *e = c->engine;
    struct peer_share m;

    if (peer_share_decode(payload, &m) < 0 || m.from != c->id)
        return WERR_CORRUPT;
    if (e->role != CLUSTER_LEADER || !is_of_another(e, m.from))
        return 0;
    hand_over(e, &m);
    send_to_callers(e, m.from, payload);
    return 0;
}
