#include "worker/origin_conn.h"

#include "codec/proxy_protocol.h"
#include "log/log.h"
#include "net/tlsio.h"
#include "pool/certificate.h"
#include "worker/caller.h"
#include "worker/certificates.h"
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

/* ---- https ---- */

static const struct certificate *shown_by(const struct worker *w, const struct pool *p)
{
    return p->tls.certificate != NULL
               ? certificate_find(w->pool_state, span_from_str(p->tls.certificate))
               : NULL;
}

struct origin_tls_source origin_conn_tls_source(struct worker *w, const struct pool *p)
{
    const struct certificate *shown = shown_by(w, p);

    return (struct origin_tls_source){p, &w->authorities, shown != NULL ? shown->digest : 0};
}

static int make_tls(struct pool_runtime *pool, const struct pool *p)
{
    struct worker *w = pool->worker;
    const struct origin_tls_source source = origin_conn_tls_source(w, p);
    const struct certificate *shown = shown_by(w, p);
    struct tlsio_identity *identity = NULL;

    if (conn_use_tls(&w->shared) < 0)
        return WERR_NOMEM;
    if (shown != NULL) {
        identity = certificates_identity(w, shown->id);
        if (identity == NULL)
            return certificates_is_bad(w, shown->id) ? WERR_NO_CERTIFICATE : WERR_NOMEM;
    }
    return origin_tls_make(&pool->tls, &source, identity);
}

static void tell_unprepared(const struct pool_runtime *pool, const struct pool *p, int rc)
{
    const char *reason = werr_text(rc);
    const char *certificate = p != NULL ? p->tls.certificate : NULL;

    if (rc == WERR_UNTRUSTED)
        reason = "no authorities to believe";
    else if (rc == WERR_NO_CERTIFICATE)
        reason = "its certificate can't be used";
    log_warn("TLS to servers can't be set up", LOG_S("pool", pool->name),
             LOG_S("reason", reason),
             LOG_S("certificate", certificate != NULL ? certificate : ""));
}

/* Of a pool that is described no more requests may be under way: they go on with the last
 * settings, if those were used before. */
static int prepare_tls(struct pool_runtime *pool)
{
    if (pool->tls.context != NULL)
        return 0;
    const struct pool *p = pool_find_id(pool->worker->pool_state, pool->id);
    const int rc = p != NULL ? make_tls(pool, p) : WERR_UNTRUSTED;

    if (rc < 0)
        tell_unprepared(pool, p, rc);
    return rc;
}

static int begin(struct origin_conn *oc, const struct conn_ops *ops)
{
    struct origin *o = oc->origin;
    struct conn_shared *shared = &o->worker->shared;
    const struct codec_limits *limits = &o->pool->response_limits;

    if (!origin_is_https(o))
        return conn_connect(&oc->conn, shared, ops, &oc->addr, CODEC_H1, limits);
    const int rc = prepare_tls(o->pool);
    return rc < 0 ? rc : conn_connect_tls(&oc->conn, shared, ops, &oc->addr, CODEC_H1, limits);
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
    oc->magic = ORIGIN_CONN_MAGIC;
    oc->origin = o;
    oc->keep_ms = UINT32_MAX;
    *error = begin(oc, ops);
    if (*error < 0) {
        oc->magic = 0;
        slab_put(&w->origin_conns_slab, oc);
        return NULL;
    }
    stats_add(w->stats, STATS_server_connections, 1);
    stats_server_add(w->stats, o->stats_slot, STATS_SERVER_connections, 1);
    return oc;
}

/* The settings may have changed while it was connecting. */
struct tlsio_context *origin_conn_tls_context(struct origin_conn *oc)
{
    const struct origin_tls *tls = &oc->origin->pool->tls;

    oc->tls_version = tls->version;
    oc->tls_error = (int8_t)prepare_tls(oc->origin->pool);
    return oc->tls_error == 0 ? tls->context : NULL;
}

void origin_conn_tls_peer(const struct origin_conn *oc, struct tlsio_peer_name *peer)
{
    const struct origin_tls *tls = &oc->origin->pool->tls;

    peer->name = tls->server_name != NULL ? tls->server_name : oc->origin->tls_name;
    peer->address = &oc->addr;
    peer->sessions = addr_set_sessions(oc->origin->addrs, &oc->addr);
}

const char *origin_conn_tls_word(const struct origin_conn *oc)
{
    return conn_tls_word(&oc->conn);
}

/* What we lack ourselves, and a time that is over, are what they are without TLS. */
static int tls_error(const struct origin_conn *oc, int error)
{
    if (oc->conn.tls == NULL || error == WERR_NOMEM || error == WERR_TIMEOUT)
        return error;
    return tlsio_state(oc->conn.tls) == TLSIO_FAILED && error == WERR_DENIED ? WERR_UNTRUSTED
                                                                             : WERR_HANDSHAKE;
}

static void count_tls(const struct origin_conn *oc, enum stats_server_counter what)
{
    stats_server_add(worker_of(oc)->stats, oc->origin->stats_slot, what, 1);
}

int origin_conn_note_tls(const struct origin_conn *oc, int error)
{
    if (oc->conn.tls == NULL) /* without TLS, or not come that far */
        return error < 0 && oc->tls_error < 0 ? oc->tls_error : error;
    if (error < 0) {
        count_tls(oc, STATS_SERVER_tls_failed);
        return tls_error(oc, error);
    }
    count_tls(oc, STATS_SERVER_tls_handshakes);
    if (tlsio_facts(oc->conn.tls).is_resumed)
        count_tls(oc, STATS_SERVER_tls_resumed);
    return 0;
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

    if (oc->origin->proxy_protocol == 0 || oc->exchanges > 1 || oc->is_personal)
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
    if (!conn_is_talking(&oc->conn))
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
    if (origin_is_https(o) != (oc->conn.tls != NULL) ||
        (origin_is_https(o) && oc->tls_version != o->pool->tls.version))
        return false;
    return origin_conn_has_place(oc) && has_sent_all(oc) && conn_can_reuse(&oc->conn) &&
           is_silent(oc);
}
