#include <stdio.h>
#include <string.h>

#include "log/log.h"
#include "manager/listeners.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "pool/vip.h"

enum { AGAIN_MS = 1000 };

/* ---- which ---- */

static void forget_marks(struct manager *m)
{
    struct listening *l;

    TAILQ_FOREACH (l, &m->supervisor.listenings.list, entry)
        l->is_named = false;
}

/* The one that the listener has for this address and no other wish of this pass has named. */
static struct listening *name_one(struct manager *m, struct span name, const struct addr *at)
{
    struct listening *l;

    TAILQ_FOREACH (l, &m->supervisor.listenings.list, entry) {
        if (l->is_named || !addr_is_equal(&l->wanted, at) ||
            !span_is_equal(span_from_str(l->listener), name))
            continue;
        l->is_named = true;
        return l;
    }
    return NULL;
}

static void note_vip(const struct manager *m, struct listening *l)
{
    l->is_vip = vip_find(m->pool, &l->wanted) != NULL;
}

void listeners_note_vips(struct manager *m)
{
    struct listening *l;

    TAILQ_FOREACH (l, &m->supervisor.listenings.list, entry)
        note_vip(m, l);
}

static struct listening *name_or_make(struct manager *m, struct span name,
                                      const struct addr *at)
{
    struct listening *l = name_one(m, name, at);

    if (l != NULL)
        return l;
    l = listening_new(&m->supervisor.listenings, name, at);
    if (l != NULL) {
        l->is_named = true;
        note_vip(m, l);
    }
    return l;
}

static void tell(const char *what, const struct listening *l)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(&l->bound, text);
    if (l->error < 0)
        log_error(what, LOG_S("listener", l->listener), LOG_S("address", text),
                  LOG_S("error", werr_text(l->error)));
    else
        log_info(what, LOG_S("listener", l->listener), LOG_S("address", text));
}

static void work_later(struct manager *m)
{
    if (!timer_is_set(&m->listeners->again))
        loop_timer_in(m->loop, &m->listeners->again, AGAIN_MS);
}

/* ---- just let go ---- */

static void note_left(struct manager *m, const struct listening *l)
{
    struct listeners_left *left = &m->listeners->left;

    left->at[left->next].until_ms = loop_now_ms(m->loop) + LISTENERS_LEFT_MS;
    left->at[left->next].port = l->bound.port;
    left->next = (left->next + 1) % LISTENERS_LEFT_N;
}

static bool was_left(const struct manager *m, uint16_t port)
{
    const struct listeners_left *left = &m->listeners->left;

    for (unsigned i = 0; i < LISTENERS_LEFT_N; i++)
        if (left->at[i].port == port && loop_now_ms(m->loop) < left->at[i].until_ms)
            return true;
    return false;
}

/* ---- before a change ---- */

static const struct listening *find_holder(const struct manager *m, const struct listening *but)
{
    const struct listening *l;

    TAILQ_FOREACH (l, &m->supervisor.listenings.list, entry)
        if (l != but && l->state != LISTENING_FAILED && l->bound.port == but->wanted.port)
            return l;
    return NULL;
}

static int refuse(const struct manager *m, const struct listening *l, unsigned i, int rc,
                  struct pool_error *error)
{
    const struct listening *holder = rc == WERR_ADDR_IN_USE ? find_holder(m, l) : NULL;
    char text[ADDR_TEXT_MAX];
    const char *code = "address_not_available";

    if (rc == WERR_NOMEM || rc == WERR_NO_FD)
        return rc;
    if (rc == WERR_ADDR_IN_USE)
        code = "address_in_use";
    else if (rc == WERR_DENIED)
        code = "address_denied";
    *error = (struct pool_error){.code = code};
    (void)addr_print(&l->wanted, text);
    snprintf(error->field, sizeof(error->field), "addresses[%u]", i);
    if (holder != NULL)
        snprintf(error->detail, sizeof(error->detail), "%s is in use by the listener %s", text,
                 holder->listener);
    else
        snprintf(error->detail, sizeof(error->detail), "this host can't listen at %s: %s", text,
                 werr_text(rc));
    return WERR_INVALID;
}

/* Requests would go round. */
static int check_servers(const struct manager *m, const struct addr *at, unsigned i,
                         struct pool_error *error)
{
    for (uint32_t p = 0; at->port != 0 && p < m->pool->pool_n; p++) {
        const struct pool *pool = m->pool->pools[p];

        for (uint32_t k = 0; k < pool->server_n; k++) {
            const struct pool_server *server = pool->servers[k];

            if (server->addr.family == 0 || !own_address_meets(at, &server->addr))
                continue;
            *error = (struct pool_error){.code = "own_address"};
            snprintf(error->field, sizeof(error->field), "addresses[%u]", i);
            snprintf(error->detail, sizeof(error->detail),
                     "%.100s is a server of the pool %s: requests would go in circles",
                     server->url, pool->name);
            return WERR_INVALID;
        }
    }
    return 0;
}

static int prepare_one(struct manager *m, struct span name, const struct addr *at, unsigned i,
                       struct pool_error *error)
{
    struct listening *l = name_or_make(m, name, at);

    if (l == NULL)
        return WERR_NOMEM;
    if (l->state != LISTENING_FAILED)
        return 0;
    int rc = check_servers(m, at, i, error);
    if (rc < 0)
        return rc;
    rc = listening_bind(l, at);
    if (rc == 0)
        return 0;
    if (rc == WERR_ADDR_IN_USE && find_holder(m, l) == NULL && was_left(m, at->port)) {
        (void)refuse(m, l, i, rc, error);
        return WERR_AGAIN;
    }
    return refuse(m, l, i, rc, error);
}

/* While weldr drains it listens nowhere; a witness never does. */
static bool is_deaf(const struct manager *m)
{
    return manager_is_draining(m) || members_is_witness(m->cluster);
}

int listeners_prepare(struct manager *m, const struct pool_command *c, struct pool_error *error)
{
    const struct span name = span_from_str(c->listener);
    int rc = 0;

    if (pool_command_kind(c->type) != KIND_LISTENER || (c->set & POOL_SET_ADDRESSES) == 0 ||
        is_deaf(m))
        return 0;
    forget_marks(m);
    for (unsigned i = 0; rc == 0 && i < c->wanted.address_n; i++)
        rc = prepare_one(m, name, &c->wanted.addresses[i], i, error);
    return rc;
}

/* ---- after it ---- */

void listeners_claim(struct manager *m, struct listeners_claim *claim, const char *name)
{
    MUST(claim->name[0] == '\0' && name[0] != '\0');
    MUST(span_to_str(span_from_str(name), claim->name, sizeof(claim->name)) == 0);
    LIST_INSERT_HEAD(&m->listeners->claims, claim, entry);
}

void listeners_release(struct manager *m, struct listeners_claim *claim)
{
    const struct listeners_claim had = *claim;

    if (had.name[0] == '\0')
        return;
    LIST_REMOVE(claim, entry);
    claim->name[0] = '\0';
    listeners_give_up(m, span_from_str(had.name));
}

static bool is_claimed(const struct manager *m, const char *name)
{
    const struct listeners_claim *claim;

    LIST_FOREACH (claim, &m->listeners->claims, entry)
        if (strcmp(claim->name, name) == 0)
            return true;
    return false;
}

/* Its change may be on its way. */
static bool is_awaited(const struct manager *m, const struct listening *l)
{
    return l->state == LISTENING_PENDING && (l->is_of_flags || is_claimed(m, l->listener));
}

/* What only a change that did not come needs. */
static bool is_idle(const struct manager *m, const struct listening *l)
{
    const struct listener *in = listener_find(m->pool, span_from_str(l->listener));

    if (l->state == LISTENING_OPEN || is_awaited(m, l))
        return false;
    for (unsigned i = 0; in != NULL && i < in->address_n; i++)
        if (addr_is_equal(&in->addresses[i], &l->wanted))
            return false;
    return true;
}

void listeners_give_up(struct manager *m, struct span name)
{
    struct listening *l, *next;

    for (l = TAILQ_FIRST(&m->supervisor.listenings.list); l != NULL; l = next) {
        next = TAILQ_NEXT(l, entry);
        if (span_is_equal(span_from_str(l->listener), name) && is_idle(m, l))
            listening_close(l, false, 0);
    }
}

static void open_one(struct manager *m, const struct listener *in, const struct addr *at)
{
    struct listening *l = name_or_make(m, span_from_str(in->name), at);

    if (l == NULL) {
        log_error("out of memory for a listener's address", LOG_S("listener", in->name));
        work_later(m);
        return;
    }
    if (l->state == LISTENING_FAILED) {
        const int before = l->error;

        if (listening_bind(l, at) < 0) {
            if (before != l->error)
                tell("can't listen", l);
            work_later(m);
            return;
        }
    }
    if (l->state == LISTENING_PENDING) {
        listening_open(l, in->id, ++m->publish.seq);
        if (!l->is_of_flags) /* those were told of when they were bound */
            tell("proxy listens", l);
        l->is_of_flags = false;
    }
}

static void close_others(struct manager *m, struct span name)
{
    struct listening *l, *next;

    for (l = TAILQ_FIRST(&m->supervisor.listenings.list); l != NULL; l = next) {
        next = TAILQ_NEXT(l, entry);
        if (l->is_named || is_awaited(m, l) || !span_is_equal(span_from_str(l->listener), name))
            continue;
        if (l->state == LISTENING_OPEN) {
            tell("listens no more", l);
            note_left(m, l);
        }
        listening_close(l, true, ++m->publish.seq);
    }
}

void listeners_renumber(struct manager *m, const struct listener *l)
{
    struct listening *at;

    TAILQ_FOREACH (at, &m->supervisor.listenings.list, entry)
        if (at->state == LISTENING_OPEN && strcmp(at->listener, l->name) == 0)
            listening_renumber(at, l->id);
}

void listeners_follow(struct manager *m, const char *name, const struct listener *l)
{
    if (is_deaf(m))
        return;
    forget_marks(m);
    for (unsigned i = 0; l != NULL && i < l->address_n; i++)
        open_one(m, l, &l->addresses[i]);
    close_others(m, span_from_str(name));
}

/* ---- again ---- */

static void on_again(struct timer *t)
{
    const struct listeners *ls =
        (const struct listeners *)((char *)t - offsetof(struct listeners, again));
    struct manager *m = ls->m;

    for (uint32_t i = 0; !manager_is_leaving(m) && i < m->pool->listener_n; i++)
        listeners_follow(m, m->pool->listeners[i]->name, m->pool->listeners[i]);
}

void listeners_init(struct listeners *ls, struct manager *m)
{
    *ls = (struct listeners){.m = m};
    timer_init(&ls->again, on_again);
    LIST_INIT(&ls->claims);
    m->listeners = ls;
    m->own.listenings = &m->supervisor.listenings;
}

void listeners_fini(struct listeners *ls)
{
    timer_stop(loop_timers(ls->m->loop), &ls->again);
    MUST(LIST_EMPTY(&ls->claims)); /* changes end first */
}
