/* Out of memory, uthash takes the item out again and leaves its table pointer NULL. */
#define HASH_NONFATAL_OOM    1
#define uthash_malloc(bytes) fault_malloc(bytes)
#include "worker/admission.h"

#include <uthash.h>

#include "base/fault.h"
#include "worker/caller.h"
#include "worker/exchange.h"
#include "worker/limits.h"
#include "worker/listener_runtime.h"
#include "worker/worker.h"

/* A host of IPv6 has a whole /64 to choose from. */
enum { HOST_BYTES_6 = 8, HOST_BYTES_4 = 4 };

struct admission_host {
    struct admission_key {
        uint8_t ip[HOST_BYTES_6];
        uint64_t family;
    } key;
    uint32_t client_n;
    UT_hash_handle hh;
};

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-size) */
static struct admission_host *find(const struct listener_runtime *l,
                                   const struct admission_key *key)
{
    struct admission_host *h;

    HASH_FIND(hh, l->hosts, key, sizeof(*key), h);
    return h;
}

static bool link_host(struct listener_runtime *l, struct admission_host *h)
{
    HASH_ADD(hh, l->hosts, key, sizeof(h->key), h);
    return h->hh.tbl != NULL;
}

static void unlink_host(struct listener_runtime *l, struct admission_host *h)
{
    HASH_DEL(l->hosts, h);
}
/* NOLINTEND(readability-function-size) */

static struct admission_key key_of(const struct addr *peer)
{
    struct admission_key key = {.family = peer->family};

    memcpy(key.ip, peer->ip, peer->family == AF_INET ? HOST_BYTES_4 : HOST_BYTES_6);
    return key;
}

static struct admission_host *find_or_new(struct listener_runtime *l, const struct addr *peer)
{
    struct admission_key key = key_of(peer);
    struct admission_host *h = find(l, &key);

    if (h != NULL)
        return h;
    h = fault_malloc(sizeof(*h));
    if (h == NULL)
        return NULL;
    *h = (struct admission_host){.key = key};
    if (link_host(l, h))
        return h;
    free(h);
    return NULL;
}

static uint64_t descriptors_used(const struct worker *w)
{
    return (uint64_t)w->clients_slab.in_use + w->origin_conns_slab.in_use + w->acceptor_n +
           w->spread.worker_n + LIMIT_OTHER_DESCRIPTORS;
}

static bool is_beyond(const struct worker *w, uint32_t reserve_share)
{
    return w->descriptor_max > 0 &&
           descriptors_used(w) >= w->descriptor_max - w->descriptor_max / reserve_share;
}

bool admission_is_full(const struct worker *w)
{
    return is_beyond(w, LIMIT_FULL_SHARE);
}

/* Only while there is a bound, so that it costs nothing where there is none. */
static enum end enter_host(struct caller *c, uint32_t max)
{
    struct admission_host *h = find_or_new(c->listener, &c->peer);

    if (h == NULL)
        return END_NO_MEMORY;
    c->is_counted_at_host = true;
    return ++h->client_n > max ? END_TOO_MANY_OF_CLIENT : END_OK;
}

enum end admission_enter(struct worker *w, struct caller *c)
{
    const struct listener_bounds *bounds = &c->listener->settings.bounds;

    if (is_beyond(w, LIMIT_SCARCE_SHARE))
        return END_NO_DESCRIPTOR;
    if (worker_queues_are_full(w) && !exchange_make_room(w))
        return END_QUEUES_FULL;
    if (bounds->connections > 0 && c->listener->client_n > bounds->connections)
        return END_TOO_MANY_CLIENTS;
    if (bounds->connections_per_client > 0)
        return enter_host(c, bounds->connections_per_client);
    return END_OK;
}

void admission_leave(struct caller *c)
{
    if (!c->is_counted_at_host)
        return;
    c->is_counted_at_host = false;
    struct admission_key key = key_of(&c->peer);
    struct admission_host *h = find(c->listener, &key);
    MUST(h != NULL && h->client_n > 0);
    if (--h->client_n > 0)
        return;
    unlink_host(c->listener, h);
    free(h);
}
