#include <stdlib.h>

#include "cluster/raft_int.h"
#include "log/log.h"
#include "pool/levels.h"

void engine_orders_init(struct engine *e)
{
    /* An answer to an order of the process before means none of this one. */
    e->orders.last = loop_wall_us(e->loop.loop);
}

/* ---- on its way ---- */

static int send_order(struct link *l, uint8_t type, const struct peer_order *m)
{
    size_t len;

    if (l == NULL || !link_is_open(l))
        return WERR_UNREACHABLE;
    char *bytes = peer_order_encode(m, &len);
    if (bytes == NULL)
        return WERR_NOMEM;
    const int rc = link_send(l, type, span_from(bytes, len));
    free(bytes);
    return rc;
}

static int send_to_caller(const struct engine *e, uint64_t id, uint8_t type,
                          const struct peer_order *m)
{
    const struct caller *c;

    LIST_FOREACH (c, &e->callers, entry)
        if (c->id == id && link_is_open(c->link))
            return send_order(c->link, type, m);
    return WERR_UNREACHABLE;
}

/* To who is meant, by the leader. */
static int send_out(const struct engine *e, uint8_t type, const struct peer_order *m)
{
    if (e->role == CLUSTER_LEADER)
        return send_to_caller(e, m->to, type, m);
    return e->leader_link == NULL ? WERR_NOT_LEADER : send_order(e->leader_link, type, m);
}

static void send_answer(const struct engine *e, const struct peer_order *m)
{
    const int rc = send_out(e, PEER_ORDERED, m);

    if (rc < 0)
        log_debug("the answer to an order can't be sent", LOG_ID("to", m->to),
                  LOG_S("error", werr_text(rc)));
}

/* ---- operations ---- */

static int check(const struct engine *e, uint64_t id)
{
    if (e->is_lost || e->leader_id == 0)
        return WERR_NOT_LEADER;
    if (roster_find(e->roster, id) == NULL)
        return WERR_NOT_FOUND;
    if (id == e->self.id)
        return WERR_INVALID;
    return engine_level(e) < LEVEL_ORDERS ? WERR_UNSUPPORTED : 0;
}

int engine_order(struct cluster *c, uint64_t id, struct span request, cluster_text_fn done,
                 void *arg)
{
    struct engine *e = (struct engine *)c;
    struct peer_order m = {.from = e->self.id, .to = id, .bytes = request};
    int rc = check(e, id);

    MUST(request.len <= CLUSTER_ORDER_MAX);
    if (rc < 0)
        return rc;
    m.number =
        orders_add(&e->orders, id, loop_now_ms(e->loop.loop) + CLUSTER_ORDER_MS, done, arg);
    if (m.number == 0)
        return WERR_IN_USE;
    rc = send_out(e, PEER_ORDER, &m);
    if (rc < 0)
        orders_drop(&e->orders, m.number);
    return rc;
}

void engine_answer(struct cluster *c, const struct cluster_order *order, struct span text)
{
    struct engine *e = (struct engine *)c;

    MUST(text.len <= CLUSTER_ORDER_MAX);
    send_answer(
        e, &(struct peer_order){
               .number = order->number, .from = e->self.id, .to = order->from, .bytes = text});
}

/* ---- what comes ---- */

static void refuse(const struct engine *e, const struct peer_order *m, int error)
{
    send_answer(e, &(struct peer_order){
                       .number = m->number, .from = m->to, .to = m->from, .error = error});
}

/* This node is meant. */
static void take(struct engine *e, uint8_t type, const struct peer_order *m)
{
    const struct cluster_hooks *hooks = &e->cluster.hooks;
    const struct cluster_order order = {.from = m->from, .number = m->number};

    if (type == PEER_ORDERED)
        orders_end(&e->orders, m->number, m->from, m->error, m->bytes);
    else if (hooks->on_order == NULL || e->is_lost)
        refuse(e, m, WERR_UNSUPPORTED);
    else
        hooks->on_order(hooks->arg, &order, m->bytes);
}

int engine_orders_from_leader(struct engine *e, uint8_t type, struct span payload)
{
    struct peer_order m;

    if (peer_order_decode(payload, &m) < 0)
        return WERR_CORRUPT;
    if (m.to == e->self.id)
        take(e, type, &m);
    return 0;
}

static void pass_on(const struct engine *e, uint8_t type, const struct peer_order *m)
{
    const int rc = send_to_caller(e, m->to, type, m);

    if (rc < 0 && type == PEER_ORDER)
        refuse(e, m, rc);
}

int engine_orders_from_caller(const struct caller *c, uint8_t type, struct span payload)
{
    struct engine *e = c->engine;
    struct peer_order m;

    if (peer_order_decode(payload, &m) < 0 || m.from != c->id)
        return WERR_CORRUPT;
    if (e->role != CLUSTER_LEADER || roster_find(e->roster, m.from) == NULL)
        return 0; /* it hears who leads, and does not wait on this link */
    if (m.to == e->self.id)
        take(e, type, &m);
    else
        pass_on(e, type, &m);
    return 0;
}

/* ---- its end ---- */

void engine_orders_tend(struct engine *e)
{
    orders_end_late(&e->orders, loop_now_ms(e->loop.loop));
}

void engine_orders_cut(struct engine *e, uint64_t id)
{
    orders_end_all(&e->orders, id, WERR_OUTCOME_UNKNOWN);
}

void engine_orders_close(struct engine *e)
{
    orders_end_all(&e->orders, 0, WERR_SHUTTING_DOWN);
}
