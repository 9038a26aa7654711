#include "manager/api_diff.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/jtext.h"
#include "manager/manager.h"
#include "pool/pool_apply.h"
#include "pool/pool_snapshot.h"

/* The share of a server that is enabled, of all that are: its weight. */
static uint64_t weight_of(const struct pool_server *server)
{
    return server->admin == POOL_ADMIN_ENABLED ? server->weight : 0;
}

/* The list beside the pool that it is for; next: what the pool would be. */
struct diff {
    const struct pool *now, *next;
    uint64_t weights_now, weights_next;
};

static uint64_t sum_weights(const struct pool *p)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < p->server_n; i++)
        sum += weight_of(p->servers[i]);
    return sum;
}

static const struct pool_server *find_in(const struct pool *p, const struct pool_server *server)
{
    return pool_find_url(p, span_from_str(server->url));
}

static void put_urls(struct jtext *t, const char *key, const struct diff *d,
                     bool (*is_one)(const struct diff *d, const struct pool_server *server),
                     const struct pool *p)
{
    jtext_open(t, key, '[');
    for (uint32_t i = 0; i < p->server_n; i++)
        if (is_one(d, p->servers[i]))
            jtext_str(t, NULL, p->servers[i]->url);
    jtext_close(t, ']');
}

static bool is_added(const struct diff *d, const struct pool_server *server)
{
    return find_in(d->now, server) == NULL;
}

static bool is_changed(const struct diff *d, const struct pool_server *server)
{
    const struct pool_server *now = find_in(d->now, server);

    return now != NULL && now->digest != server->digest;
}

static bool is_removed(const struct diff *d, const struct pool_server *server)
{
    return find_in(d->next, server) == NULL;
}

/* How much less of the traffic comes to those that get less of it, in hundredths of a percent:
 * that much comes to others. Nothing was spread before: nothing moves. */
static uint64_t count_moved(const struct diff *d)
{
    enum { WHOLE = 10000 };
    const uint64_t a = d->weights_now, b = d->weights_next;
    uint64_t lost = 0;

    if (a == 0)
        return 0;
    if (b == 0)
        return WHOLE;
    for (uint32_t i = 0; i < d->now->server_n; i++) {
        const struct pool_server *next = find_in(d->next, d->now->servers[i]);
        const uint64_t was = weight_of(d->now->servers[i]) * b;
        const uint64_t is = (next != NULL ? weight_of(next) : 0) * a;

        lost += was > is ? was - is : 0;
    }
    const uint64_t all = a * b;

    MUST(all > 0);
    return (lost * WHOLE + all / 2) / all;
}

static char *tell_diff(const struct diff *d, const char *change)
{
    const uint64_t moved = count_moved(d);
    struct jtext t;
    char percent[48];

    (void)snprintf(percent, sizeof(percent), "%" PRIu64 ".%02" PRIu64, moved / 100,
                   moved % 100);
    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_bool(&t, "dry_run", true);
    jtext_str(&t, "change", change);
    put_urls(&t, "added", d, is_added, d->next);
    put_urls(&t, "changed", d, is_changed, d->next);
    put_urls(&t, "removed", d, is_removed, d->now);
    jtext_json(&t, "traffic_moved_percent", percent);
    jtext_number(&t, "total", d->next->server_n);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

/* Exact, for it is applied: to a copy of the description. */
static int try_out(const struct manager *m, const struct pool_command *c, char **text)
{
    struct pool_change change = {.type = POOL_CHANGE_NONE};
    struct pool_state *copy = NULL;
    int rc = pool_state_copy(m->pool, &copy);

    *text = NULL;
    if (rc == 0)
        rc = pool_apply(copy, c, copy->index + 1, &change);
    if (rc == 0) {
        struct diff d = {.now = pool_find(m->pool, span_from_str(c->pool)),
                         .next = pool_find(copy, span_from_str(c->pool))};

        d.weights_now = sum_weights(d.now);
        d.weights_next = sum_weights(d.next);
        *text = tell_diff(&d, pool_command_word(c->type));
    }
    pool_change_fini(&change);
    pool_state_free(copy);
    return rc;
}

char *api_diff_tell(const struct manager *m, const struct pool_command *c)
{
    char *text = NULL;

    return try_out(m, c, &text) == 0 ? text : NULL; /* checked: only memory can be short */
}
