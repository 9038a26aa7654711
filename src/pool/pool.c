#include "pool/pool.h"

#include <string.h>

#include "base/ascii.h"
#include "base/search.h"
#include "pool/table.h"

/* ---- pools ---- */

struct pool *pool_default(const struct pool_state *s)
{
    return s->pools[0];
}

struct pool *pool_find(const struct pool_state *s, struct span name)
{
    return text_table_find(s->pool_names, name);
}

struct pool *pool_find_id(const struct pool_state *s, uint64_t id)
{
    if (id == 0)
        return pool_default(s);
    const struct id_entry *entry = id_table_find(s->ids, id);
    return entry != NULL && entry->kind == KIND_POOL ? entry->object : NULL;
}

bool pool_name_is_valid(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!ascii_is_alnum(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= POOL_NAME_MAX;
}

/* ---- servers ---- */

static uint64_t id_at(const void *servers, uint32_t i)
{
    return ((struct pool_server *const *)servers)[i]->id;
}

uint32_t pool_server_place(const struct pool *p, uint64_t id)
{
    return search_place(p->servers, p->server_n, id_at, id);
}

struct pool_server *pool_find_server(const struct pool *p, uint64_t id)
{
    uint32_t place = pool_server_place(p, id);
    bool is_there = place < p->server_n && p->servers[place]->id == id;
    return is_there ? p->servers[place] : NULL;
}

uint32_t pool_next_server(const struct pool *p, uint64_t id)
{
    return pool_server_place(p, id + 1);
}

struct pool_server *pool_find_any_server(const struct pool_state *s, uint64_t id,
                                         struct pool **pool)
{
    struct id_entry *entry = id_table_find(s->ids, id);
    if (entry == NULL || entry->kind != KIND_SERVER)
        return NULL;
    if (pool != NULL)
        *pool = entry->owner;
    return entry->object;
}

struct pool_server *pool_find_url(const struct pool *p, struct span url)
{
    return text_table_find(p->by_url, url);
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
