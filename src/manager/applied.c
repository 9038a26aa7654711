#include "manager/applied.h"

#include "base/strb.h"
#include "cluster/bytes.h"
#include "log/log.h"
#include "manager/manager.h"
#include "manager/views.h"

#define APPLIED_MAGIC UINT64_C(0x6465696c70706177)

enum what { WANTED, HAS, HALTED, WHAT_N };

static void share(const struct manager *m, enum what what, uint64_t index)
{
    char buf[APPLIED_BYTES];
    struct bytes_out out;

    if (m->cluster == NULL)
        return;
    bytes_out_init(&out, buf, sizeof(buf));
    bytes_put_u64(&out, APPLIED_MAGIC);
    bytes_put_u8(&out, (uint8_t)what);
    bytes_put_u64(&out, index);
    m->cluster->ops->share(m->cluster, span_from(out.buf, out.len));
}

/* ---- what this node's workers have ---- */

static void ask_workers(struct applied *a);

static void on_workers(struct publish_waiter *w)
{
    struct applied *a = (struct applied *)((char *)w - offsetof(struct applied, workers));

    MUST(a->asked > a->told); /* else nobody would have asked them */
    a->told = a->asked;
    share(a->m, HAS, a->told);
    ask_workers(a);
}

/* Changes that come while the workers are asked share the next question. */
static void ask_workers(struct applied *a)
{
    const uint64_t index = a->m->pool != NULL ? a->m->pool->index : 0;

    if (a->workers.owner != NULL || a->told >= a->wanted || index <= a->told)
        return;
    a->asked = index;
    publish_wait(&a->m->publish, &a->workers, on_workers);
}

void applied_note(struct manager *m)
{
    ask_workers(m->applied);
}

/* What this node has applied is all that it will apply, until another Weldr is started here. */
static bool stays_behind(const struct manager *m, uint64_t index)
{
    struct cluster_status status;

    if (m->cluster == NULL || (m->pool != NULL && m->pool->index >= index))
        return false;
    m->cluster->ops->status(m->cluster, &status);
    return status.halt.is_halted;
}

static void on_wanted(struct applied *a, uint64_t index)
{
    if (a->told >= index) {
        share(a->m, HAS, a->told);
        return;
    }
    if (stays_behind(a->m, index)) {
        share(a->m, HALTED, a->told);
        return;
    }
    if (a->wanted < index)
        a->wanted = index;
    ask_workers(a);
}

/* ---- what those of the others have ---- */

/* NULL: it has said nothing. */
static const struct applied_other *find_other(const struct applied *a, uint64_t id)
{
    for (unsigned i = 0; i < MEMBERS_MAX; i++)
        if (a->others[i].id == id)
            return &a->others[i];
    return NULL;
}

/* One that had halted may be another Weldr by now: it says so again if it is not. */
static void forget_halted(struct applied *a)
{
    for (unsigned i = 0; i < MEMBERS_MAX; i++)
        a->others[i].has_halted = false;
}

/* Without room it takes the place of the one that lacks most: who is still a member says it
 * again. */
static void on_has(struct applied *a, uint64_t id, uint64_t index, bool has_halted)
{
    unsigned at = 0;

    MUST(id != 0); /* the engine knows its members */
    for (unsigned i = 0; i < MEMBERS_MAX; i++) {
        if (a->others[i].id == id) {
            at = i;
            break;
        }
        if (a->others[i].index < a->others[at].index)
            at = i;
    }
    a->others[at].id = id;
    a->others[at].index = index;
    a->others[at].has_halted = has_halted;
}

static bool is_to_have_it(const struct cluster_member *member)
{
    return !member->is_self && member->place != CLUSTER_JOINING;
}

/* Notes who lacks it; false: somebody of those that are waited for. */
static bool is_everywhere(const struct applied *a, struct applied_waiter *w)
{
    struct cluster_member list[MEMBERS_MAX];
    const struct cluster *c = a->m->cluster;
    const unsigned n = c->ops->members(c, list, MEMBERS_MAX);
    bool is_it = true;

    w->missing_n = 0;
    for (unsigned i = 0; i < n && i < MEMBERS_MAX; i++) {
        const struct applied_other *o = find_other(a, list[i].id);

        if (!is_to_have_it(&list[i]) || (o != NULL && o->index >= w->index))
            continue;
        w->missing[w->missing_n++] = list[i].id;
        if (views_hears(a->m, list[i].id) && (o == NULL || !o->has_halted))
            is_it = false;
    }
    return is_it;
}

static void end(struct applied *a, struct applied_waiter *w)
{
    const applied_fn fn = w->fn;

    MUST(fn != NULL && w->missing_n <= MEMBERS_MAX);
    TAILQ_REMOVE(&a->waiters, w, entry);
    w->fn = NULL;
    fn(w);
}

static bool is_over(const struct applied *a, struct applied_waiter *w)
{
    w->is_everywhere = is_everywhere(a, w);
    return w->is_everywhere || loop_now_ms(a->m->loop) >= w->until_ms;
}

/* Whoever is told may be the end of others that wait, or wait anew. */
static void tell(struct applied *a)
{
    struct applied_waiter *w;

    do {
        TAILQ_FOREACH (w, &a->waiters, entry)
            if (is_over(a, w))
                break;
        if (w != NULL)
            end(a, w);
    } while (w != NULL);
}

static void ask(struct applied *a)
{
    const struct applied_waiter *w;
    uint64_t index = 0;

    TAILQ_FOREACH (w, &a->waiters, entry)
        if (w->index > index)
            index = w->index;
    share(a->m, WANTED, index);
    loop_timer_in(a->m->loop, &a->again, APPLIED_AGAIN_MS);
}

static void on_again(struct timer *t)
{
    struct applied *a = (struct applied *)((char *)t - offsetof(struct applied, again));

    tell(a);
    if (!TAILQ_EMPTY(&a->waiters))
        ask(a);
}

bool applied_on_shared(struct manager *m, uint64_t from, struct span bytes)
{
    struct bytes_in in;

    bytes_in_init(&in, bytes);
    const uint64_t magic = bytes_get_u64(&in);
    const uint8_t what = bytes_get_u8(&in);
    const uint64_t index = bytes_get_u64(&in);

    if (!bytes_in_is_done(&in) || magic != APPLIED_MAGIC || what >= WHAT_N)
        return false;
    if (what == WANTED) {
        on_wanted(m->applied, index);
    } else {
        on_has(m->applied, from, index, what == HALTED);
        tell(m->applied);
    }
    return true;
}

/* ---- for whoever waits ---- */

void applied_wait(struct manager *m, struct applied_waiter *w, uint64_t index, applied_fn fn)
{
    struct applied *a = m->applied;

    MUST(w->fn == NULL);
    w->fn = fn;
    w->index = index;
    w->until_ms = loop_now_ms(m->loop) + APPLIED_MS;
    forget_halted(a);
    TAILQ_INSERT_TAIL(&a->waiters, w, entry);
    if (m->cluster == NULL || is_over(a, w))
        end(a, w);
    else
        ask(a);
}

void applied_cancel(struct manager *m, struct applied_waiter *w)
{
    if (w->fn == NULL)
        return;
    TAILQ_REMOVE(&m->applied->waiters, w, entry);
    w->fn = NULL;
}

void applied_print_missing(const struct applied_waiter *w, char buf[APPLIED_TEXT_MAX])
{
    char id[MEMBERS_ID_TEXT];
    struct strb b;

    strb_init(&b, buf, APPLIED_TEXT_MAX);
    for (unsigned i = 0; i < w->missing_n; i++) {
        members_print_id(w->missing[i], id);
        strb_addf(&b, "%s%s", i > 0 ? ", " : "", id);
    }
    MUST(!strb_is_full(&b));
}

void applied_init(struct applied *a, struct manager *m)
{
    *a = (struct applied){.m = m};
    TAILQ_INIT(&a->waiters);
    timer_init(&a->again, on_again);
    m->applied = a;
}

void applied_fini(struct applied *a)
{
    struct applied_waiter *w;

    if (a->m == NULL)
        return;
    timer_stop(loop_timers(a->m->loop), &a->again);
    publish_cancel(&a->workers);
    while ((w = TAILQ_FIRST(&a->waiters)) != NULL) {
        w->is_everywhere = false;
        end(a, w);
    }
}
