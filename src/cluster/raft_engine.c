#include "cluster/raft_engine.h"

#include <stdlib.h>

#include "cluster/raft_entry.h"
#include "cluster/raft_int.h"
#include "log/log.h"

static enum cluster_role role_now(const struct engine *e)
{
    switch (raft_state((struct raft *)&e->raft)) {
    case RAFT_LEADER:
        return CLUSTER_LEADER;
    case RAFT_FOLLOWER:
        return CLUSTER_FOLLOWER;
    default:
        return CLUSTER_CANDIDATE;
    }
}

/* ---- what follows a run of libuv's loop ---- */

static void tell_role(struct engine *e)
{
    const enum cluster_role role = role_now(e);

    if (role == (enum cluster_role)e->role)
        return;
    e->role = (uint8_t)role;
    e->cluster.hooks.on_role(e->cluster.hooks.arg, role);
}

/* Who leads has committed all that it found. */
static void tell_settled(struct engine *e)
{
    if (e->has_settled || e->role != CLUSTER_LEADER ||
        raft_last_applied(&e->raft) < e->stored.last_index)
        return;
    e->has_settled = true;
    e->cluster.hooks.on_settled(e->cluster.hooks.arg);
}

static void tell_ended(struct engine *e)
{
    struct request *q;

    while ((q = TAILQ_FIRST(&e->ended)) != NULL) {
        TAILQ_REMOVE(&e->ended, q, entry);
        if (e->is_closing)
            q->error = WERR_SHUTTING_DOWN;
        q->done(q->arg, q->error, q->error == 0 ? q->index : 0);
        free(q);
    }
}

static void after_run(void *arg)
{
    struct engine *e = arg;

    tell_role(e);
    tell_settled(e);
    tell_ended(e);
}

/* ---- requests ---- */

static struct request *request_new(struct engine *e, cluster_done_fn done, void *arg)
{
    struct request *q = calloc(1, sizeof(*q));

    if (q == NULL)
        return NULL;
    q->engine = e;
    q->done = done;
    q->arg = arg;
    return q;
}

/* Told when libraft has left the stage: its callbacks come in the middle of its work. */
static void end(struct request *q, int status, uint64_t index)
{
    q->error = engine_store_error(status);
    q->index = index;
    TAILQ_INSERT_TAIL(&q->engine->ended, q, entry);
}

static void on_applied(struct raft_apply *req, int status, void *result)
{
    struct request *q = req->data;

    (void)result;
    end(q, status, req->index);
}

static void on_barrier(struct raft_barrier *req, int status)
{
    struct request *q = req->data;

    end(q, status, q->engine->index);
}

static int propose(struct cluster *c, struct span entry, const uint8_t *request_id,
                   cluster_done_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;
    struct raft_buffer buf = {.len = engine_entry_size(entry.len)};

    if (entry.len > ENGINE_ENTRY_MAX_BYTES)
        return WERR_TOO_BIG;
    struct request *q = request_new(e, done, arg);
    buf.base = q != NULL ? raft_malloc(buf.len) : NULL;
    if (buf.base == NULL) {
        free(q);
        return WERR_NOMEM;
    }
    engine_entry_write(entry, request_id, buf.base);
    q->apply.data = q;
    uv_update_time(&e->loop.uv);
    const int code = raft_apply(&e->raft, &q->apply, &buf, 1, on_applied);
    if (code != 0) {
        raft_free(buf.base);
        free(q);
    }
    if (code == RAFT_NOSPACE)
        engine_space_look(e);
    engine_loop_kick(&e->loop);
    return engine_store_error(code);
}

static int barrier(struct cluster *c, cluster_done_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;
    struct request *q = request_new(e, done, arg);

    if (q == NULL)
        return WERR_NOMEM;
    q->barrier.data = q;
    uv_update_time(&e->loop.uv);
    const int code = raft_barrier(&e->raft, &q->barrier, on_barrier);
    if (code != 0)
        free(q);
    engine_loop_kick(&e->loop);
    return engine_store_error(code);
}

/* ---- who is there ---- */

static enum cluster_role role(const struct cluster *c)
{
    return (enum cluster_role)((const struct engine *)c)->role;
}

static bool leader(const struct cluster *c, struct cluster_member *out)
{
    const struct engine *e = (const struct engine *)c;

    if (e->role != CLUSTER_LEADER)
        return false;
    *out =
        (struct cluster_member){.id = engine_store_id(e), .is_self = true, .is_leader = true};
    return true;
}

static uint64_t last_index(const struct cluster *c)
{
    return ((const struct engine *)c)->index;
}

static unsigned members(const struct cluster *c, struct cluster_member *out, unsigned max)
{
    const struct engine *e = (const struct engine *)c;

    if (max > 0)
        out[0] = (struct cluster_member){
            .id = engine_store_id(e), .is_self = true, .is_leader = e->role == CLUSTER_LEADER};
    return 1;
}

static int add_member(struct cluster *c, const struct cluster_member *member,
                      cluster_done_fn done, void *arg)
{
    (void)done;
    (void)arg;
    return member->id == engine_store_id((struct engine *)c) ? WERR_EXISTS : WERR_UNSUPPORTED;
}

static int remove_member(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    (void)done;
    (void)arg;
    return id == engine_store_id((struct engine *)c) ? WERR_INVALID : WERR_NOT_FOUND;
}

/* Nobody else could; to itself it is done. */
static int transfer(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    struct engine *e = (struct engine *)c;

    if (id != engine_store_id(e) && id != 0)
        return WERR_NOT_FOUND;
    done(arg, 0, e->index);
    return 0;
}

/* ---- life ---- */

static int start(struct cluster *c)
{
    struct engine *e = (struct engine *)c;

    c->hooks.on_role(c->hooks.arg, CLUSTER_CANDIDATE);
    const int rc = engine_store_open(e);
    if (rc == 0)
        engine_loop_kick(&e->loop);
    return rc;
}

static void free_engine(struct cluster *c)
{
    struct engine *e = (struct engine *)c;

    e->is_closing = true;
    engine_state_fini(e);
    engine_loop_leave(&e->loop);
    engine_store_close(e);
    tell_ended(e);
    free(e);
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
    .free = free_engine,
};

struct cluster *cluster_raft_new(struct loop *loop, struct data_dir *dir,
                                 const struct cluster_hooks *hooks)
{
    struct engine *e = calloc(1, sizeof(*e));

    if (e == NULL || engine_loop_start(&e->loop, loop, after_run, e) < 0) {
        free(e);
        return NULL;
    }
    e->cluster = (struct cluster){.ops = &raft_ops, .hooks = *hooks};
    e->dir = dir;
    e->log_fd = -1;
    e->high_water.fd = -1;
    e->role = CLUSTER_CANDIDATE;
    TAILQ_INIT(&e->ended);
    engine_state_init(e);
    return &e->cluster;
}
