#include "manager/membership.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "log/log.h"
#include "manager/change.h"
#include "manager/manager.h"
#include "manager/members.h"

static void run(struct membership *ms);

static void end(struct membership *ms, int error, struct span text)
{
    timer_stop(loop_timers(ms->m->loop), &ms->timer);
    TAILQ_REMOVE(&ms->m->memberships->list, ms, entry);
    if (ms->fn != NULL)
        ms->fn(ms, error, text);
    free(ms);
}

/* WERR_TIMEOUT: nobody took the lead. A leader that gives it away does not respond any more:
 * who leads then says whether it has. Who may have left already is none that a leader knows. */
static bool is_worth_another_try(const struct membership *ms, int error)
{
    const bool leaves = ms->ask == MEMBERSHIP_LEAVE;

    if (loop_now_ms(ms->m->loop) >= ms->until_ms)
        return false;
    switch (error) {
    case WERR_NOT_LEADER:
        return true;
    case WERR_TIMEOUT:
    case WERR_OUTCOME_UNKNOWN:
        return leaves || ms->ask == MEMBERSHIP_TRANSFER;
    case WERR_NOT_FOUND:
        return leaves && ms->may_be_done;
    default:
        return false;
    }
}

/* From then on it takes until this node hears of it, or of a leader. */
static void note_unknown(struct membership *ms, int error)
{
    if (ms->ask != MEMBERSHIP_LEAVE || error != WERR_OUTCOME_UNKNOWN || ms->may_be_done)
        return;
    ms->may_be_done = true;
    ms->until_ms = loop_now_ms(ms->m->loop) + CHANGE_MS;
}

static void take_end(struct membership *ms, int error, struct span text)
{
    note_unknown(ms, error);
    if (is_worth_another_try(ms, error)) {
        loop_timer_in(ms->m->loop, &ms->timer, CHANGE_AGAIN_MS);
    } else if (error == 0 && ms->ask == MEMBERSHIP_LEAVE && !ms->has_moved) {
        ms->has_moved = true;
        loop_timer_in(ms->m->loop, &ms->timer, 0);
    } else {
        end(ms, error < 0 && ms->may_be_done ? WERR_OUTCOME_UNKNOWN : error, text);
    }
}

static void on_text(void *arg, int error, struct span text)
{
    struct membership *ms = arg;

    MUST(ms->is_asked); /* the engine tells once */
    ms->is_asked = false;
    take_end(ms, error, text);
}

static void on_done(void *arg, int error, uint64_t index)
{
    (void)index;
    on_text(arg, error, SPAN_NONE);
}

static int leave(struct membership *ms, struct cluster *c)
{
    const bool has_others = c->ops->members(c, NULL, 0) > 1;

    if (!ms->has_moved && has_others && c->ops->role(c) == CLUSTER_LEADER)
        return c->ops->transfer(c, 0, on_done, ms);
    ms->has_moved = true;
    return c->ops->remove_member(c, members_own_id(c), on_done, ms);
}

/* Whoever is fit: given away once, however often it has to be tried, and nobody gets it back.
 */
static int transfer(struct membership *ms, struct cluster *c)
{
    struct cluster_member leader = {.id = 0};

    if (!c->ops->leader(c, &leader))
        leader.id = 0;
    if (ms->led == 0)
        ms->led = leader.id;
    if (ms->id == 0 && leader.id != 0 && leader.id != ms->led) {
        on_done(ms, 0, 0);
        return 0;
    }
    return c->ops->transfer(c, ms->id, on_done, ms);
}

static int ask(struct membership *ms, struct cluster *c)
{
    switch ((enum membership_ask)ms->ask) {
    case MEMBERSHIP_TOKEN:
        return c->ops->make_token(c, ms->lifetime_s, on_text, ms);
    case MEMBERSHIP_REMOVE:
        return c->ops->remove_member(c, ms->id, on_done, ms);
    case MEMBERSHIP_PROMOTE:
        return c->ops->promote(c, ms->id, on_done, ms);
    case MEMBERSHIP_PLACE:
        return c->ops->place_member(c, ms->id, ms->address.family != 0 ? &ms->address : NULL,
                                    on_done, ms);
    case MEMBERSHIP_TRANSFER:
        return transfer(ms, c);
    case MEMBERSHIP_LEAVE:
        return leave(ms, c);
    }
    return WERR_INVALID;
}

static void run(struct membership *ms)
{
    struct cluster *c = ms->m->cluster;

    MUST(!ms->is_asked);
    ms->is_asked = true;
    const int rc = c != NULL ? ask(ms, c) : WERR_SHUTTING_DOWN;
    if (rc < 0)
        on_text(ms, rc, SPAN_NONE);
}

static void on_timer(struct timer *t)
{
    run((struct membership *)((char *)t - offsetof(struct membership, timer)));
}

/* ---- for whoever wants it ---- */

int membership_new(struct manager *m, enum membership_ask ask, struct membership **out)
{
    struct membership *ms = fault_malloc(sizeof(*ms));

    if (ms == NULL)
        return WERR_NOMEM;
    memset(ms, 0, sizeof(*ms));
    ms->m = m;
    ms->ask = (uint8_t)ask;
    timer_init(&ms->timer, on_timer);
    TAILQ_INSERT_TAIL(&m->memberships->list, ms, entry);
    *out = ms;
    return 0;
}

void membership_run(struct membership *ms, membership_fn fn, void *waiter)
{
    const struct cluster *c = ms->m->cluster;

    MUST(ms->fn == NULL && !ms->is_asked); /* once */
    MUST(ms->ask != MEMBERSHIP_REMOVE || ms->id != 0);
    if (ms->ask == MEMBERSHIP_REMOVE && c != NULL && ms->id == members_own_id(c))
        ms->ask = MEMBERSHIP_LEAVE;
    ms->fn = fn;
    ms->waiter = waiter;
    ms->until_ms = loop_now_ms(ms->m->loop) + change_patience_ms(ms->m);
    run(ms);
}

void membership_forget(struct membership *ms)
{
    ms->fn = NULL;
    ms->waiter = NULL;
}

/* ---- for the manager ---- */

void memberships_init(struct memberships *all, struct manager *m)
{
    all->m = m;
    TAILQ_INIT(&all->list);
    m->memberships = all;
}

/* The analyzer does not see that end unlinks. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
void memberships_fini(struct memberships *all)
{
    struct membership *ms;

    if (all->m == NULL)
        return;
    while ((ms = TAILQ_FIRST(&all->list)) != NULL) {
        MUST(!ms->is_asked); /* the engine has told all that it owed */
        end(ms, WERR_SHUTTING_DOWN, SPAN_NONE);
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

/* One that the engine owes an end hears of it there. */
void memberships_note_lost(struct manager *m)
{
    struct membership *ms;

    TAILQ_FOREACH (ms, &m->memberships->list, entry) {
        const membership_fn fn = ms->fn;

        if (ms->ask != MEMBERSHIP_LEAVE || fn == NULL)
            continue;
        ms->fn = NULL;
        fn(ms, 0, SPAN_NONE);
    }
}

/* The engine ends with the manager: it may tell then, too. */
static void on_given_away(void *arg, int error, uint64_t index)
{
    struct manager *m = arg;
    struct timer *t = m->memberships->parting;

    (void)index;
    if (error == 0)
        log_info("another node leads, since this one ends");
    /* Not here: what follows frees the engine. */
    if (error != WERR_SHUTTING_DOWN && t != NULL && timer_is_set(t))
        loop_timer_in(m->loop, t, 0);
}

/* 0: it does not lead, or nobody else can. */
static uint64_t give_away(struct manager *m, struct timer *t)
{
    struct cluster *c = m->cluster;
    struct cluster_status status;

    if (c == NULL || c->ops->role(c) != CLUSTER_LEADER || c->ops->members(c, NULL, 0) < 2)
        return 0;
    m->memberships->parting = t;
    if (c->ops->transfer(c, 0, on_given_away, m) < 0)
        return 0;
    c->ops->status(c, &status);
    return 2ULL * status.election_ms; /* the engine gives up after one */
}

uint64_t membership_give_lead_away(struct manager *m, struct timer *t)
{
    const uint64_t ready_ms = m->config->ready_delay_ms;
    const uint64_t lead_ms = give_away(m, ready_ms > 0 ? NULL : t);

    return ready_ms > lead_ms ? ready_ms : lead_ms;
}

uint64_t membership_lend_lead(struct manager *m, struct timer *t)
{
    return give_away(m, t);
}
