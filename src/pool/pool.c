#include "pool/pool.h"

#include "base/fault.h"

/* Adding must survive a failing allocation inside the table: uthash then takes the item out
 * again. */
#define HASH_NONFATAL_OOM      1
#define uthash_malloc(bytes)   fault_malloc(bytes)
#define uthash_free(ptr, size) free(ptr)
#define HASH_FUNCTION(key, len, value)             \
    do {                                           \
        (value) = (unsigned)XXH3_64bits(key, len); \
    } while (0)
#define XXH_INLINE_ALL
#include <stdlib.h>
#include <uthash.h>
#include <xxhash.h>

#include "base/num.h"
#include "pool/pool_code.h"
#include "pool/pool_int.h"

/* The server comes first: a box and its server have the same address. */
struct pool_server_box {
    struct pool_server server;
    UT_hash_handle hh;
};

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-cognitive-complexity,readability-function-size) */
static struct pool_server_box *find_box(struct pool_server_box *table, struct span url)
{
    struct pool_server_box *box = NULL;
    HASH_FIND(hh, table, url.ptr, url.len, box);
    return box;
}

static int add_box(struct pool_server_box **table, struct pool_server_box *box)
{
    HASH_ADD_KEYPTR(hh, *table, box->server.url, strlen(box->server.url), box);
    return box->hh.tbl != NULL ? 0 : WERR_NOMEM;
}

static void delete_box(struct pool_server_box **table, struct pool_server_box *box)
{
    HASH_DELETE(hh, *table, box);
}
/* NOLINTEND(readability-function-cognitive-complexity,readability-function-size) */

bool pool_name_is_valid(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_alnum =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_alnum && c != '.' && c != '_' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= POOL_NAME_MAX;
}

static int pool_init_default(struct pool *p)
{
    p->name = pool_strdup("default");
    if (p->name == NULL)
        return WERR_NOMEM;
    p->policy = POOL_POLICY_ROUND_ROBIN;
    pool_settings_init(&p->settings);
    int rc = pool_health_init_defaults(&p->health);
    return rc != 0 ? rc : pool_hash_pool(p, &p->digest);
}

struct pool_state *pool_state_new(void)
{
    struct pool_state *s = pool_calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->pools = pool_calloc(1, sizeof(*s->pools));
    if (s->pools != NULL) {
        s->pool_n = 1;
        if (pool_init_default(&s->pools[0]) == 0) {
            s->digest = s->pools[0].digest;
            return s;
        }
    }
    pool_state_free(s);
    return NULL;
}

static void pool_fini(struct pool *p)
{
    HASH_CLEAR(hh, p->by_url);
    for (uint32_t i = 0; i < p->server_n; i++)
        pool_server_free(p->servers[i]);
    free(p->servers);
    pool_health_fini(&p->health);
    free(p->name);
}

void pool_state_free(struct pool_state *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->pool_n; i++)
        pool_fini(&s->pools[i]);
    free(s->pools);
    free(s);
}

struct pool *pool_find(const struct pool_state *s, struct span name)
{
    for (uint32_t i = 0; i < s->pool_n; i++) {
        if (span_is_equal(span_from_str(s->pools[i].name), name))
            return &s->pools[i];
    }
    return NULL;
}

/* Place of the first server whose id is not below this one. */
static uint32_t pool_place(const struct pool *p, uint64_t id)
{
    uint32_t low = 0;
    uint32_t high = p->server_n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->servers[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct pool_server *pool_find_server(const struct pool *p, uint64_t id)
{
    uint32_t place = pool_place(p, id);
    bool is_there = place < p->server_n && p->servers[place]->id == id;
    return is_there ? p->servers[place] : NULL;
}

uint32_t pool_next_server(const struct pool *p, uint64_t id)
{
    return pool_place(p, id + 1);
}

struct pool_server *pool_find_url(const struct pool *p, struct span url)
{
    struct pool_server_box *box = url.len > 0 ? find_box(p->by_url, url) : NULL;
    return box != NULL ? &box->server : NULL;
}

static int copy_strings(struct pool_server *to, const struct pool_server *from)
{
    to->url = pool_strdup(from->url);
    to->host = pool_strdup(from->host);
    to->authority = pool_strdup(from->authority);
    bool is_whole = to->url != NULL && to->host != NULL && to->authority != NULL;
    return is_whole ? 0 : WERR_NOMEM;
}

struct pool_server *pool_server_new(const struct pool_server *from)
{
    struct pool_server_box *box = pool_calloc(1, sizeof(*box));
    if (box == NULL)
        return NULL;
    struct pool_server *server = &box->server;
    server->addr = from->addr;
    server->weight = from->weight;
    server->map_host = from->map_host;
    server->proxy_protocol = from->proxy_protocol;
    server->admin = from->admin;
    server->drain_ms = from->drain_ms;
    int rc = copy_strings(server, from);
    if (rc == 0)
        rc = pool_meta_copy(server, from);
    if (rc == 0)
        rc = pool_health_copy(&server->health, &from->health);
    if (rc == 0)
        return server;
    pool_server_free(server);
    return NULL;
}

void pool_server_free(struct pool_server *server)
{
    if (server == NULL)
        return;
    pool_server_fini(server);
    free(server);
}

static int pool_reserve(struct pool *p)
{
    if (p->server_n < p->server_cap)
        return 0;
    uint32_t cap = p->server_cap == 0 ? 8 : p->server_cap * 2;
    size_t entry_bytes = sizeof(struct pool_server *);
    struct pool_server **servers =
        pool_grow(p->servers, p->server_n * entry_bytes, cap * entry_bytes);
    if (servers == NULL)
        return WERR_NOMEM;
    p->servers = servers;
    p->server_cap = cap;
    return 0;
}

int pool_insert(struct pool *p, struct pool_server *server)
{
    MUST(p->server_n == 0 || p->servers[p->server_n - 1]->id < server->id);
    int rc = pool_reserve(p);
    if (rc == 0)
        rc = add_box(&p->by_url, (struct pool_server_box *)server);
    if (rc == 0)
        p->servers[p->server_n++] = server;
    return rc;
}

void pool_take_out(struct pool *p, struct pool_server *server)
{
    uint32_t place = pool_place(p, server->id);
    MUST(place < p->server_n && p->servers[place] == server);
    delete_box(&p->by_url, (struct pool_server_box *)server);
    p->server_n--;
    memmove(&p->servers[place], &p->servers[place + 1],
            (p->server_n - place) * sizeof(struct pool_server *));
}

void pool_health_effective(const struct pool *p, const struct pool_server *server,
                           struct pool_health *out)
{
    const struct pool_health *own = &server->health;
    *out = p->health;
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        const struct pool_health_field *f = &pool_health_fields[i];
        if (f->kind <= POOL_KIND_U32 && (own->set & f->bit) != 0)
            pool_health_set_number(out, f, pool_health_number(own, f));
    }
    if ((own->set & POOL_HEALTH_SET_PATH) != 0)
        out->path = own->path;
    if ((own->set & POOL_HEALTH_SET_HOST) != 0)
        out->host = own->host;
    if ((own->set & POOL_HEALTH_SET_EXPECT) != 0) {
        out->expect_n = own->expect_n;
        memcpy(out->expect, own->expect, sizeof(out->expect));
    }
}

/* Frees json. */
static int hash_json(char *json, uint64_t seed, uint64_t *hash)
{
    if (json == NULL)
        return WERR_NOMEM;
    *hash = XXH3_64bits_withSeed(json, strlen(json), seed);
    free(json);
    return 0;
}

/* The id is the seed: two servers that differ in nothing else must not hash alike. */
int pool_hash_server(const struct pool_server *server, uint64_t *hash)
{
    return hash_json(pool_code_server_json(server), server->id, hash);
}

int pool_hash_pool(const struct pool *p, uint64_t *hash)
{
    return hash_json(pool_code_pool_json(p), 0, hash);
}

uint64_t pool_state_digest_recompute(const struct pool_state *s)
{
    uint64_t sum = 0;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < s->pool_n; i++) {
        if (pool_hash_pool(&s->pools[i], &hash) != 0)
            return 0;
        sum += hash;
        for (uint32_t k = 0; k < s->pools[i].server_n; k++) {
            if (pool_hash_server(s->pools[i].servers[k], &hash) != 0)
                return 0;
            sum += hash;
        }
    }
    return sum;
}

size_t pool_id_print(uint64_t id, char *buf)
{
    buf[0] = 's';
    buf[1] = '-';
    size_t len = 2 + num_to_hex(id, buf + 2);
    buf[len] = '\0';
    return len;
}

int pool_id_from_text(struct span text, uint64_t *id)
{
    if (!span_has_prefix(text, SPAN("s-")))
        return WERR_SYNTAX;
    struct span digits = span_skip(text, 2);
    bool is_good = digits.len <= 16 && num_from_hex(digits, UINT64_MAX, id) == 0;
    return is_good ? 0 : WERR_SYNTAX;
}
