#include "health/agree.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

/* ---- nodes ---- */

static struct health_node *find_node(struct health_nodes *all, uint64_t id)
{
    for (unsigned i = 0; i < HEALTH_NODES_MAX; i++)
        if (all->list[i].id == id)
            return &all->list[i];
    return NULL;
}

/* A free place was never heard, so it is the one that is silent for longest. */
static struct health_node *take_place(struct health_nodes *all, uint64_t id)
{
    struct health_node *oldest = NULL;

    for (unsigned i = 0; i < HEALTH_NODES_MAX; i++) {
        struct health_node *n = &all->list[i];

        if (!n->is_fresh && (oldest == NULL || n->heard_ms < oldest->heard_ms))
            oldest = n;
    }
    if (oldest != NULL)
        oldest->id = id;
    return oldest;
}

int health_nodes_hear(struct health_nodes *all, uint64_t id, uint64_t life, uint64_t now_ms,
                      bool *begins)
{
    struct health_node *n = find_node(all, id);

    *begins = false;
    if (n == NULL)
        n = take_place(all, id);
    if (n == NULL)
        return WERR_TOO_BIG;
    *begins = !n->is_fresh || n->life != life;
    if (*begins)
        n->epoch++;
    n->life = life;
    n->heard_ms = now_ms;
    n->is_fresh = true;
    return (int)(n - all->list);
}

bool health_nodes_age(struct health_nodes *all, uint64_t now_ms, uint64_t limit_ms)
{
    bool is_one_gone = false;

    for (unsigned i = 0; i < HEALTH_NODES_MAX; i++) {
        struct health_node *n = &all->list[i];

        if (!n->is_fresh || now_ms - n->heard_ms < limit_ms)
            continue;
        n->is_fresh = false;
        is_one_gone = true;
    }
    return is_one_gone;
}

unsigned health_nodes_fresh_n(const struct health_nodes *all)
{
    unsigned fresh_n = 0;

    for (unsigned i = 0; i < HEALTH_NODES_MAX; i++)
        fresh_n += all->list[i].is_fresh;
    return fresh_n;
}

/* ---- views of a server ---- */

static bool counts(const struct health_seen *s, const struct health_nodes *all)
{
    return all->list[s->node].is_fresh && all->list[s->node].epoch == s->epoch;
}

static struct health_seen *find_seen(const struct health_views *v, unsigned node)
{
    for (unsigned i = 0; i < v->n; i++)
        if (v->list[i].node == node)
            return &v->list[i];
    return NULL;
}

static struct health_seen *add_seen(struct health_views *v, unsigned node)
{
    struct health_seen *list = fault_malloc((v->n + 1U) * sizeof(*list));

    if (list == NULL)
        return NULL;
    if (v->n > 0)
        memcpy(list, v->list, v->n * sizeof(*list));
    free(v->list);
    v->list = list;
    list[v->n] = (struct health_seen){.node = (uint8_t)node};
    return &list[v->n++];
}

int health_views_set(struct health_views *v, const struct health_nodes *all, unsigned node,
                     enum health_view view, uint64_t since_us)
{
    MUST(node < HEALTH_NODES_MAX && view < HEALTH_VIEWS && all->list[node].is_fresh);
    struct health_seen *s = find_seen(v, node);
    const enum health_view was =
        s != NULL && counts(s, all) ? (enum health_view)s->view : HEALTH_UNKNOWN;
    if (s == NULL)
        s = add_seen(v, node);
    if (s == NULL)
        return WERR_NOMEM;
    s->epoch = all->list[node].epoch;
    s->view = (uint8_t)view;
    s->since_us = since_us;
    return was != view;
}

const struct health_seen *health_views_next(const struct health_views *v,
                                            const struct health_nodes *all,
                                            const struct health_seen *after)
{
    for (unsigned i = after == NULL ? 0 : (unsigned)(after - v->list) + 1; i < v->n; i++)
        if (counts(&v->list[i], all))
            return &v->list[i];
    return NULL;
}

void health_views_fini(struct health_views *v)
{
    free(v->list);
    *v = (struct health_views){NULL, 0};
}

/* ---- votes ---- */

static void vote(struct health_votes *votes, enum health_view view)
{
    votes->up += view == HEALTH_UP;
    votes->down += view == HEALTH_DOWN;
}

struct health_votes health_votes_count(const struct health_views *v,
                                       const struct health_nodes *all, enum health_view own)
{
    struct health_votes votes = {0, 0};
    const struct health_seen *s = NULL;

    vote(&votes, own);
    while ((s = health_views_next(v, all, s)) != NULL)
        vote(&votes, (enum health_view)s->view);
    return votes;
}

enum health_view health_votes_majority(struct health_votes votes)
{
    if (votes.up == votes.down)
        return HEALTH_UNKNOWN;
    return votes.up > votes.down ? HEALTH_UP : HEALTH_DOWN;
}
