#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_code.h"
#include "pool/pool_mem.h"
#include "pool/pool_policy.h"
#include "pool/server.h"
#include "pool/table.h"

/* ---- making ---- */

/* What "tls" owns is not freed. */
static int set_defaults(struct pool *p)
{
    p->tls = (struct pool_tls){0};
    p->policy = POOL_POLICY_ROUND_ROBIN;
    p->hash_key = (struct pool_hash_key){.by = POOL_HASH_ADDRESS};
    settings_init(&pool_settings_table, &p->settings);
    return pool_health_init_defaults(&p->health);
}

struct pool *pool_new(struct span name)
{
    struct pool *p = pool_calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->name = fault_malloc(name.len + 1);
    if (p->name == NULL || set_defaults(p) != 0) {
        pool_free(p);
        return NULL;
    }
    memcpy(p->name, name.ptr, name.len);
    p->name[name.len] = '\0';
    return p;
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    server_free_all(p);
    pool_health_fini(&p->health);
    pool_tls_fini(&p->tls);
    free(p->name);
    free(p);
}

static int hash_pool(const struct pool *p, uint64_t *hash)
{
    return kind_hash(KIND_POOL, p->id, 0, pool_code_pool_json(p), hash);
}

/* Into the tables, by name and by id. WERR_NOMEM leaves them as they were. */
static int list_pool(struct pool_state *s, struct pool *p)
{
    const struct id_entry entry = {KIND_POOL, p, NULL};
    int rc = text_table_add(&s->pool_names, p->name, p);
    if (rc != 0 || p->id == 0)
        return rc;
    rc = id_table_add(&s->ids, p->id, &entry);
    if (rc != 0)
        text_table_remove(&s->pool_names, p->name);
    return rc;
}

/* Counts (+1) or no longer counts (-1) the certificate that servers are shown as in use. */
static void count_certificate(const struct pool_state *s, const struct pool *p, int by)
{
    if (p->tls.certificate == NULL)
        return;
    struct certificate *c = certificate_find(s, span_from_str(p->tls.certificate));
    MUST(c != NULL && (by > 0 || c->ref_n > 0));
    c->ref_n += (uint32_t)by;
}

const struct pool *pool_find_shower(const struct pool_state *s, const struct certificate *which)
{
    for (uint32_t i = 0; i < s->pool_n; i++) {
        const char *name = s->pools[i]->tls.certificate;
        if (name != NULL && certificate_find(s, span_from_str(name)) == which)
            return s->pools[i];
    }
    return NULL;
}

int pool_enter(struct pool_state *s, struct pool *p)
{
    struct pool **pools = pool_reserve(s->pools, s->pool_n, &s->pool_cap);
    if (pools == NULL)
        return WERR_NOMEM;
    s->pools = pools;
    int rc = hash_pool(p, &p->digest);
    if (rc == 0)
        rc = list_pool(s, p);
    if (rc != 0)
        return rc;
    uint32_t place = s->pool_n;
    for (; place > 0 && pools[place - 1]->id > p->id; place--)
        pools[place] = pools[place - 1];
    pools[place] = p;
    s->pool_n++;
    s->digest += p->digest;
    count_certificate(s, p, 1);
    return 0;
}

/* With its servers, which stay in it. */
static void take_out(struct pool_state *s, struct pool *p)
{
    uint32_t place = 0;
    while (s->pools[place] != p)
        place++;
    s->pool_n--;
    memmove(&s->pools[place], &s->pools[place + 1],
            (s->pool_n - place) * sizeof(struct pool *));
    text_table_remove(&s->pool_names, p->name);
    id_table_remove(&s->ids, p->id);
    s->digest -= p->digest;
    count_certificate(s, p, -1);
    for (uint32_t i = 0; i < p->server_n; i++) {
        id_table_remove(&s->ids, p->servers[i]->id);
        s->digest -= p->servers[i]->digest;
    }
    s->server_n -= p->server_n;
}

/* ---- applying ---- */

/* What next->tls was is borrowed; what it is then is a copy. The caller frees it, and the
 * check, whatever the result. */
static int merge(struct pool *next, const struct pool_command *c)
{
    const struct pool_tls was = next->tls;
    next->tls = (struct pool_tls){0};
    int rc = pool_tls_merge(&next->tls, &was, &c->tls, c->set);
    if (rc != 0)
        return rc;
    settings_merge(&pool_settings_table, &next->settings, &c->settings, c->given);
    if ((c->set & POOL_SET_POLICY) != 0)
        next->policy = c->policy;
    if ((c->set & POOL_SET_HASH_KEY) != 0)
        next->hash_key = c->hash_key;
    return (c->set & POOL_SET_HEALTH) != 0
               ? pool_health_merge(&next->health, &c->server.health, 0)
               : 0;
}

static int apply_add(struct pool_state *s, const struct pool_command *c, uint64_t id,
                     struct pool_change *change)
{
    struct pool *p = pool_new(span_from_str(c->pool));
    if (p == NULL)
        return WERR_NOMEM;
    p->id = id;
    int rc = merge(p, c);
    if (rc == 0)
        rc = pool_enter(s, p);
    if (rc != 0) {
        pool_free(p);
        return rc;
    }
    change->type = POOL_CHANGE_ADDED;
    change->pool = p;
    change->id = id;
    return 0;
}

/* SET, or PUT of what is there: this begins with the defaults. */
static int apply_set(struct pool_state *s, const struct pool_command *c, struct pool *p,
                     struct pool_change *change)
{
    struct pool next = *p;
    int rc = c->is_put ? set_defaults(&next) : pool_health_copy(&next.health, &p->health);
    if (rc != 0)
        return rc;
    rc = merge(&next, c);
    if (rc == 0)
        rc = hash_pool(&next, &next.digest);
    if (rc != 0) {
        pool_health_fini(&next.health);
        pool_tls_fini(&next.tls);
        return rc;
    }
    if (next.digest != p->digest)
        change->type = POOL_CHANGE_CHANGED;
    s->digest += next.digest - p->digest;
    count_certificate(s, &next, 1);
    count_certificate(s, p, -1);
    pool_health_fini(&p->health);
    pool_tls_fini(&p->tls);
    *p = next;
    return 0;
}

static int apply_pool(struct pool_state *s, const struct pool_command *c, uint64_t id,
                      struct pool_change *change)
{
    struct pool *p = pool_find(s, span_from_str(c->pool));
    if (p == NULL)
        return apply_add(s, c, id, change);
    change->id = p->id;
    if (c->type != POOL_REMOVE_POOL) {
        change->pool = p;
        return apply_set(s, c, p, change);
    }
    take_out(s, p);
    change->type = POOL_CHANGE_REMOVED;
    change->removed_pool = p;
    return 0;
}

static int judge_certificate(const struct pool_state *s, const struct pool_command *c)
{
    const char *name = c->tls.certificate;
    return name == NULL || certificate_find(s, span_from_str(name)) != NULL ? 0
                                                                            : WERR_NO_TARGET;
}

static int judge_add(const struct pool_state *s, const struct pool_command *c,
                     const struct pool *p)
{
    if (p != NULL && !c->is_put)
        return WERR_EXISTS;
    if (p == NULL && s->pool_n >= POOL_POOLS_MAX)
        return WERR_TOO_BIG;
    return judge_certificate(s, c);
}

static int judge_pool(const struct pool_state *s, const struct pool_command *c)
{
    const struct pool *p = pool_find(s, span_from_str(c->pool));
    if (c->type == POOL_ADD_POOL)
        return judge_add(s, c, p);
    if (p == NULL)
        return WERR_NOT_FOUND;
    if (c->type != POOL_REMOVE_POOL)
        return judge_certificate(s, c);
    if (p->id == 0)
        return WERR_BUILTIN;
    return p->ref_n == 0 ? 0 : WERR_IN_USE;
}

static int target_pool(const struct pool_state *s, const struct pool_command *c,
                       uint64_t *digest)
{
    const struct pool *p = pool_find(s, span_from_str(c->pool));
    *digest = p != NULL ? p->digest : 0;
    return 0;
}

static int visit_pools(const struct pool_state *s, kind_visit_fn fn, void *arg)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->pool_n; i++) {
        const struct kind_object o = {KIND_POOL, s->pools[i]->id, 0, s->pools[i]};
        rc = fn(arg, &o);
    }
    return rc;
}

static int check_name(const struct pool_command *c, struct pool_error *error)
{
    if (pool_name_is_valid(span_from_str(c->pool)))
        return 0;
    pool_error_set(error, "invalid_value", "name", POOL_NAME_WISH, POOL_NAME_MAX);
    return WERR_INVALID;
}

static int check_policy(const struct pool_command *c, struct pool_error *error)
{
    if ((c->set & POOL_SET_POLICY) != 0 && c->policy >= POOL_POLICY_N) {
        pool_error_set(error, "invalid_value", "policy", "%s", POOL_POLICY_WISH);
        return WERR_INVALID;
    }
    if ((c->set & POOL_SET_HASH_KEY) != 0 && !pool_hash_key_is_valid(&c->hash_key)) {
        pool_error_set(error, "invalid_value", "hash_key", "%s", POOL_HASH_KEY_WISH);
        return WERR_INVALID;
    }
    return 0;
}

static int check_pool(const struct pool_command *c, struct pool_error *error)
{
    if (c->type == POOL_REMOVE_POOL)
        return 0;
    int rc = c->type == POOL_ADD_POOL ? check_name(c, error) : 0;
    if (rc == 0)
        rc = check_policy(c, error);
    if (rc == 0)
        rc = settings_check(&pool_settings_table, &c->settings, c->given, error);
    if (rc == 0 && (c->set & POOL_SET_HEALTH) != 0)
        rc = pool_health_check(&c->server.health, error);
    return rc;
}

static char *pool_json(const void *object)
{
    return pool_code_pool_json(object);
}

const struct kind_ops kind_ops_pool = {
    .check = check_pool,
    .judge = judge_pool,
    .apply = apply_pool,
    .target = target_pool,
    .visit = visit_pools,
    .json = pool_json,
};
