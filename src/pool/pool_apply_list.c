#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_code.h"
#include "pool/pool_health.h"
#include "pool/pool_mem.h"
#include "pool/pool_meta.h"
#include "pool/server.h"
#include "pool/server_settings.h"
#include "pool/table.h"

/* The servers of a pool as a whole: those of the list are added or changed, all others go, in
 * one command. What people made of the state (admin) of one that is there stays; one that is
 * new comes with that of the list, as a copy of the pool has it. Everything is made first; then
 * nothing can fail. */

struct plan {
    struct pool_state *s;
    struct pool *p;
    const struct pool_command *c;
    struct pool_server **now;     /* for each of the list: that is there; NULL: none */
    struct pool_server **next;    /* … what it will be; NULL: what it is, or it is done */
    struct pool_server **servers; /* the pool's new vector */
    struct pool_change *change;
    uint64_t index;
    uint32_t entered_n; /* of next: looked at, and in the tables if new */
};

uint64_t pool_list_id(uint64_t index, uint32_t k)
{
    MUST(index <= POOL_ID_INDEX_MAX && k < POOL_SERVERS_MAX);
    return index | ((uint64_t)k << POOL_ID_INDEX_BITS);
}

/* ---- may it be? ---- */

/* A URL twice in the list. */
static int judge_urls(const struct pool_command *c)
{
    struct text_node *seen = NULL;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < c->list_n; i++) {
        const char *url = c->list[i].url;
        rc = text_table_find(seen, span_from_str(url)) != NULL
                 ? WERR_EXISTS
                 : text_table_add(&seen, url, &c->list[i]);
    }
    text_table_clear(&seen);
    return rc;
}

int pool_judge_list(const struct pool_state *s, const struct pool_command *c)
{
    const struct pool *p = pool_find(s, span_from_str(c->pool));
    if (p == NULL)
        return WERR_NOT_FOUND;
    if (s->server_n - p->server_n + c->list_n > POOL_SERVERS_MAX)
        return WERR_TOO_BIG;
    return judge_urls(c);
}

/* ---- making ---- */

static bool make_room(struct plan *plan)
{
    const uint32_t n = plan->c->list_n;
    plan->now = pool_calloc(n + 1, sizeof(struct pool_server *));
    plan->next = pool_calloc(n + 1, sizeof(struct pool_server *));
    plan->servers = pool_calloc(n + 1, sizeof(struct pool_server *));
    plan->change->list =
        pool_calloc(n + plan->p->server_n + 1, sizeof(struct pool_change_item));
    return plan->now != NULL && plan->next != NULL && plan->servers != NULL &&
           plan->change->list != NULL;
}

static int make_one(struct plan *plan, uint32_t i, uint32_t *new_n)
{
    const struct pool_server *wanted = &plan->c->list[i];
    struct pool_server *now = pool_find_url(plan->p, span_from_str(wanted->url));
    plan->now[i] = now;
    if (now != NULL && server_differs(now, wanted) == 0)
        return 0;
    struct pool_server *next = server_copy(wanted);
    if (next == NULL)
        return WERR_NOMEM;
    plan->next[i] = next;
    next->id = now != NULL ? now->id : pool_list_id(plan->index, (*new_n)++);
    next->admin = now != NULL ? now->admin : wanted->admin;
    next->drain_ms = now != NULL ? now->drain_ms : wanted->drain_ms;
    if (next->admin == POOL_ADMIN_ENABLED)
        next->drain_ms = 0;
    return kind_hash(KIND_SERVER, next->id, plan->p->id, pool_code_server_json(next),
                     &next->digest);
}

static int enter_one(struct plan *plan, struct pool_server *server)
{
    const struct id_entry entry = {KIND_SERVER, server, plan->p};
    int rc = text_table_add(&plan->p->by_url, server->url, server);
    if (rc != 0)
        return rc;
    rc = id_table_add(&plan->s->ids, server->id, &entry);
    if (rc != 0)
        text_table_remove(&plan->p->by_url, server->url);
    return rc;
}

static int make(struct plan *plan)
{
    uint32_t new_n = 0;
    int rc = make_room(plan) ? 0 : WERR_NOMEM;
    for (uint32_t i = 0; rc == 0 && i < plan->c->list_n; i++)
        rc = make_one(plan, i, &new_n);
    for (; rc == 0 && plan->entered_n < plan->c->list_n; plan->entered_n += rc == 0)
        if (plan->now[plan->entered_n] == NULL)
            rc = enter_one(plan, plan->next[plan->entered_n]);
    return rc;
}

static void undo(struct plan *plan)
{
    for (uint32_t i = 0; i < plan->entered_n; i++) {
        if (plan->now[i] != NULL)
            continue;
        text_table_remove(&plan->p->by_url, plan->next[i]->url);
        id_table_remove(&plan->s->ids, plan->next[i]->id);
    }
    for (uint32_t i = 0; plan->next != NULL && i < plan->c->list_n; i++)
        pool_server_free(plan->next[i]);
}

/* ---- doing ---- */

static void note(struct plan *plan, enum pool_change_type type, uint64_t id,
                 struct pool_server *removed)
{
    plan->change->list[plan->change->list_n++] =
        (struct pool_change_item){.type = type, .id = id, .removed = removed};
    plan->change->type = POOL_CHANGE_LIST;
}

/* now becomes what next is, and next, which is about to be freed, gets what now owned. What
 * others know the server by stays where it is. */
static void take_over(struct pool_server *now, struct pool_server *next)
{
    const struct pool_server was = *now;
    *now = *next;
    now->url = was.url;
    now->host = was.host;
    now->authority = was.authority;
    next->meta = was.meta;
    next->meta_n = was.meta_n;
    next->health = was.health;
}

static void change_one(struct plan *plan, struct pool_server *now, struct pool_server *next)
{
    if (next == NULL)
        return;
    if (next->digest != now->digest) {
        plan->s->digest += next->digest - now->digest;
        take_over(now, next);
        note(plan, POOL_CHANGE_CHANGED, now->id, NULL);
    }
    pool_server_free(next);
}

static int compare_ids(const void *a, const void *b)
{
    const struct pool_server *left = *(struct pool_server *const *)a;
    const struct pool_server *right = *(struct pool_server *const *)b;
    return (left->id > right->id) - (left->id < right->id);
}

/* Both vectors are in the order of the ids. */
static void remove_others(struct plan *plan)
{
    struct pool *p = plan->p;
    uint32_t k = 0;
    for (uint32_t i = 0; i < p->server_n; i++) {
        struct pool_server *server = p->servers[i];
        while (k < plan->c->list_n && plan->servers[k]->id < server->id)
            k++;
        if (k < plan->c->list_n && plan->servers[k] == server)
            continue;
        text_table_remove(&p->by_url, server->url);
        id_table_remove(&plan->s->ids, server->id);
        plan->s->digest -= server->digest;
        note(plan, POOL_CHANGE_REMOVED, server->id, server);
    }
}

static void do_all(struct plan *plan)
{
    const uint32_t n = plan->c->list_n;
    struct pool *p = plan->p;
    for (uint32_t i = 0; i < n; i++) {
        plan->servers[i] = plan->now[i] != NULL ? plan->now[i] : plan->next[i];
        if (plan->now[i] != NULL) {
            change_one(plan, plan->now[i], plan->next[i]);
            continue;
        }
        plan->s->digest += plan->next[i]->digest;
        note(plan, POOL_CHANGE_ADDED, plan->next[i]->id, NULL);
    }
    qsort(plan->servers, n, sizeof(struct pool_server *), compare_ids);
    remove_others(plan);
    plan->s->server_n += n - p->server_n;
    free(p->servers);
    p->servers = plan->servers;
    p->server_n = n;
    p->server_cap = n + 1;
    plan->servers = NULL;
}

int pool_apply_list(struct pool_state *s, const struct pool_command *c, uint64_t index,
                    struct pool_change *change)
{
    struct plan plan = {.s = s, .c = c, .change = change, .index = index};
    plan.p = change->pool = pool_find(s, span_from_str(c->pool));
    MUST(plan.p != NULL); /* judged */
    change->id = plan.p->id;
    int rc = make(&plan);
    if (rc == 0)
        do_all(&plan);
    else
        undo(&plan);
    free(plan.now);
    free(plan.next);
    free(plan.servers);
    return rc;
}
