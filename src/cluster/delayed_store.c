#include <stdlib.h>

#include "base/num.h"
#include "cluster/delayed.h"
#include "pool/pool_replica.h"

/* ---- what would be on a disk ---- */

void delayed_store_init(struct delayed_store *s)
{
    *s = (struct delayed_store){0};
    TAILQ_INIT(&s->entries);
}

static void drop_entries(struct delayed_store *s)
{
    struct delayed_entry *e;

    while ((e = TAILQ_FIRST(&s->entries)) != NULL) {
        TAILQ_REMOVE(&s->entries, e, entry);
        free(e);
    }
}

void delayed_store_fini(struct delayed_store *s)
{
    drop_entries(s);
    free(s->snapshot);
    s->snapshot = NULL;
}

void delayed_store_add(struct delayed_store *s, struct delayed_entry *e)
{
    e->index = ++s->index;
    TAILQ_INSERT_TAIL(&s->entries, e, entry);
}

static int begin(const struct delayed_store *s, struct pool_replica *r)
{
    if (s->snapshot == NULL)
        return pool_replica_init(r);
    return pool_replica_decode(span_from(s->snapshot, s->snapshot_len), r);
}

int delayed_store_encode(const struct delayed_store *s, char **out, size_t *len)
{
    const struct delayed_entry *e;
    struct pool_replica r;
    int rc = begin(s, &r);

    if (rc < 0)
        return rc;
    TAILQ_FOREACH (e, &s->entries, entry) {
        rc = pool_replica_apply(&r, e->index, span_from(e->bytes, e->len));
        if (rc < 0)
            break;
    }
    if (rc == 0)
        rc = pool_replica_encode(&r, out, len);
    pool_replica_fini(&r);
    return rc;
}

void delayed_store_compact(struct delayed_store *s, char *snapshot, size_t len)
{
    drop_entries(s);
    free(s->snapshot);
    s->snapshot = snapshot;
    s->snapshot_len = len;
    s->snapshot_index = s->index;
}

/* ---- options ---- */

static const struct {
    struct span key;
    size_t offset; /* of an uint32_t */
    uint64_t max;
} keys[] = {
    {{"delay", 5}, offsetof(struct delayed_options, delay_ms), 60000},
    {{"batch", 5}, offsetof(struct delayed_options, batch_max), 1000},
    {{"refuse", 6}, offsetof(struct delayed_options, refuse), 100},
    {{"lose", 4}, offsetof(struct delayed_options, lose), 100},
    {{"restore", 7}, offsetof(struct delayed_options, restore), 100},
    {{"cut", 3}, offsetof(struct delayed_options, cut_after), UINT32_MAX},
};

static int set_option(struct delayed_options *o, struct span key, struct span value)
{
    if (span_is_equal(key, SPAN("seed")))
        return num_from_dec(value, UINT64_MAX, &o->seed);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        uint64_t n;

        if (!span_is_equal(key, keys[i].key))
            continue;
        if (num_from_dec(value, keys[i].max, &n) < 0)
            return WERR_SYNTAX;
        *(uint32_t *)((char *)o + keys[i].offset) = (uint32_t)n;
        return 0;
    }
    return WERR_SYNTAX;
}

int delayed_options_from_text(struct span text, struct delayed_options *out)
{
    static const struct span name = {"delayed", 7};
    int rc = 0;

    *out = (struct delayed_options){.seed = 1, .delay_ms = 5};
    if (!span_has_prefix(text, name))
        return WERR_SYNTAX;
    text = span_skip(text, name.len);
    if (text.len > 0 && text.ptr[0] != ':')
        return WERR_SYNTAX;
    while (rc == 0 && text.len > 0) {
        struct span pair, key;

        text = span_skip(text, 1); /* ':' or ',' */
        pair = span_first(text, span_find(text, ','));
        text = span_skip(text, pair.len);
        key = span_first(pair, span_find(pair, '='));
        rc = key.len < pair.len ? set_option(out, key, span_skip(pair, key.len + 1))
                                : WERR_SYNTAX;
    }
    return rc;
}
