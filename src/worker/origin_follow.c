#include "worker/origin_follow.h"

#include <stdlib.h>

#include "base/fault.h"
#include "pool/pool.h"
#include "worker/eject.h"
#include "worker/lane.h"
#include "worker/origin.h"
#include "worker/origin_conn.h"
#include "worker/origin_table.h"
#include "worker/place.h"
#include "worker/pool_runtime.h"
#include "worker/rotation.h"
#include "worker/worker.h"

static void set_untried(struct origin *o, bool is_untried)
{
    MUST(!o->is_untried || o->pool == NULL || o->pool->untried_n > 0);
    if (o->pool != NULL)
        o->pool->untried_n += (uint32_t)is_untried - (uint32_t)o->is_untried;
    o->is_untried = is_untried;
}

static int name_origin(struct origin *o, const char *authority)
{
    size_t bytes = strlen(authority) + 1;

    o->authority = fault_malloc(bytes);
    if (o->authority == NULL)
        return WERR_NOMEM;
    memcpy(o->authority, authority, bytes);
    return 0;
}

/* Gets no more requests: what is in flight there goes on. */
static void stand_down(struct origin *o)
{
    eject_end(o);
    lanes_close_idle(o);
}

/* After a restored snapshot the id may be another server's, in another pool. */
static int rename_origin(struct origin *o, const char *authority)
{
    char *was = o->authority;

    if (was != NULL && strcmp(was, authority) == 0)
        return 0;
    if (name_origin(o, authority) < 0) {
        o->authority = was;
        return WERR_NOMEM;
    }
    if (was != NULL)
        lanes_close_idle(o);
    free(was);
    return 0;
}

/* The name that its certificate is to have; in SNI it has no final dot (RFC 6066 section 3). */
static char *name_for_tls(const struct pool_server *server)
{
    size_t len = strlen(server->host);

    if (len > 0 && server->host[len - 1] == '.')
        len--;
    char *name = fault_malloc(len + 1);
    if (name == NULL)
        return NULL;
    memcpy(name, server->host, len);
    name[len] = '\0';
    return name;
}

static bool is_same_name(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* After a restored snapshot an id may be another server's, here too. */
static int follow_tls(struct origin *o, const struct pool_server *server)
{
    const bool has_name = server->is_tls && server->addr.family == 0;
    char *name = has_name ? name_for_tls(server) : NULL;

    if (has_name && name == NULL)
        return WERR_NOMEM;
    if (origin_is_https(o) != server->is_tls)
        lanes_close_idle(o);
    if (!is_same_name(o->tls_name, name))
        addr_set_forget_sessions(o->addrs);
    free(o->tls_name);
    o->tls_name = name;
    o->scheme = server->is_tls ? ORIGIN_HTTPS : ORIGIN_HTTP;
    return 0;
}

/* Takes over what the pool says about the server. */
int origin_follow(struct pool_runtime *pool, const struct pool_server *server)
{
    struct worker *w = pool->worker;
    struct origin *o = origin_find_or_new(w, server->id);

    if (o == NULL || rename_origin(o, server->authority) < 0 || follow_tls(o, server) < 0)
        return WERR_NOMEM;
    if (server->addr.family != 0 && addr_set_one(&o->addrs, &server->addr) < 0)
        return WERR_NOMEM;
    if (o->pool != NULL && o->pool != pool)
        origin_part(o); /* it is another server */
    if (o->pool == NULL)
        pool_runtime_join(pool, o);
    o->weight = server->weight;
    o->map_host = server->map_host;
    place_set_max(o, server->max_requests);
    if (o->proxy_protocol != server->proxy_protocol)
        lanes_close_idle(o); /* they have begun the other way */
    o->proxy_protocol = server->proxy_protocol;
    if (!origin_is_in_pool(o))
        origin_move(o, ORIGIN_SERVING, "described");
    o->admin = server->admin;
    rotation_note(o);
    if (o->admin != POOL_ADMIN_ENABLED)
        stand_down(o);
    return 0;
}

/* ---- TLS ---- */

/* What was agreed on by other rules is of no use any more. */
static void forget_trust(struct pool_runtime *pool)
{
    struct origin *o;

    LIST_FOREACH (o, &pool->origins, in_pool_entry) {
        addr_set_forget_sessions(o->addrs);
        if (origin_is_https(o))
            lanes_close_idle(o);
    }
}

int origin_follow_tls(struct pool_runtime *pool, const struct pool *p)
{
    const struct origin_tls_source source = origin_conn_tls_source(pool->worker, p);
    const int rc = origin_tls_follow(&pool->tls, &source);

    if (rc > 0)
        forget_trust(pool);
    return rc < 0 ? rc : 0;
}

int origin_follow_tls_all(struct worker *w)
{
    const struct pool_state *state = w->pool_state;
    int rc = 0;

    for (uint32_t i = 0; state != NULL && rc == 0 && i < state->pool_n; i++) {
        struct pool_runtime *pool = pool_runtime_find(w, state->pools[i]->id);

        rc = pool != NULL ? origin_follow_tls(pool, state->pools[i]) : 0;
    }
    return rc;
}

/* ---- leaving ---- */

static void leave(struct origin *o)
{
    eject_end(o);
    origin_move(o, ORIGIN_LEAVING, "described no more");
    rotation_note(o);
    lanes_close_idle(o);
}

void origin_leave(struct worker *w, uint64_t server_id)
{
    struct origin *o = origin_find(w, server_id);

    if (o != NULL && origin_is_in_pool(o))
        leave(o);
}

/* The manager has no more word on it. */
static void end(struct origin *o)
{
    if (o->state != ORIGIN_GONE)
        origin_move(o, ORIGIN_GONE, "forgotten");
    origin_check_done(o);
}

/* What is not in a snapshot was removed, and the word that it is forgotten may have been left
 * out for the snapshot: what is in flight ends, then it goes. The analyzer does not see that
 * HASH_DEL unlinks. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
void origin_forget_absent(struct worker *w)
{
    struct origin *o, *next;

    HASH_ITER (hh, w->origins, o, next) {
        if (!origin_is_in_pool(o))
            end(o);
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

void origin_leave_absent(struct worker *w)
{
    struct origin *o, *next;

    HASH_ITER (hh, w->origins, o, next)
        if (origin_is_in_pool(o) &&
            pool_find_any_server(w->pool_state, o->server_id, NULL) == NULL)
            leave(o);
}

/* The time to drain is over: what is still in flight ends now. */
static void cut(struct origin *o)
{
    o->in_flight++; /* stays till the walk is over */
    lanes_cut(o);
    o->in_flight--;
}

/* One that is in the pool still: the snapshot that ends that forgets it too. */
static void forget(struct origin *o)
{
    cut(o);
    if (!origin_is_in_pool(o))
        end(o);
}

int origin_local(struct worker *w, const struct frame_local *facts)
{
    struct origin *o;

    if (facts->flags & FRAME_LOCAL_GONE) {
        o = origin_find(w, facts->server_id);
        if (o != NULL)
            forget(o);
        return 0;
    }
    o = origin_find_or_new(w, facts->server_id);
    if (o == NULL)
        return WERR_NOMEM;
    o->stats_slot = facts->stats_slot;
    o->up = (facts->flags & FRAME_LOCAL_UP) != 0;
    set_untried(o, (facts->flags & FRAME_LOCAL_UNTRIED) != 0);
    rotation_note(o);
    if (facts->flags & FRAME_LOCAL_PASSED)
        eject_note_passed(o);
    if (!o->up)
        lanes_close_idle(o);
    if (facts->flags & FRAME_LOCAL_CUT)
        cut(o);
    return 0;
}

int origin_addrs(struct worker *w, const struct frame_addrs *found)
{
    struct origin *o = origin_find_or_new(w, found->server_id);

    if (o == NULL || addr_set_replace(&o->addrs, found) < 0)
        return WERR_NOMEM;
    lanes_close_gone(o);
    rotation_note(o);
    return 0;
}

void origin_close_all(struct worker *w)
{
    struct origin *o, *next;

    HASH_ITER (hh, w->origins, o, next)
        lanes_close_idle(o);
}
