#include "pool/pool_meta.h"

#include "pool/pool_mem.h"

static void free_entry(struct pool_meta *entry)
{
    free(entry->key);
    free(entry->value);
}

void pool_meta_fini(struct pool_server *server)
{
    for (unsigned i = 0; i < server->meta_n; i++)
        free_entry(&server->meta[i]);
    free(server->meta);
    server->meta = NULL;
    server->meta_n = 0;
}

static int copy_entry(struct pool_meta *to, const char *key, const char *value)
{
    to->key = pool_strdup(key);
    to->value = pool_strdup(value);
    if (to->key != NULL && to->value != NULL)
        return 0;
    free_entry(to);
    return WERR_NOMEM;
}

int pool_meta_copy(struct pool_server *to, const struct pool_server *from)
{
    to->meta = NULL;
    to->meta_n = 0;
    if (from->meta_n == 0)
        return 0;
    to->meta = pool_calloc(from->meta_n, sizeof(*to->meta));
    if (to->meta == NULL)
        return WERR_NOMEM;
    for (; to->meta_n < from->meta_n; to->meta_n++) {
        const struct pool_meta *entry = &from->meta[to->meta_n];
        int rc = copy_entry(&to->meta[to->meta_n], entry->key, entry->value);
        if (rc != 0) {
            pool_meta_fini(to);
            return rc;
        }
    }
    return 0;
}

/* Where the key is or belongs; at most POOL_META_N steps. */
static unsigned find_place(const struct pool_server *server, const char *key, bool *is_there)
{
    unsigned place = 0;
    int order = -1;
    while (place < server->meta_n) {
        order = strcmp(server->meta[place].key, key);
        if (order >= 0)
            break;
        place++;
    }
    *is_there = place < server->meta_n && order == 0;
    return place;
}

static int replace_value(struct pool_meta *entry, const char *value)
{
    char *copy = pool_strdup(value);
    if (copy == NULL)
        return WERR_NOMEM;
    free(entry->value);
    entry->value = copy;
    return 0;
}

static int insert_entry(struct pool_server *server, unsigned place, const char *key,
                        const char *value)
{
    struct pool_meta entry = {NULL, NULL};
    int rc = copy_entry(&entry, key, value);
    if (rc != 0)
        return rc;
    struct pool_meta *meta = pool_grow(server->meta, server->meta_n * sizeof(*meta),
                                       (server->meta_n + 1U) * sizeof(*meta));
    if (meta == NULL) {
        free_entry(&entry);
        return WERR_NOMEM;
    }
    server->meta = meta;
    memmove(&meta[place + 1], &meta[place], (server->meta_n - place) * sizeof(*meta));
    meta[place] = entry;
    server->meta_n++;
    return 0;
}

int pool_meta_set(struct pool_server *server, const char *key, const char *value)
{
    bool is_there = false;
    unsigned place = find_place(server, key, &is_there);
    if (is_there)
        return replace_value(&server->meta[place], value);
    if (server->meta_n >= POOL_META_N)
        return WERR_TOO_BIG;
    return insert_entry(server, place, key, value);
}

void pool_meta_remove(struct pool_server *server, const char *key)
{
    bool is_there = false;
    unsigned place = find_place(server, key, &is_there);
    if (!is_there)
        return;
    free_entry(&server->meta[place]);
    server->meta_n--;
    memmove(&server->meta[place], &server->meta[place + 1],
            (server->meta_n - place) * sizeof(*server->meta));
}

static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return true;
    }
    return false;
}

bool pool_meta_is_valid_key(struct span key)
{
    return key.len > 0 && key.len <= POOL_META_KEY_MAX && !has_control(key);
}

bool pool_meta_is_valid_value(struct span value)
{
    return value.len <= POOL_META_VALUE_MAX && !has_control(value);
}
