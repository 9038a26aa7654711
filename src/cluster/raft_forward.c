#include <stdlib.h>
#include <string.h>

#include "cluster/raft_int.h"
#include "log/log.h"

/* What only the leader can do, asked of it by the others on weldr-ctl/1: one hop, under the
 * request id that it was asked for with. Whatever becomes of the link, each request ends once:
 * what was sent and not responded to has an unknown outcome. */

/* ---- those that wait here ---- */

static int send_request(struct engine *e, struct request *q)
{
    size_t len;

    q->wanted.sequence = ++e->sequence;
    char *bytes = peer_request_encode(&q->wanted, &len);
    if (bytes == NULL)
        return WERR_NOMEM;
    const int rc = link_send(e->leader_link, PEER_REQUEST, span_from(bytes, len));
    free(bytes);
    if (rc < 0)
        return rc;
    q->stage = REQUEST_SENT;
    free(q->bytes); /* another try is the owner's, who has it */
    q->bytes = NULL;
    q->wanted.entry = SPAN_NONE;
    return 0;
}

static bool is_link_open(const struct engine *e)
{
    return e->leader_link != NULL && e->link_leader == e->leader_id &&
           link_is_open(e->leader_link);
}

static void end_each(struct engine *e, enum request_stage stage, int error)
{
    struct request *q, *next;

    for (q = TAILQ_FIRST(&e->owed); q != NULL; q = next) {
        next = TAILQ_NEXT(q, entry);
        if (q->stage == stage)
            engine_request_end(q, error, 0);
    }
}

static void send_waiting(struct engine *e)
{
    struct request *q, *next;

    for (q = TAILQ_FIRST(&e->owed); q != NULL && is_link_open(e); q = next) {
        next = TAILQ_NEXT(q, entry);
        if (q->stage != REQUEST_WAITING)
            continue;
        const int rc = send_request(e, q);
        if (rc < 0)
            engine_request_end(q, rc, 0);
    }
}

int engine_forward(struct engine *e, struct request *q, struct span entry)
{
    if (entry.len > 0) {
        q->bytes = malloc(entry.len);
        if (q->bytes == NULL)
            return WERR_NOMEM;
        memcpy(q->bytes, entry.ptr, entry.len);
        q->wanted.entry = span_from(q->bytes, entry.len);
    }
    q->stage = REQUEST_WAITING;
    if (is_link_open(e))
        return send_request(e, q);
    return 0;
}

static bool awaits_application(const struct request *q)
{
    return q->wanted.kind == PEER_PROPOSE || q->wanted.kind == PEER_BARRIER ||
           q->wanted.kind == PEER_PLACE || q->wanted.kind == PEER_MOVE_VIP;
}

/* The leader may say the index of its snapshot, which may be that of a barrier. */
void engine_forward_applied(struct engine *e)
{
    struct request *q, *next;

    for (q = TAILQ_FIRST(&e->owed); q != NULL; q = next) {
        next = TAILQ_NEXT(q, entry);
        if (q->stage == REQUEST_AWAITED && q->index <= engine_applied(e))
            engine_request_end(q, 0, q->index);
    }
}

static struct request *find_sent(struct engine *e, uint64_t sequence)
{
    struct request *q;

    TAILQ_FOREACH (q, &e->owed, entry)
        if (q->stage == REQUEST_SENT && q->wanted.sequence == sequence)
            return q;
    return NULL;
}

static void on_response(struct engine *e, struct span payload)
{
    struct peer_response r;

    int rc = peer_response_decode(payload, &r);
    struct request *q = rc == 0 ? find_sent(e, r.sequence) : NULL;
    if (q != NULL)
        rc = span_to_str(r.text, q->text, sizeof(q->text));
    if (rc < 0)
        link_close(e->leader_link);
    if (rc < 0 || q == NULL)
        return;
    if (r.error == 0 && q->wanted.kind == PEER_REMOVE && q->wanted.member == e->self.id)
        engine_peers_note_removed(e);
    const bool waits = r.error == 0 && awaits_application(q);
    if (waits && engine_is_halted(e) && r.index > e->index) {
        engine_request_end(q, WERR_OUTCOME_UNKNOWN, 0); /* it is never applied here */
    } else if (!waits || r.index <= engine_applied(e)) {
        engine_request_end(q, r.error, r.index);
    } else {
        q->stage = REQUEST_AWAITED;
        q->index = r.index;
    }
}

/* ---- before it settles ---- */

static void on_caught_up(void *arg, int error, uint64_t index)
{
    struct engine *e = arg;

    (void)index;
    e->is_catching_up = false;
    e->has_caught_up = error == 0; /* else again in the next run */
    if (e->has_caught_up)
        engine_kick(e);
}

/* A follower knows the commit index of the entries that it has, not how far the leader is: a
 * newcomer would begin with the first part of the state. A barrier through the leader comes
 * behind all of it. Who has halted applies nothing more; what it has is all. */
bool engine_forward_caught_up(struct engine *e)
{
    struct cluster *c = &e->cluster;

    if (e->role == CLUSTER_LEADER || engine_is_halted(e))
        return true;
    if (!e->has_caught_up && !e->is_catching_up)
        e->is_catching_up = c->ops->barrier(c, on_caught_up, e) == 0;
    return e->has_caught_up;
}

/* ---- the link to who leads ---- */

static struct engine *engine_of(const struct link *l)
{
    return link_user(l);
}

static void tell(struct engine *e)
{
    const struct peer_tell m = {.applied = e->index,
                                .term = e->term,
                                .role = e->role,
                                .level = e->options.level,
                                .version = span_from_str(e->options.version)};
    size_t len;
    char *bytes = peer_tell_encode(&m, &len);

    if (bytes != NULL && link_send(e->leader_link, PEER_TELL, span_from(bytes, len)) < 0)
        log_debug("the leader could not be told how this node is");
    free(bytes);
}

static void on_open(struct link *l)
{
    struct engine *e = engine_of(l);

    tell(e);
    send_waiting(e);
    engine_vips_reach(e);
    if (e->cluster.hooks.on_reach != NULL)
        e->cluster.hooks.on_reach(e->cluster.hooks.arg);
}

/* What is told and asked all the time, and wants no response. < 0: it can't be read. */
static int take_from_leader(struct engine *e, uint8_t type, struct span payload)
{
    if (type == PEER_SHARE)
        return engine_share_from_leader(e, payload);
    if (type == PEER_VIP_GRANT || type == PEER_VIP_NUDGE)
        return engine_vips_from_leader(e, type, payload);
    if (type == PEER_ORDER || type == PEER_ORDERED)
        return engine_orders_from_leader(e, type, payload);
    return 0;
}

static void on_message(struct link *l, uint8_t type, struct span payload)
{
    struct engine *e = engine_of(l);

    if (type == PEER_RESPONSE)
        on_response(e, payload);
    else if (type == PEER_REMOVED)
        e->self.was_removed = true; /* what follows from it does so in a turn of its own */
    else if (take_from_leader(e, type, payload) < 0)
        link_close(l);
}

static void on_closed(struct link *l, int error)
{
    struct engine *e = engine_of(l);

    if (error < 0)
        log_debug("the link to the leader is closed", LOG_S("error", werr_text(error)));
    if (e != NULL && e->leader_link == l) {
        e->leader_link = NULL;
        end_each(e, REQUEST_SENT, WERR_OUTCOME_UNKNOWN);
        engine_orders_cut(e, 0);
    }
    free(l);
}

static const struct link_ops leader_ops = {
    .on_open = on_open, .on_message = on_message, .on_closed = on_closed};

static void connect_to(struct engine *e, const struct roster_member *m)
{
    struct link *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return;
    const struct addr *at = link_self_find(&e->self, m->id);
    const int rc = at != NULL ? link_connect(l, &e->self, &leader_ops, LINK_CTL, at, m->id)
                              : WERR_NOT_FOUND;
    if (rc < 0) {
        log_debug("the leader can't be reached", LOG_S("error", werr_text(rc)));
        free(l);
        return;
    }
    link_set_user(l, e);
    e->leader_link = l;
    e->link_leader = m->id;
}

void engine_forward_follow(struct engine *e)
{
    const bool follows = e->leader_id != 0 && e->leader_id != e->self.id;

    if (e->leader_link != NULL && (!follows || e->link_leader != e->leader_id))
        link_abort(e->leader_link);
    if (!follows) {
        end_each(e, REQUEST_WAITING, WERR_NOT_LEADER);
        return;
    }
    const struct roster_member *m = roster_find(e->roster, e->leader_id);
    if (e->leader_link == NULL && m != NULL && e->self.connects != NULL)
        connect_to(e, m);
}

/* ---- those of other nodes, as the leader ---- */

struct owed_response {
    struct caller *to;
    uint64_t sequence;
};

static void release(struct caller *c)
{
    if (c->link == NULL && c->owed_n == 0)
        free(c);
}

static void respond(struct caller *c, uint64_t sequence, int error, uint64_t index,
                    struct span text)
{
    const struct peer_response r = {
        .sequence = sequence, .error = error, .index = index, .text = text};
    size_t len;

    if (c->link == NULL)
        return;
    char *bytes = peer_response_encode(&r, &len);
    if (bytes == NULL || link_send(c->link, PEER_RESPONSE, span_from(bytes, len)) < 0)
        link_close(c->link);    /* else the other side waits for ever */
    seal_clear_and_free(bytes); /* it may have a token's text */
}

static void end_response(struct owed_response *o, int error, uint64_t index, struct span text)
{
    struct caller *c = o->to;

    c->owed_n--;
    respond(c, o->sequence, error, index, text);
    release(c);
    free(o);
}

static void on_done(void *arg, int error, uint64_t index)
{
    end_response(arg, error, index, SPAN_NONE);
}

static void on_text(void *arg, int error, struct span text)
{
    end_response(arg, error, 0, text);
}

static int make_token(struct engine *e, const struct peer_request *m, struct owed_response *o)
{
    const struct cluster *c = &e->cluster;

    return c->ops->make_token((struct cluster *)c, (uint32_t)m->number, on_text, o);
}

/* Who was removed may not know yet, and may ask again to be removed; nothing else. */
static bool may_ask(const struct engine *e, const struct peer_request *m, uint64_t id)
{
    return m->kind == PEER_REMOVE || !roster_was_removed(e->roster, id);
}

static int perform(struct engine *e, const struct peer_request *m, struct owed_response *o)
{
    if (raft_state(&e->raft) != RAFT_LEADER || !may_ask(e, m, o->to->id))
        return WERR_NOT_LEADER;
    switch ((enum peer_request_kind)m->kind) {
    case PEER_PROPOSE:
        return engine_propose_here(e, ENGINE_ENTRY_COMMAND, m->entry, m->request_id, on_done,
                                   o);
    case PEER_BARRIER:
        return engine_barrier_here(e, on_done, o);
    case PEER_REMOVE:
        return engine_steward_remove(e, m->member, on_done, o);
    case PEER_TRANSFER:
        return engine_steward_transfer(e, m->member, on_done, o);
    case PEER_PROMOTE:
        return engine_steward_promote(e, m->member, on_done, o);
    case PEER_TOKEN_NEW:
        return make_token(e, m, o);
    case PEER_PLACE:
        return engine_move_place_of(e, m->member, m->entry, on_done, o);
    case PEER_MOVE_VIP:
        return engine_vips_move_of(e, m->member, m->entry, on_done, o);
    case PEER_OF_NOBODY:
    case PEER_REQUEST_KINDS:
        break;
    }
    return WERR_UNSUPPORTED;
}

static void on_request(struct caller *c, struct span payload)
{
    struct peer_request m;

    if (peer_request_decode(payload, &m) < 0) {
        link_close(c->link);
        return;
    }
    struct owed_response *o = calloc(1, sizeof(*o));
    if (o == NULL) {
        respond(c, m.sequence, WERR_NOMEM, 0, SPAN_NONE);
        return;
    }
    *o = (struct owed_response){.to = c, .sequence = m.sequence};
    c->owed_n++;
    const int rc = perform(c->engine, &m, o);
    if (rc < 0)
        on_done(o, rc, 0);
}

/* Who runs another Weldr now. */
static void on_told(struct caller *c, struct span payload)
{
    struct engine *e = c->engine;
    const struct roster_member *known = roster_find(e->roster, c->id);
    struct peer_tell m;

    if (peer_tell_decode(payload, &m) < 0) {
        link_close(c->link);
        return;
    }
    if (known == NULL || raft_state(&e->raft) != RAFT_LEADER)
        return;
    struct roster_command command = {.type = ROSTER_TELL, .member = *known};
    if (span_to_str(m.version, command.member.version, sizeof(command.member.version)) < 0)
        return;
    command.member.level = m.level;
    if (engine_level_judge(e, &command.member) < 0)
        return;
    if (strcmp(command.member.version, known->version) == 0 && m.level == known->level)
        return;
    if (engine_propose_roster(e, &command, NULL, NULL) < 0)
        log_debug("what Weldr a member runs could not be noted", LOG_ID("id", c->id));
}

void engine_forward_tell_removed(struct engine *e, uint64_t id)
{
    struct caller *c;

    LIST_FOREACH (c, &e->callers, entry)
        if (c->id == id && link_send(c->link, PEER_REMOVED, SPAN_NONE) < 0)
            log_debug("who was removed could not be told", LOG_ID("id", id));
}

static int take_from_caller(struct caller *c, uint8_t type, struct span payload)
{
    if (type == PEER_SHARE)
        return engine_share_from_caller(c, payload);
    if (type == PEER_ORDER || type == PEER_ORDERED)
        return engine_orders_from_caller(c, type, payload);
    return type == PEER_VIP_ASK ? engine_vips_from_caller(c, payload) : 0;
}

static void on_caller_message(struct link *l, uint8_t type, struct span payload)
{
    struct caller *c = link_user(l);

    if (c->engine == NULL)
        return;
    if (type == PEER_REQUEST)
        on_request(c, payload);
    else if (type == PEER_TELL)
        on_told(c, payload);
    else if (take_from_caller(c, type, payload) < 0)
        link_close(l);
}

static void on_caller_closed(struct link *l, int error)
{
    struct caller *c = link_user(l);

    (void)error;
    c->link = NULL;
    if (c->engine != NULL) {
        LIST_REMOVE(c, entry);
        engine_orders_cut(c->engine, c->id);
    }
    release(c);
}

static const struct link_ops caller_ops = {.on_message = on_caller_message,
                                           .on_closed = on_caller_closed};

const struct link_ops *engine_forward_take(struct engine *e, struct link *l)
{
    struct caller *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    *c = (struct caller){.engine = e, .link = l, .id = link_peer(l)};
    LIST_INSERT_HEAD(&e->callers, c, entry);
    link_set_user(l, c);
    return &caller_ops;
}

/* The links go on closing when the engine is gone. */
void engine_forward_close(struct engine *e)
{
    struct caller *c;

    if (e->leader_link != NULL) {
        link_set_user(e->leader_link, NULL);
        link_abort(e->leader_link);
        e->leader_link = NULL;
    }
    end_each(e, REQUEST_SENT, WERR_OUTCOME_UNKNOWN);
    engine_orders_close(e);
    while ((c = LIST_FIRST(&e->callers)) != NULL) {
        LIST_REMOVE(c, entry);
        c->engine = NULL;
    }
}
