#include "manager/change.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/fault.h"
#include "base/fsm.h"
#include "log/log.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "pool/levels.h"
#include "pool/pool_code.h"

enum { CHANGE_MAGIC = 0x63686e67 };

static const struct fsm_state phases[CHANGE_PHASES] = {
    [CHANGE_NEW] = {"NEW", FSM_TO(CHANGE_PROPOSED)},
    [CHANGE_PROPOSED] = {"PROPOSED", FSM_TO(CHANGE_PAUSED) | FSM_TO(CHANGE_LATE) |
                                         FSM_TO(CHANGE_PUBLISHING) | FSM_TO(CHANGE_TOLD)},
    [CHANGE_PAUSED] = {"PAUSED", FSM_TO(CHANGE_PROPOSED) | FSM_TO(CHANGE_PUBLISHING) |
                                     FSM_TO(CHANGE_TOLD)},
    [CHANGE_LATE] = {"LATE", FSM_TO(CHANGE_TOLD)},
    [CHANGE_PUBLISHING] = {"PUBLISHING", FSM_TO(CHANGE_TOLD)},
    [CHANGE_TOLD] = {"TOLD", FSM_TO(CHANGE_LEAVING)},
    [CHANGE_LEAVING] = {"LEAVING", FSM_TO(CHANGE_TOLD)},
};
static const struct fsm phase_fsm = {"change", phases, CHANGE_PHASES};

static void move(struct change *ch, enum change_phase next, const char *why)
{
    MUST(ch->magic == CHANGE_MAGIC);
    fsm_move(&phase_fsm, &ch->phase, next, (uint64_t)(uintptr_t)ch, why);
}

static struct timers *timers_of(const struct change *ch)
{
    return loop_timers(ch->m->loop);
}

static void free_change(struct change *ch)
{
    /* Else the engine would come back to it. */
    MUST(ch->phase != CHANGE_PROPOSED && ch->phase != CHANGE_LATE);
    timer_stop(timers_of(ch), &ch->timer);
    publish_cancel(&ch->published);
    if (leaving_is_waiting(&ch->left))
        leaving_give_up(&ch->left);
    listeners_release(ch->m, &ch->claim);
    TAILQ_REMOVE(&ch->m->changes->list, ch, entry);
    ch->m->changes->n--;
    ch->magic = 0;
    free(ch->bytes);
    free(ch);
}

/* Whoever waits may end it in this call. */
static void tell(struct change *ch)
{
    const change_fn done = ch->done;

    ch->done = NULL;
    if (done != NULL)
        done(ch);
    else if (ch->phase != CHANGE_LATE)
        free_change(ch);
}

/* It awaits nothing more. */
static void end(struct change *ch, const char *why)
{
    move(ch, CHANGE_TOLD, why);
    listeners_release(ch->m, &ch->claim);
}

static void finish(struct change *ch, int rc, const char *why)
{
    timer_stop(timers_of(ch), &ch->timer);
    ch->error = rc;
    end(ch, why);
    tell(ch);
}

/* ---- committed ---- */

static void on_published(struct publish_waiter *w)
{
    struct change *ch = (struct change *)((char *)w - offsetof(struct change, published));

    MUST(ch->magic == CHANGE_MAGIC && ch->phase == CHANGE_PUBLISHING);
    finish(ch, 0, "the workers have it");
}

static void limit_removal(const struct change *ch)
{
    if (ch->has_drain && ch->outcome.kind == KIND_SERVER &&
        ch->outcome.change == POOL_CHANGE_REMOVED)
        leaving_limit(ch->m, ch->outcome.id, ch->drain_ms);
}

static void publish(struct change *ch)
{
    limit_removal(ch);
    timer_stop(timers_of(ch), &ch->timer);
    move(ch, CHANGE_PUBLISHING, "committed");
    listeners_release(ch->m, &ch->claim);
    if (ch->done != NULL && !ch->at_commit)
        publish_wait(&ch->m->publish, &ch->published, on_published);
    else
        finish(ch, 0, "nobody waits for the workers");
}

/* ---- not committed, or nobody knows ---- */

/* What is refused is not asked for again. */
static bool is_worth_another_try(const struct change *ch, int rc)
{
    const uint64_t now_ms = loop_now_ms(ch->m->loop);

    if (rc != WERR_OUTCOME_UNKNOWN && rc != WERR_NOT_LEADER)
        return false;
    return now_ms < (ch->may_be_stored ? ch->until_ms : ch->patient_until_ms);
}

static void set_timer(struct change *ch, uint64_t at_ms)
{
    timer_set(timers_of(ch), &ch->timer, at_ms < ch->until_ms ? at_ms : ch->until_ms);
}

static void pause(struct change *ch, int rc)
{
    ch->error = rc;
    move(ch, CHANGE_PAUSED, werr_word(rc));
    set_timer(ch, loop_now_ms(ch->m->loop) + CHANGE_AGAIN_MS);
}

/* What was stored once may be committed at any time, whatever a later try says. */
static int what_is_known(const struct change *ch, int rc)
{
    return ch->may_be_stored ? WERR_OUTCOME_UNKNOWN : rc;
}

static void take_end(struct change *ch, int rc)
{
    ch->may_be_stored = ch->may_be_stored || rc == WERR_OUTCOME_UNKNOWN;
    if (rc == 0 && !ch->is_applied)
        rc = WERR_CORRUPT;
    if (ch->is_applied)
        publish(ch);
    else if (is_worth_another_try(ch, rc))
        pause(ch, rc);
    else
        finish(ch, what_is_known(ch, rc), "it did not come about");
}

static void on_done(void *arg, int rc, uint64_t index)
{
    struct change *ch = arg;

    (void)index;
    MUST(ch->magic == CHANGE_MAGIC);
    if (ch->phase == CHANGE_PROPOSED) {
        take_end(ch, rc);
        return;
    }
    MUST(ch->phase == CHANGE_LATE);
    limit_removal(ch);
    end(ch, "the engine has answered, too late");
    if (ch->waiter == NULL)
        free_change(ch);
}

static void propose(struct change *ch)
{
    struct cluster *c = ch->m->cluster;
    int rc = WERR_SHUTTING_DOWN;

    move(ch, CHANGE_PROPOSED, "proposed");
    set_timer(ch, ch->until_ms);
    if (c != NULL)
        rc = c->ops->propose(c, span_from(ch->bytes, ch->len), ch->request_id, on_done, ch);
    if (rc < 0)
        take_end(ch, rc);
}

/* The engine still owes its response. */
static void give_up_waiting(struct change *ch)
{
    ch->error = WERR_OUTCOME_UNKNOWN;
    move(ch, CHANGE_LATE, "its time is over");
    log_warn("change is not confirmed in time", LOG_U("ms", CHANGE_MS));
    tell(ch);
}

static void on_timer(struct timer *t)
{
    struct change *ch = (struct change *)((char *)t - offsetof(struct change, timer));

    MUST(ch->magic == CHANGE_MAGIC);
    if (ch->phase == CHANGE_PROPOSED)
        give_up_waiting(ch);
    else if (ch->is_applied)
        publish(ch);
    else if (loop_now_ms(ch->m->loop) < ch->until_ms)
        propose(ch);
    else
        finish(ch, what_is_known(ch, ch->error), "its time is over");
}

/* ---- for whoever wants it ---- */

uint64_t change_patience_ms(const struct manager *m)
{
    struct cluster_status status = {.election_ms = 0};

    if (m->cluster != NULL)
        m->cluster->ops->status(m->cluster, &status);
    return CHANGE_ELECTIONS *
           (uint64_t)(status.election_ms != 0 ? status.election_ms : CHANGE_ELECTION_MS);
}

static uint8_t level_in_use(const struct manager *m)
{
    struct cluster_status status = {.level = LEVEL_NONE};

    if (m->cluster != NULL)
        m->cluster->ops->status(m->cluster, &status);
    return status.level;
}

/* What the proposer alone knows, and all shall keep (pool_history.h), as soon as all can read
 * it. A RESTORE can't be written without: the engine refuses it then. */
static void stamp(struct manager *m, struct pool_command *c)
{
    if (c->type != POOL_RESTORE && level_in_use(m) < LEVEL_HISTORY)
        return;
    if (c->level < LEVEL_HISTORY)
        c->level = LEVEL_HISTORY;
    c->by.at_us = loop_wall_us(m->loop);
    c->by.node = m->cluster != NULL ? members_own_id(m->cluster) : 0;
}

int change_new(struct manager *m, struct pool_command *c, struct change **out)
{
    if (m->changes->n >= CHANGES_MAX)
        return WERR_AGAIN;
    if (getrandom(c->request_id, sizeof(c->request_id), 0) != sizeof(c->request_id))
        return WERR_IO;
    struct change *ch = fault_malloc(sizeof(*ch));
    if (ch == NULL)
        return WERR_NOMEM;
    memset(ch, 0, sizeof(*ch));
    if (pool_command_kind(c->type) == KIND_VIP)
        c->level = LEVEL_VIPS;
    stamp(m, c);
    int rc = pool_code_encode(c, &ch->bytes, &ch->len);
    if (rc < 0) {
        free(ch);
        return rc;
    }
    ch->magic = CHANGE_MAGIC;
    ch->m = m;
    if (pool_command_kind(c->type) == KIND_LISTENER && (c->set & POOL_SET_ADDRESSES) != 0)
        listeners_claim(m, &ch->claim, c->listener);
    memcpy(ch->request_id, c->request_id, sizeof(ch->request_id));
    timer_init(&ch->timer, on_timer);
    TAILQ_INSERT_TAIL(&m->changes->list, ch, entry);
    m->changes->n++;
    *out = ch;
    return 0;
}

void change_propose(struct change *ch, change_fn done, void *waiter)
{
    MUST(ch->magic == CHANGE_MAGIC && ch->phase == CHANGE_NEW); /* a second time by itself */
    ch->done = done;
    ch->waiter = waiter;
    ch->until_ms = loop_now_ms(ch->m->loop) + CHANGE_MS;
    ch->patient_until_ms = loop_now_ms(ch->m->loop) + change_patience_ms(ch->m);
    propose(ch);
}

/* The change may be gone when it has been proposed. */
void change_propose_command(struct change *ch, const struct pool_command *c, change_fn done,
                            void *waiter)
{
    struct changes *cs = ch->m->changes;

    cs->command = c;
    cs->entry = span_from(ch->bytes, ch->len);
    change_propose(ch, done, waiter);
    cs->command = NULL;
}

void change_end(struct change *ch)
{
    MUST(ch->magic == CHANGE_MAGIC);
    ch->done = NULL;
    ch->waiter = NULL;
    if (ch->phase != CHANGE_PROPOSED && ch->phase != CHANGE_PAUSED && ch->phase != CHANGE_LATE)
        free_change(ch);
}

static void on_left(struct leave_waiter *w)
{
    struct change *ch = (struct change *)((char *)w - offsetof(struct change, left));

    MUST(ch->magic == CHANGE_MAGIC && ch->phase == CHANGE_LEAVING);
    move(ch, CHANGE_TOLD, "drained, or waited long enough");
    tell(ch);
}

void change_await_leaving(struct change *ch, uint32_t timeout_ms, change_fn done)
{
    MUST(ch->done == NULL); /* told of the commit */
    move(ch, CHANGE_LEAVING, "waits for the server to drain");
    ch->done = done;
    ch->left.server_id = ch->outcome.id;
    ch->left.fn = on_left;
    leaving_wait(ch->m, &ch->left, timeout_ms);
}

/* Why there is no way back is found out by looking for it again. */
static int tell_refusal(const struct change *ch, const struct pool_command *c,
                        struct pool_error *error)
{
    const struct manager *m = ch->m;
    struct pool_history_back back;

    if (c->type != POOL_RESTORE) {
        pool_refusal(m->pool, c, ch->outcome.result, error);
        return 0;
    }
    const int rc =
        pool_history_restore(m->history, m->pool, c, m->pool->index + 1, &back, error);
    if (rc == 0) /* it is one by now */
        pool_error_set(error, "no_way_back", "", "%s", werr_text(ch->outcome.result));
    pool_history_back_fini(&back);
    return rc == WERR_NOMEM ? rc : 0;
}

int change_refusal(const struct change *ch, struct pool_error *error)
{
    struct pool_command c;
    const int rc = pool_code_decode(span_from(ch->bytes, ch->len), &c);

    MUST(ch->is_applied && ch->outcome.result != 0); /* refused, or who asks is confused */
    if (rc < 0)
        return rc;
    *error = (struct pool_error){.code = "internal"};
    const int why = tell_refusal(ch, &c, error);
    pool_command_fini(&c);
    return why;
}

/* ---- for the manager ---- */

void changes_init(struct changes *cs, struct manager *m)
{
    *cs = (struct changes){.m = m};
    TAILQ_INIT(&cs->list);
    m->changes = cs;
}

void changes_fini(struct changes *cs)
{
    struct change *ch, *next;

    for (ch = TAILQ_FIRST(&cs->list); ch != NULL; ch = next) {
        next = TAILQ_NEXT(ch, entry);
        if (ch->phase == CHANGE_PAUSED)
            finish(ch, what_is_known(ch, WERR_SHUTTING_DOWN), "shutting down");
    }
}

/* Callbacks of the engine propose nothing: a change that pauses is told in a turn of its own.
 */
static void note(struct change *ch, const struct pool_outcome *outcome)
{
    ch->is_applied = true;
    ch->outcome = *outcome;
    if (ch->phase == CHANGE_PAUSED)
        set_timer(ch, loop_now_ms(ch->m->loop));
}

static struct change *find(const struct manager *m, const uint8_t *request_id)
{
    struct change *ch;

    TAILQ_FOREACH (ch, &m->changes->list, entry)
        if (memcmp(ch->request_id, request_id, sizeof(ch->request_id)) == 0)
            return ch;
    return NULL;
}

void changes_note(struct manager *m, const uint8_t *request_id,
                  const struct pool_outcome *outcome)
{
    struct change *ch = find(m, request_id);

    if (ch != NULL)
        note(ch, outcome);
}

/* The engine hands on the bytes that it was given. */
const struct pool_command *changes_command(const struct manager *m, struct span entry)
{
    const struct changes *cs = m->changes;

    return cs->command != NULL && entry.ptr == cs->entry.ptr && entry.len == cs->entry.len
               ? cs->command
               : NULL;
}

const struct event_by *changes_by(struct manager *m, const uint8_t *request_id)
{
    const struct change *ch = find(m, request_id);

    return ch != NULL ? &ch->by : NULL;
}

void changes_look_up(struct manager *m)
{
    struct change *ch;

    TAILQ_FOREACH (ch, &m->changes->list, entry) {
        const struct pool_outcome *outcome = pool_requests_find(m->requests, ch->request_id);

        if (outcome != NULL && !ch->is_applied)
            note(ch, outcome);
    }
}
