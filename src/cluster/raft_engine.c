#include "cluster/raft_engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cluster/raft_entry.h"
#include "cluster/raft_int.h"
#include "log/log.h"

enum { TEND_MS = 100 };

/* ---- what follows a run of libuv's loop ---- */

static uint64_t leader_now(const struct engine *e)
{
    raft_id id = 0;
    const char *address;

    if (e->raft.data != NULL && !engine_is_out(e) && !e->ballot.is_owed)
        raft_leader((struct raft *)&e->raft, &id, &address);
    return id != 0 && engine_contact_is_lost(e, id) ? 0 : id;
}

static enum cluster_role role_now(const struct engine *e)
{
    if (e->raft.data == NULL || e->ballot.is_owed)
        return CLUSTER_CANDIDATE;
    const int state = raft_state((struct raft *)&e->raft);
    if (state == RAFT_LEADER)
        return CLUSTER_LEADER;
    return state == RAFT_FOLLOWER && leader_now(e) != 0 ? CLUSTER_FOLLOWER : CLUSTER_CANDIDATE;
}

static void tell_members(struct engine *e)
{
    if (e->cluster.hooks.on_members != NULL)
        e->cluster.hooks.on_members(e->cluster.hooks.arg);
}

static void tell_role(struct engine *e)
{
    const enum cluster_role role = role_now(e);
    const uint64_t leader_id = leader_now(e), term = raft_current_term(&e->raft);
    const bool has_changed =
        role != (enum cluster_role)e->role || leader_id != e->leader_id || term != e->term;

    if (!has_changed)
        return;
    if (role == CLUSTER_LEADER && e->role != CLUSTER_LEADER)
        e->led_since_ms = loop_now_ms(e->loop.loop);
    const bool is_other = role != (enum cluster_role)e->role || leader_id != e->leader_id;
    e->leader_id = leader_id;
    e->term = term;
    e->role = (uint8_t)role;
    if (is_other)
        e->cluster.hooks.on_role(e->cluster.hooks.arg, role);
    engine_forward_follow(e);
    tell_members(e);
}

/* Who leads has committed all that it found; who follows has heard how far that is. */
static bool is_up_to_date(const struct engine *e)
{
    const raft_index applied =
        e->held.base == NULL ? raft_last_applied((struct raft *)&e->raft) : e->index;

    if (e->role == CLUSTER_LEADER)
        return applied >= e->stored.last_index;
    return e->role == CLUSTER_FOLLOWER && applied > 0 &&
           applied >= raft_commit_index(&e->raft) && applied >= e->high_water.mark.index;
}

/* Nobody else is there, for longer than an election takes: what was applied before is all. */
static bool is_left_alone(const struct engine *e)
{
    const uint64_t wait_ms = 3ULL * roster_election_ms((enum roster_profile)e->member.profile);

    return e->index > 0 && e->leader_id == 0 &&
           (engine_has_peers(e) || engine_was_removed(e)) &&
           loop_now_ms(e->loop.loop) >= e->started_ms + wait_ms;
}

static void tell_settled(struct engine *e)
{
    if (e->has_settled || e->options.recovers)
        return;
    if (!(is_up_to_date(e) && engine_forward_caught_up(e)) && !is_left_alone(e))
        return;
    e->has_settled = true;
    e->cluster.hooks.on_settled(e->cluster.hooks.arg);
}

static void tell_end(struct request *q)
{
    if (q->text_done != NULL)
        q->text_done(q->arg, q->error, q->error == 0 ? span_from_str(q->text) : SPAN_NONE);
    else if (q->done != NULL)
        q->done(q->arg, q->error, q->error == 0 ? q->index : 0);
}

static void tell_ended(struct engine *e)
{
    struct request *q;

    while ((q = TAILQ_FIRST(&e->ended)) != NULL) {
        TAILQ_REMOVE(&e->ended, q, entry);
        if (e->is_closing)
            q->error = WERR_SHUTTING_DOWN;
        tell_end(q);
        engine_request_free(q);
    }
}

static void after_run(void *arg)
{
    struct engine *e = arg;

    if (e->raft.data != NULL) {
        engine_store_beat(e);
        tell_role(e);
        engine_peers_tell_news(e);
        engine_tally_look(e);
        engine_vips_look(e);
        tell_settled(e);
        engine_forward_applied(e);
        engine_halt_tell(e);
    }
    tell_ended(e);
}

void engine_kick(struct engine *e)
{
    if (!e->is_closing)
        engine_loop_kick(&e->loop);
}

static void on_tend_timer(struct timer *t)
{
    struct engine *e = (struct engine *)((char *)t - offsetof(struct engine, tend));

    engine_space_tend(e);
    loop_timer_in(e->loop.loop, &e->tend, TEND_MS);
    if (e->raft.data == NULL)
        return;
    if (e->options.recovers) {
        engine_recover_tend(e);
        engine_kick(e);
        return;
    }
    engine_peers_make_cluster(e);
    engine_peers_tend(e);
    engine_steward(e);
    engine_standby_tend(e);
    engine_transport_part(e->peers, e->leader_id);
    engine_move_tend(e);
    engine_orders_tend(e);
    engine_forward_follow(e);
    engine_kick(e);
}

void engine_lose(struct engine *e, int error, const char *why)
{
    if (e->is_lost)
        return;
    e->is_lost = true;
    log_error("this node can't go on in its cluster", LOG_S("why", why));
    if (e->cluster.hooks.on_lost != NULL)
        e->cluster.hooks.on_lost(e->cluster.hooks.arg, error, span_from_str(why));
}

/* ---- requests ---- */

struct request *engine_request_new(struct engine *e, cluster_done_fn done, void *arg)
{
    struct request *q = calloc(1, sizeof(*q));

    if (q == NULL)
        return NULL;
    q->engine = e;
    q->done = done;
    q->arg = arg;
    TAILQ_INSERT_TAIL(&e->owed, q, entry);
    return q;
}

/* Of one that nobody is owed any more: told, or never taken. */
void engine_request_free(struct request *q)
{
    free(q->bytes);
    seal_clear_and_free(q); /* it may have a token's text */
}

void engine_request_drop(struct request *q)
{
    TAILQ_REMOVE(&q->engine->owed, q, entry);
    engine_request_free(q);
}

/* Told when libraft has left the stage: its callbacks come in the middle of its work. */
void engine_request_end(struct request *q, int error, uint64_t index)
{
    struct engine *e = q->engine;

    MUST(q->stage != REQUEST_ENDED);
    q->stage = REQUEST_ENDED;
    q->error = error;
    q->index = index;
    TAILQ_REMOVE(&e->owed, q, entry);
    TAILQ_INSERT_TAIL(&e->ended, q, entry);
    engine_kick(e);
}

/* result: what the roster said of an entry of its own. */
static void on_applied(struct raft_apply *req, int status, void *result)
{
    const int said = (int)(intptr_t)result;

    engine_request_end(req->data, status == 0 ? said : engine_store_error(status), req->index);
}

static void on_barrier(struct raft_barrier *req, int status)
{
    struct request *q = req->data;
    const bool is_behind = engine_is_behind(q->engine);

    /* Another one can tell what is agreed on. */
    engine_request_end(q, is_behind ? WERR_NOT_LEADER : engine_store_error(status),
                       q->engine->index);
}

/* What libraft has said at once. */
static int taken(struct engine *e, struct request *q, int code)
{
    if (code != 0)
        engine_request_drop(q);
    engine_kick(e);
    return engine_store_error(code);
}

int engine_propose_here(struct engine *e, enum engine_entry_type type, struct span entry,
                        const uint8_t *request_id, cluster_done_fn done, void *arg)
{
    struct raft_buffer buf = {.len = engine_entry_size(entry.len)};
    const struct engine_entry_view view = {.type = type,
                                           .level = engine_level_of(e, type, entry),
                                           .request_id = request_id,
                                           .command = entry};

    if (engine_is_halted(e) || e->ballot.is_owed)
        return WERR_NOT_LEADER; /* another one is to lead */
    if (entry.len > ENGINE_ENTRY_MAX_BYTES)
        return WERR_TOO_BIG;
    if (view.level > engine_level(e))
        return WERR_UNSUPPORTED;
    struct request *q = engine_request_new(e, done, arg);
    if (q == NULL)
        return WERR_NOMEM;
    buf.base = malloc(buf.len); /* without, nothing has happened yet */
    if (buf.base == NULL) {
        engine_request_drop(q);
        return WERR_NOMEM;
    }
    engine_entry_write(&view, buf.base);
    q->apply.data = q;
    uv_update_time(&e->loop.uv);
    const int code = raft_apply(&e->raft, &q->apply, &buf, 1, on_applied);
    if (code != 0)
        raft_free(buf.base);
    if (code == RAFT_NOSPACE)
        engine_space_look(e);
    return taken(e, q, code);
}

int engine_propose_roster(struct engine *e, const struct roster_command *c,
                          cluster_done_fn done, void *arg)
{
    uint8_t request_id[CLUSTER_ID_BYTES];
    char *bytes;
    size_t len;

    if (getrandom(request_id, sizeof(request_id), 0) != sizeof(request_id))
        return WERR_IO;
    int rc = roster_command_encode(c, &bytes, &len);
    if (rc < 0)
        return rc;
    rc = engine_propose_here(e, ENGINE_ENTRY_ROSTER, span_from(bytes, len), request_id, done,
                             arg);
    free(bytes);
    return rc;
}

int engine_barrier_here(struct engine *e, cluster_done_fn done, void *arg)
{
    struct request *q;

    if (engine_is_behind(e) || e->ballot.is_owed)
        return WERR_NOT_LEADER;
    q = engine_request_new(e, done, arg);
    if (q == NULL)
        return WERR_NOMEM;
    q->barrier.data = q;
    uv_update_time(&e->loop.uv);
    return taken(e, q, raft_barrier(&e->raft, &q->barrier, on_barrier));
}

/* ---- what the owner asks for: here, if this node leads ---- */

/* Not of a cluster that has gone on without it: its only voter of before leads still. */
static bool leads(const struct engine *e)
{
    return e->raft.data != NULL && !e->ballot.is_owed && !e->self.was_removed &&
           raft_state((struct raft *)&e->raft) == RAFT_LEADER;
}

static int ask_leader(struct engine *e, const struct peer_request *wanted, struct span entry,
                      cluster_done_fn done, cluster_text_fn text_done, void *arg)
{
    struct request *q;

    if (e->leader_id == 0 || engine_was_removed(e))
        return WERR_NOT_LEADER;
    q = engine_request_new(e, done, arg);
    if (q == NULL)
        return WERR_NOMEM;
    q->wanted = *wanted;
    q->text_done = text_done;
    const int rc = engine_forward(e, q, entry);
    if (rc < 0)
        engine_request_drop(q);
    return rc;
}

static int propose(struct cluster *c, struct span entry, const uint8_t *request_id,
                   cluster_done_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;
    struct peer_request wanted = {.kind = PEER_PROPOSE};

    if (e->is_lost)
        return WERR_NOT_LEADER;
    if (engine_is_halted(e))
        return WERR_HALTED;
    if (leads(e))
        return engine_propose_here(e, ENGINE_ENTRY_COMMAND, entry, request_id, done, arg);
    if (entry.len > ENGINE_ENTRY_MAX_BYTES)
        return WERR_TOO_BIG;
    memcpy(wanted.request_id, request_id, sizeof(wanted.request_id));
    return ask_leader(e, &wanted, entry, done, NULL, arg);
}

static int barrier(struct cluster *c, cluster_done_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;

    if (engine_is_halted(e))
        return WERR_HALTED;
    if (leads(e))
        return engine_barrier_here(e, done, arg);
    return ask_leader(e, &(struct peer_request){.kind = PEER_BARRIER}, SPAN_NONE, done, NULL,
                      arg);
}

static int remove_member(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;

    if (leads(e))
        return engine_steward_remove(e, id, done, arg);
    return ask_leader(e, &(struct peer_request){.kind = PEER_REMOVE, .member = id}, SPAN_NONE,
                      done, NULL, arg);
}

static int promote(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;

    if (leads(e))
        return engine_steward_promote(e, id, done, arg);
    return ask_leader(e, &(struct peer_request){.kind = PEER_PROMOTE, .member = id}, SPAN_NONE,
                      done, NULL, arg);
}

static int place_member(struct cluster *c, uint64_t id, const struct addr *address,
                        cluster_done_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;
    char bytes[BYTES_ADDR_MAX];
    struct span entry;

    if (leads(e))
        return engine_move_place(e, id, address, done, arg);
    const int rc = engine_move_write(e, address, bytes, &entry);
    return rc < 0 ? rc
                  : ask_leader(e, &(struct peer_request){.kind = PEER_PLACE, .member = id},
                               entry, done, NULL, arg);
}

static int move_vip(struct cluster *c, const struct addr *address, uint64_t id,
                    cluster_done_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;
    char bytes[BYTES_ADDR_MAX];
    struct span entry;

    if (leads(e))
        return engine_vips_move(e, address, id, done, arg);
    const int rc = engine_vips_write_move(e, address, bytes, &entry);
    return rc < 0 ? rc
                  : ask_leader(e, &(struct peer_request){.kind = PEER_MOVE_VIP, .member = id},
                               entry, done, NULL, arg);
}

static int transfer(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;

    if (leads(e))
        return engine_steward_transfer(e, id, done, arg);
    return ask_leader(e, &(struct peer_request){.kind = PEER_TRANSFER, .member = id}, SPAN_NONE,
                      done, NULL, arg);
}

static int make_token(struct cluster *c, uint32_t lifetime_s, cluster_text_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;

    if (e->gate == NULL)
        return WERR_INVALID;
    if (!leads(e))
        return ask_leader(e,
                          &(struct peer_request){.kind = PEER_TOKEN_NEW, .number = lifetime_s},
                          SPAN_NONE, NULL, done, arg);
    struct request *q = engine_request_new(e, NULL, arg);
    if (q == NULL)
        return WERR_NOMEM;
    q->text_done = done;
    const int rc = engine_admit_token(e, lifetime_s, q);
    if (rc < 0)
        engine_request_drop(q);
    return rc;
}

static int add_member(struct cluster *c, const struct cluster_member *member,
                      cluster_done_fn done, void *arg)
{
    (void)done;
    (void)arg;
    return member->id == engine_store_id((struct engine *)c) ? WERR_EXISTS : WERR_UNSUPPORTED;
}

/* ---- who is there ---- */

static enum cluster_role role(const struct cluster *c)
{
    return (enum cluster_role)((const struct engine *)c)->role;
}

static bool leader(const struct cluster *c, struct cluster_member *out)
{
    const struct engine *e = (const struct engine *)c;
    const struct roster_member *m = roster_find(e->roster, e->leader_id);

    if (e->leader_id == 0)
        return false;
    *out = (struct cluster_member){
        .id = e->leader_id, .is_self = e->leader_id == e->self.id, .is_leader = true};
    if (m != NULL)
        out->address = m->address;
    else if (out->is_self)
        out->address = engine_own_address(e);
    return true;
}

static uint64_t last_index(const struct cluster *c)
{
    return ((const struct engine *)c)->index;
}

static unsigned members(const struct cluster *c, struct cluster_member *out, unsigned max)
{
    return engine_steward_members((const struct engine *)c, out, max);
}

static void share(struct cluster *c, struct span bytes)
{
    engine_share((struct engine *)c, bytes);
}

static void status(const struct cluster *c, struct cluster_status *out)
{
    engine_steward_status((const struct engine *)c, out);
}

/* ---- life ---- */

static int start(struct cluster *c)
{
    struct engine *e = (struct engine *)c;

    c->hooks.on_role(c->hooks.arg, CLUSTER_CANDIDATE);
    const int rc = engine_store_open(e);
    if (rc < 0)
        return rc;
    loop_timer_in(e->loop.loop, &e->tend, TEND_MS);
    engine_kick(e);
    return 0;
}

/* libraft has ended those that it had. */
static void end_all(struct engine *e)
{
    struct request *q;

    while ((q = TAILQ_FIRST(&e->owed)) != NULL)
        engine_request_end(q, WERR_SHUTTING_DOWN, 0);
}

static void free_engine(struct cluster *c)
{
    struct engine *e = (struct engine *)c;

    e->is_closing = true;
    engine_state_fini(e);
    timer_stop(loop_timers(e->loop.loop), &e->tend);
    engine_vips_stop(e);
    engine_join_stop(e);
    engine_forward_close(e);
    engine_move_close(e);
    engine_member_close(e);
    engine_loop_leave(&e->loop);
    engine_store_close(e);
    end_all(e);
    tell_ended(e);
    engine_peers_close(e);
    seal_clear_and_free(e); /* it has the token */
}

static const struct cluster_ops raft_ops = {
    .name = "raft",
    .start = start,
    .propose = propose,
    .barrier = barrier,
    .role = role,
    .leader = leader,
    .index = last_index,
    .members = members,
    .add_member = add_member,
    .remove_member = remove_member,
    .transfer = transfer,
    .promote = promote,
    .place_member = place_member,
    .make_token = make_token,
    .share = share,
    .order = engine_order,
    .answer = engine_answer,
    .set_vips = engine_vips_set,
    .set_fitness = engine_vips_set_fitness,
    .vips = engine_vips,
    .move_vip = move_vip,
    .released = engine_vips_released,
    .testament = engine_testament_write,
    .status = status,
    .free = free_engine,
};

struct cluster *cluster_raft_new(struct loop *loop, struct data_dir *dir,
                                 const struct cluster_options *options,
                                 const struct cluster_hooks *hooks)
{
    struct engine *e = calloc(1, sizeof(*e));

    engine_heap_use();
    if (e != NULL)
        e->roster = roster_new();
    if (e == NULL || e->roster == NULL || engine_loop_start(&e->loop, loop, after_run, e) < 0) {
        if (e != NULL)
            roster_free(e->roster);
        free(e);
        return NULL;
    }
    e->cluster = (struct cluster){.ops = &raft_ops, .hooks = *hooks};
    e->dir = dir;
    e->options = *options;
    e->token_error = token_read(options->token, &e->token);
    e->options.token = SPAN_NONE;
    e->log_fd = e->high_water.fd = -1;
    e->role = CLUSTER_CANDIDATE;
    e->self = (struct link_self){
        .loop = loop, .conns = options->conns, .id = engine_store_id(e), .roster = e->roster};
    LIST_INIT(&e->callers);
    TAILQ_INIT(&e->owed);
    TAILQ_INIT(&e->ended);
    timer_init(&e->tend, on_tend_timer);
    engine_state_init(e);
    engine_steward_init(e);
    engine_vips_init(e);
    engine_orders_init(e);
    return &e->cluster;
}
