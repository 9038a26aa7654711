#include "worker/origin_conn.h"

#include "codec/proxy_protocol.h"
#include "worker/caller.h"
#include "worker/limits.h"
#include "worker/origin.h"
#include "worker/origin_table.h"
#include "worker/pool_runtime.h"
#include "worker/rotation.h"
#include "worker/worker.h"

static struct worker *worker_of(const struct origin_conn *oc)
{
    return oc->origin->worker;
}

struct origin_conn *origin_conn_open(struct origin *o, struct addr_tries *tries,
                                     const struct conn_ops *ops, int *error)
{
    MUST(o->addrs != NULL); /* else it is not wanted: rotation.h */
    struct worker *w = o->worker;
    struct origin_conn *oc = slab_get(&w->origin_conns_slab);

    if (oc == NULL) {
        *error = WERR_NOMEM;
        return NULL;
    }
    oc->addr = *addr_set_pick(o->addrs, tries, loop_now_ms(w->loop));
    oc->addr_version = o->addrs->version;
    *error = conn_connect(&oc->conn, &w->shared, ops, &oc->addr, CODEC_H1,
                          &o->pool->response_limits);
    if (*error < 0) {
        slab_put(&w->origin_conns_slab, oc);
        return NULL;
    }
    oc->magic = ORIGIN_CONN_MAGIC;
    oc->origin = o;
    oc->keep_ms = UINT32_MAX;
    stats_add(w->stats, STATS_server_connections, 1);
    stats_server_add(w->stats, o->stats_slot, STATS_SERVER_connections, 1);
    return oc;
}

void origin_conn_free(struct origin_conn *oc)
{
    struct origin *o = oc->origin;

    MUST(oc->magic == ORIGIN_CONN_MAGIC && oc->conn.state == CONN_CLOSED);
    oc->magic = 0;
    slab_put(&o->worker->origin_conns_slab, oc);
    origin_check_done(o);
}

void origin_conn_count(struct origin_conn *oc)
{
    struct origin *o = oc->origin;

    oc->conn.sock.recv_max = o->sends_large ? LIMIT_LARGE_FIRST_BYTES : 0;
    if (++oc->exchanges == LIMIT_PROVEN_N)
        o->is_proven = true;
}

static void note_keep_alive(struct origin_conn *oc, const struct msg *m)
{
    enum { SECOND_MS = 1000, LONG_S = 86400 };

    if (!(m->flags & MSG_HAS_KEEP_ALIVE))
        return;
    if (m->keep_alive_s > LONG_S)
        oc->keep_ms = UINT32_MAX;
    else
        oc->keep_ms = m->keep_alive_s > 0 ? (m->keep_alive_s - 1) * SECOND_MS : 0;
}

void origin_conn_note_head(struct origin_conn *oc, const struct msg *m)
{
    oc->origin->sends_large =
        m->body == MSG_BODY_LENGTH && m->content_length >= LIMIT_LARGE_RESPONSE_BYTES;
    oc->conn.sock.recv_max = 0;
    note_keep_alive(oc, m);
}

void origin_conn_tell_caller(struct origin_conn *oc, const struct caller *caller,
                             const struct stream *from)
{
    struct proxy_header h = {.client = caller->peer};
    char buf[PROXY_WRITE_MAX_BYTES];

    if (oc->origin->proxy_protocol == 0 || oc->exchanges > 1)
        return;
    const struct addr *local = caller_local(caller);
    if (local != NULL)
        h.local = *local;
    if (h.local.family == 0 && STREAM_DO(from, local_addr, &h.local) < 0)
        h.local = (struct addr){.family = h.client.family}; /* better than no client */
    oc->is_personal = true;
    conn_send_prologue(&oc->conn, span_from(buf, proxy_header_write(buf, &h)));
}

/* ---- may it wait for another exchange? ---- */

bool origin_conn_has_place(struct origin_conn *oc)
{
    const struct addr_set *set = oc->origin->addrs;

    if (oc->addr_version == set->version)
        return true;
    if (!addr_set_keeps(set, &oc->addr))
        return false;
    oc->addr_version = set->version;
    return true;
}

uint32_t origin_conn_idle_ms(const struct origin_conn *oc)
{
    uint32_t idle_ms = oc->origin->pool->settings.timeouts.idle_ms;

    return oc->keep_ms < idle_ms ? oc->keep_ms : idle_ms;
}

void origin_conn_distrust(const struct origin_conn *oc)
{
    oc->origin->distrust_ms = loop_now_ms(worker_of(oc)->loop) + LIMIT_DISTRUST_MS;
}

/* Behind its response a server has nothing to say: to the next request it would be the
 * response. An end that is there already has come suddenly. */
static bool is_silent(struct origin_conn *oc)
{
    if (!conn_has_more(&oc->conn))
        return true;
    origin_conn_distrust(oc);
    return false;
}

/* A server may answer before it has read the request. What it has not taken of that would stand
 * in front of the next one. */
static bool has_sent_all(struct origin_conn *oc)
{
    conn_flush(&oc->conn);
    return !conn_is_congested(&oc->conn);
}

bool origin_conn_can_reuse(struct origin_conn *oc)
{
    const struct origin *o = oc->origin;

    if (oc->is_personal || o->proxy_protocol != 0 || !rotation_keeps_lanes(o) ||
        worker_of(oc)->draining || origin_conn_idle_ms(oc) == 0)
        return false;
    return origin_conn_has_place(oc) && has_sent_all(oc) && conn_can_reuse(&oc->conn) &&
           is_silent(oc);
}
