#include "worker/hash_key.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The first field with this name, in any case. */
static struct span field_value(const struct msg *m, struct span name)
{
    for (unsigned i = 0; i < m->field_n; i++)
        if (span_is_equal_nocase(msg_field_name(m, &m->fields[i]), name))
            return span_trim(msg_field_value(m, &m->fields[i]));
    return SPAN_NONE;
}

/* In "a=1; b=2" (RFC 6265 section 4.2.1). */
static struct span cookie_in(struct span all, struct span name)
{
    while (all.len > 0) {
        const struct span pair = span_trim(span_cut(&all, ';'));
        const size_t equals = span_find(pair, '=');

        if (equals < pair.len && span_is_equal(span_first(pair, equals), name))
            return span_skip(pair, equals + 1);
    }
    return SPAN_NONE;
}

static struct span cookie_value(const struct msg *m, struct span name)
{
    struct span value = SPAN_NONE;

    for (unsigned i = 0; value.len == 0 && i < m->field_n; i++)
        if (span_is_equal_nocase(msg_field_name(m, &m->fields[i]), SPAN("cookie")))
            value = cookie_in(msg_field_value(m, &m->fields[i]), name);
    return value;
}

static struct span path_of(const struct msg *m)
{
    const struct span target = msg_target(m);

    return span_first(target, span_find(target, '?'));
}

static struct span text_of(const struct pool_hash_key *key, const struct msg *m)
{
    switch ((enum pool_hash_by)key->by) {
    case POOL_HASH_HEADER:
        return field_value(m, span_from_str(key->name));
    case POOL_HASH_COOKIE:
        return cookie_value(m, span_from_str(key->name));
    case POOL_HASH_PATH:
        return path_of(m);
    case POOL_HASH_ADDRESS:
        break;
    }
    return SPAN_NONE;
}

uint64_t hash_key_of(const struct pool_hash_key *key, const struct msg *request,
                     const struct addr *client)
{
    const struct span text = text_of(key, request);

    return text.len > 0 ? XXH3_64bits(text.ptr, text.len)
                        : XXH3_64bits(client->ip, client->family == AF_INET ? 4 : 16);
}
