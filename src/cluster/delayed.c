#include "cluster/delayed_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "log/log.h"
#include "net/loop.h"
#include "pool/levels.h"

static bool has_chance(struct delayed *d, uint32_t percent)
{
    return rand_below(&d->rand, 100) < percent;
}

/* A boundary; false: this is where it ends. */
static bool pass(struct delayed *d)
{
    d->steps++;
    if (d->options.cut_after != 0 && d->steps >= d->options.cut_after)
        d->is_cut = true;
    return !d->is_cut;
}

static void plan(struct delayed *d)
{
    if (!d->is_cut && !timer_is_set(&d->tick))
        loop_timer_in(d->loop, &d->tick,
                      rand_below(&d->rand, (uint64_t)d->options.delay_ms + 1));
}

/* ---- dones ---- */

static void end(struct requests *list, struct request *q, int error)
{
    TAILQ_REMOVE(list, q, entry);
    q->done(q->arg, error, error == 0 ? q->index : 0);
    free(q);
}

/* Those that can be told, or some of them. */
static void tell(struct delayed *d)
{
    struct request *q, *next;

    for (q = TAILQ_FIRST(&d->ending); q != NULL; q = next) {
        next = TAILQ_NEXT(q, entry);
        if (q->index > d->index || has_chance(d, 30))
            continue;
        if (!pass(d))
            return;
        end(&d->ending, q, q->error);
        next = TAILQ_FIRST(&d->ending); /* done may have changed the list */
        if (next != NULL && has_chance(d, 50))
            return;
    }
}

/* ---- the owner's state ---- */

static void fail(struct delayed *d, const char *what, int error)
{
    log_error(what, LOG_S("engine", "delayed"), LOG_S("error", werr_text(error)));
    d->is_cut = true;
}

static void restore(struct delayed *d)
{
    const struct cluster_hooks *hooks = &d->cluster.hooks;
    char *bytes;
    size_t len;
    int rc = delayed_store_encode(d->store, &bytes, &len);

    if (rc == 0) {
        rc = hooks->on_restore(hooks->arg, d->store->index, span_from(bytes, len));
        free(bytes);
    }
    d->wants_restore = rc == WERR_NOMEM;
    if (rc == 0)
        d->index = d->store->index;
    else if (rc != WERR_NOMEM)
        fail(d, "snapshot can't be restored", rc);
}

/* What the owner has is what the log says, to the byte. */
static void compact(struct delayed *d)
{
    const struct cluster_hooks *hooks = &d->cluster.hooks;
    char *bytes, *expected;
    size_t len, expected_len;

    if (d->index != d->store->index || hooks->on_snapshot(hooks->arg, &bytes, &len) < 0)
        return;
    if (delayed_store_encode(d->store, &expected, &expected_len) < 0) {
        free(bytes);
        return;
    }
    MUST(len == expected_len && memcmp(bytes, expected, len) == 0);
    free(expected);
    delayed_store_compact(d->store, bytes, len);
}

/* The committed entries that the owner does not have yet; an entry that it has no memory for
 * comes again. */
static void hand_over(struct delayed *d)
{
    const struct cluster_hooks *hooks = &d->cluster.hooks;
    struct delayed_entry *e;

    TAILQ_FOREACH (e, &d->store->entries, entry) {
        if (e->index <= d->index)
            continue;
        const int rc = hooks->on_commit(hooks->arg, e->index, span_from(e->bytes, e->len));
        if (rc < 0 && rc != WERR_NOMEM)
            fail(d, "entry can't be read", rc);
        if (rc < 0)
            return;
        d->index = e->index;
        if (!pass(d))
            return;
    }
}

/* ---- the start ---- */

static void start_over(struct delayed *d)
{
    const struct delayed_store *s = d->store;
    const struct cluster_hooks *hooks = &d->cluster.hooks;
    int rc = 0;

    if (s->snapshot != NULL)
        rc = hooks->on_restore(hooks->arg, s->snapshot_index,
                               span_from(s->snapshot, s->snapshot_len));
    d->is_restored = rc == 0;
    if (rc == 0)
        d->index = s->snapshot_index;
    else if (rc != WERR_NOMEM)
        fail(d, "snapshot can't be restored", rc);
}

static void set_role(struct delayed *d, enum cluster_role role)
{
    d->role = (uint8_t)role;
    d->cluster.hooks.on_role(d->cluster.hooks.arg, role);
}

/* Restore, replay, settle, lead: in turns of their own. */
static void go_on_starting(struct delayed *d)
{
    if (!d->is_restored) {
        start_over(d);
    } else if (d->index < d->store->index) {
        hand_over(d);
    } else {
        d->has_settled = true;
        d->cluster.hooks.on_settled(d->cluster.hooks.arg);
    }
}

/* ---- leading and not ---- */

static struct request *take_any(struct delayed *d)
{
    struct request *q = TAILQ_FIRST(&d->pending);

    while (TAILQ_NEXT(q, entry) != NULL && has_chance(d, 40))
        q = TAILQ_NEXT(q, entry);
    TAILQ_REMOVE(&d->pending, q, entry);
    return q;
}

static void commit(struct delayed *d)
{
    const uint32_t max = d->options.batch_max > 0 ? d->options.batch_max : BATCH_MAX;
    uint64_t n = 1 + rand_below(&d->rand, max);

    for (; n > 0 && !TAILQ_EMPTY(&d->pending) && pass(d); n--) {
        struct request *q = take_any(d);

        delayed_store_add(d->store, q->proposed);
        q->proposed = NULL;
        q->index = d->store->index;
        TAILQ_INSERT_TAIL(&d->ending, q, entry);
    }
}

/* Each entry that is nobody's is committed, goes, or is decided about later. */
static void decide_orphans(struct delayed *d)
{
    struct delayed_entry *e, *next;

    for (e = TAILQ_FIRST(&d->orphans); e != NULL && !d->is_cut; e = next) {
        const uint64_t fate = rand_below(&d->rand, 4);

        next = TAILQ_NEXT(e, entry);
        if (fate > 1)
            continue;
        TAILQ_REMOVE(&d->orphans, e, entry);
        if (fate == 0) {
            delayed_store_add(d->store, e);
            (void)pass(d);
        } else {
            free(e);
        }
    }
}

/* The analyzer does not see that end unlinks. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
static void end_all(struct requests *list, int error)
{
    struct request *q;

    while ((q = TAILQ_FIRST(list)) != NULL) {
        free(q->proposed);
        end(list, q, error);
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

void delayed_give_up(struct delayed *d)
{
    struct request *q;

    set_role(d, d->member_n > 1 ? CLUSTER_FOLLOWER : CLUSTER_CANDIDATE);
    TAILQ_FOREACH (q, &d->pending, entry) {
        TAILQ_INSERT_TAIL(&d->orphans, q->proposed, entry);
        q->proposed = NULL;
    }
    end_all(&d->pending, WERR_OUTCOME_UNKNOWN); /* nothing is taken meanwhile */
}

static void follow(struct delayed *d)
{
    decide_orphans(d);
    if (has_chance(d, d->options.restore))
        d->wants_restore = true;
    if (has_chance(d, 60))
        set_role(d, CLUSTER_LEADER);
}

static void lead(struct delayed *d)
{
    if (has_chance(d, d->options.lose)) {
        delayed_give_up(d);
        return;
    }
    commit(d);
    decide_orphans(d);
    d->wants_restore = d->wants_restore || has_chance(d, d->options.restore);
}

static bool has_work(const struct delayed *d)
{
    return !d->has_settled || d->role != CLUSTER_LEADER || d->index < d->store->index ||
           d->wants_restore || !TAILQ_EMPTY(&d->pending) || !TAILQ_EMPTY(&d->ending) ||
           !TAILQ_EMPTY(&d->orphans);
}

static void work(struct delayed *d)
{
    tell(d);
    if (d->is_cut)
        return;
    if (d->role == CLUSTER_LEADER)
        lead(d);
    else
        follow(d);
    if (!d->is_cut && d->wants_restore)
        restore(d);
    if (!d->is_cut)
        hand_over(d);
    if (!d->is_cut && has_chance(d, d->options.restore))
        compact(d);
}

static void on_tick(struct timer *t)
{
    struct delayed *d = (struct delayed *)((char *)t - offsetof(struct delayed, tick));

    if (d->has_settled)
        work(d);
    else
        go_on_starting(d);
    if (has_work(d))
        plan(d);
}

/* ---- operations ---- */

static int start(struct cluster *c)
{
    struct delayed *d = delayed_of(c);

    set_role(d, CLUSTER_CANDIDATE);
    plan(d);
    return 0;
}

struct request *delayed_new_request(cluster_done_fn done, void *arg)
{
    struct request *q = calloc(1, sizeof(*q));

    if (q == NULL)
        return NULL;
    q->done = done;
    q->arg = arg;
    return q;
}

static struct request *new_proposal(struct span entry, cluster_done_fn done, void *arg)
{
    struct request *q = delayed_new_request(done, arg);

    if (q == NULL)
        return NULL;
    q->proposed = malloc(sizeof(*q->proposed) + entry.len);
    if (q->proposed == NULL) {
        free(q);
        return NULL;
    }
    *q->proposed = (struct delayed_entry){.len = entry.len};
    memcpy(q->proposed->bytes, entry.ptr, entry.len);
    return q;
}

/* Its done is called some time later, with this error, and what index says was handed over. */
int delayed_end_later(struct delayed *d, struct request *q, int error)
{
    if (q == NULL)
        return WERR_NOMEM;
    q->error = error;
    q->index = error == 0 ? d->store->index : 0;
    TAILQ_INSERT_TAIL(&d->ending, q, entry);
    plan(d);
    return 0;
}

int delayed_check_request(const struct delayed *d)
{
    if (d->is_full)
        return WERR_NO_SPACE;
    return d->role == CLUSTER_LEADER && d->has_settled ? 0 : WERR_NOT_LEADER;
}

static int propose(struct cluster *c, struct span entry, const uint8_t *request_id,
                   cluster_done_fn done, void *arg)
{
    struct delayed *d = delayed_of(c);
    const int rc = delayed_check_request(d);

    (void)request_id;
    if (rc < 0)
        return rc;
    if (has_chance(d, d->options.refuse))
        return has_chance(d, 50)
                   ? WERR_NOT_LEADER
                   : delayed_end_later(d, delayed_new_request(done, arg), WERR_NOT_LEADER);
    struct request *q = new_proposal(entry, done, arg);
    if (q == NULL)
        return WERR_NOMEM;
    TAILQ_INSERT_TAIL(&d->pending, q, entry);
    (void)pass(d);
    plan(d);
    return 0;
}

static int barrier(struct cluster *c, cluster_done_fn done, void *arg)
{
    struct delayed *d = delayed_of(c);
    const int rc = delayed_check_request(d);

    return rc < 0 ? rc : delayed_end_later(d, delayed_new_request(done, arg), 0);
}

static enum cluster_role role(const struct cluster *c)
{
    return ((const struct delayed *)c)->role;
}

static uint64_t last_index(const struct cluster *c)
{
    return ((const struct delayed *)c)->index;
}

static void free_delayed(struct cluster *c)
{
    struct delayed *d = delayed_of(c);
    struct delayed_entry *e;

    d->is_cut = true;
    d->role = CLUSTER_CANDIDATE;
    timer_stop(loop_timers(d->loop), &d->tick);
    end_all(&d->pending, WERR_SHUTTING_DOWN);
    end_all(&d->ending, WERR_SHUTTING_DOWN);
    while ((e = TAILQ_FIRST(&d->orphans)) != NULL) {
        TAILQ_REMOVE(&d->orphans, e, entry);
        free(e);
    }
    delayed_store_fini(&d->own);
    free(d);
}

static const struct cluster_ops delayed_ops = {
    .name = "delayed",
    .start = start,
    .propose = propose,
    .barrier = barrier,
    .role = role,
    .leader = delayed_leader,
    .index = last_index,
    .members = delayed_members,
    .add_member = delayed_add_member,
    .remove_member = delayed_remove_member,
    .promote = delayed_promote,
    .place_member = delayed_place_member,
    .transfer = delayed_transfer,
    .make_token = delayed_make_token,
    .share = delayed_share,
    .order = delayed_order,
    .answer = delayed_answer,
    .set_vips = delayed_set_vips,
    .set_fitness = delayed_set_fitness,
    .vips = delayed_vips,
    .move_vip = delayed_move_vip,
    .released = delayed_released,
    .status = delayed_status,
    .free = free_delayed,
};

/* ---- for tests ---- */

uint64_t delayed_steps(const struct cluster *c)
{
    return ((const struct delayed *)c)->steps;
}

bool delayed_is_cut(const struct cluster *c)
{
    return ((const struct delayed *)c)->is_cut;
}

void delayed_lose(struct cluster *c)
{
    struct delayed *d = delayed_of(c);

    if (d->role == CLUSTER_LEADER)
        delayed_give_up(d);
    plan(d);
}

void delayed_restore(struct cluster *c)
{
    struct delayed *d = delayed_of(c);

    if (d->has_settled)
        restore(d);
    plan(d);
}

void delayed_fill(struct cluster *c, bool is_full)
{
    delayed_of(c)->is_full = is_full;
}

struct cluster *cluster_delayed_new(struct loop *loop, const struct delayed_options *options,
                                    const struct cluster_hooks *hooks)
{
    struct delayed *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    d->cluster.ops = &delayed_ops;
    d->cluster.hooks = *hooks;
    d->loop = loop;
    d->options = *options;
    delayed_store_init(&d->own);
    d->store = options->store != NULL ? options->store : &d->own;
    TAILQ_INIT(&d->pending);
    TAILQ_INIT(&d->ending);
    TAILQ_INIT(&d->orphans);
    d->members[0] = (struct cluster_member){.id = SELF_ID, .level = LEVEL_NEWEST};
    d->member_n = 1;
    d->role = CLUSTER_CANDIDATE;
    rand_seed(&d->rand, options->seed);
    timer_init(&d->tick, on_tick);
    return &d->cluster;
}
