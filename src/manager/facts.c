/* Out of memory is told by hh.tbl, and not by the end of the program. */
#define HASH_NONFATAL_OOM    1
#define uthash_malloc(bytes) fault_malloc(bytes)
#include "manager/facts.h"

#include <stdlib.h>

#include "base/fault.h"
#include "pool/pool_apply.h"

enum { SLOT_BITS = 64 };

/* The macros of uthash count as ours, and the analyzer does not see that HASH_DELETE unlinks.
 * NOLINTBEGIN(readability-function-size,clang-analyzer-unix.Malloc) */
void facts_init(struct facts *f)
{
    memset(f, 0, sizeof(*f));
    TAILQ_INIT(&f->draining);
    TAILQ_INIT(&f->leaving);
}

void facts_fini(struct facts *f)
{
    struct server_facts *s, *next;

    for (s = facts_next(f, NULL); s != NULL; s = next) {
        next = facts_next(f, s);
        facts_drop(f, s);
    }
}

struct server_facts *facts_next(const struct facts *f, const struct server_facts *after)
{
    return after == NULL ? f->by_id : after->hh.next;
}

static uint32_t take_slot(struct facts *f)
{
    for (unsigned i = 0; i < STATS_SERVERS_MAX / SLOT_BITS; i++) {
        if (f->slots[i] != UINT64_MAX) {
            const unsigned bit = (unsigned)__builtin_ctzll(~f->slots[i]);

            f->slots[i] |= 1ULL << bit;
            return i * SLOT_BITS + bit;
        }
    }
    return STATS_NO_SLOT;
}

static void give_slot(struct facts *f, uint32_t slot)
{
    if (slot != STATS_NO_SLOT)
        f->slots[slot / SLOT_BITS] &= ~(1ULL << (slot % SLOT_BITS));
}

struct server_facts *facts_add(struct facts *f, uint64_t id)
{
    struct server_facts *s = fault_malloc(sizeof(*s));

    if (s == NULL)
        return NULL;
    *s = (struct server_facts){.id = id};
    HASH_ADD(hh, f->by_id, id, sizeof(s->id), s);
    if (s->hh.tbl == NULL) {
        free(s);
        return NULL;
    }
    s->stats_slot = take_slot(f);
    health_rule_init(&s->rule);
    return s;
}

struct server_facts *facts_find(const struct facts *f, uint64_t id)
{
    struct server_facts *s = NULL;

    HASH_FIND(hh, f->by_id, &id, sizeof(id), s);
    return s;
}

void facts_drain(struct facts *f, struct server_facts *s, struct pool_server *removed)
{
    MUST(s->removed == NULL && removed != NULL);
    s->removed = removed;
    TAILQ_INSERT_TAIL(&f->draining, s, draining);
    f->draining_n++;
}

void facts_set_leaving(struct facts *f, struct server_facts *s, bool is_leaving)
{
    if (s->is_leaving == is_leaving)
        return;
    s->is_leaving = is_leaving;
    if (is_leaving)
        TAILQ_INSERT_TAIL(&f->leaving, s, leaving);
    else
        TAILQ_REMOVE(&f->leaving, s, leaving);
    f->leaving_n += is_leaving ? 1U : -1U;
}

void facts_drop(struct facts *f, struct server_facts *s)
{
    if (s->removed != NULL) {
        pool_server_free(s->removed);
        TAILQ_REMOVE(&f->draining, s, draining);
        f->draining_n--;
    }
    facts_set_leaving(f, s, false);
    give_slot(f, s->stats_slot);
    HASH_DELETE(hh, f->by_id, s);
    free(s);
}

/* NOLINTEND(readability-function-size,clang-analyzer-unix.Malloc) */

const struct addr *facts_next_addr(struct server_facts *s, const struct pool_server *server)
{
    if (!s->is_named)
        return &server->addr;
    if (s->addr_n == 0)
        return NULL;
    s->addr_probed = (uint8_t)((s->addr_probed + 1) % s->addr_n);
    return &s->addrs[s->addr_probed];
}

bool facts_has_no_addr(const struct server_facts *s)
{
    return s->is_named && s->addr_n == 0;
}

const char *facts_state(const struct server_facts *s)
{
    if (s->removed != NULL)
        return "draining";
    if (s->admin != POOL_ADMIN_ENABLED)
        return s->admin == POOL_ADMIN_DRAINING ? "draining" : "maintenance";
    return s->rule.up && !facts_has_no_addr(s) ? "active" : "down";
}
