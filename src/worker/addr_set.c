#include "worker/addr_set.h"

#include <stdlib.h>

#include "base/fault.h"
#include "net/tlsio_sessions.h"
#include "wire/frame.h"
#include "worker/limits.h"

static struct addr_set *new_set(const struct addr_set *old, uint32_t n)
{
    struct addr_set *set = fault_malloc(sizeof(*set) + n * sizeof(set->at[0]));

    MUST(n > 0 && n <= FRAME_ADDRS_N);
    if (set == NULL)
        return NULL;
    *set = (struct addr_set){.version = old != NULL ? old->version + 1 : 1, .n = (uint8_t)n};
    if (set->version == 0)
        set->version = 1;
    return set;
}

static uint64_t all_of(uint32_t n)
{
    return n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
}

/* With all of them down the checks tell nothing apart: whoever uses the server all the same
 * (fail_open) uses them all. */
static uint64_t down_among(const struct frame_addrs *found)
{
    uint64_t down = found->down & all_of(found->n);

    return down == all_of(found->n) ? 0 : down;
}

static struct addr_place *find(struct addr_set *set, const struct addr *addr)
{
    for (unsigned i = 0; set != NULL && i < set->n; i++)
        if (addr_is_equal(&set->at[i].addr, addr))
            return &set->at[i];
    return NULL;
}

/* One that the checks have found up again has nothing to live down. */
static uint64_t carry_shunned(struct addr_set *old, const struct addr *addr, bool is_down)
{
    const struct addr_place *place = find(old, addr);

    return place != NULL && place->is_down == is_down ? place->shunned_until_ms : 0;
}

static struct tlsio_sessions *carry_sessions(struct addr_set *old, const struct addr *addr)
{
    const struct addr_place *place = find(old, addr);

    return place != NULL && place->sessions != NULL ? tlsio_sessions_get(place->sessions)
                                                    : NULL;
}

void addr_set_forget_sessions(struct addr_set *set)
{
    for (unsigned i = 0; set != NULL && i < set->n; i++) {
        tlsio_sessions_put(set->at[i].sessions);
        set->at[i].sessions = NULL;
    }
}

void addr_set_free(struct addr_set *set)
{
    addr_set_forget_sessions(set);
    free(set);
}

struct tlsio_sessions *addr_set_sessions(struct addr_set *set, const struct addr *addr)
{
    struct addr_place *place = find(set, addr);

    if (place != NULL && place->sessions == NULL)
        place->sessions = tlsio_sessions_new();
    return place != NULL ? place->sessions : NULL;
}

int addr_set_replace(struct addr_set **set, const struct frame_addrs *found)
{
    struct addr_set *fresh = new_set(*set, found->n);
    const uint64_t down = down_among(found);

    if (fresh == NULL)
        return WERR_NOMEM;
    for (uint32_t i = 0; i < found->n; i++) {
        const struct addr *addr = &found->addrs[i];
        const bool is_down = (down >> i & 1) != 0;

        fresh->at[i] = (struct addr_place){*addr, is_down, carry_shunned(*set, addr, is_down),
                                           carry_sessions(*set, addr)};
    }
    addr_set_free(*set);
    *set = fresh;
    return 0;
}

int addr_set_one(struct addr_set **set, const struct addr *addr)
{
    if (*set != NULL && (*set)->n == 1 && addr_is_equal(&(*set)->at[0].addr, addr))
        return 0;
    struct addr_set *fresh = new_set(*set, 1);
    if (fresh == NULL)
        return WERR_NOMEM;
    fresh->at[0] = (struct addr_place){.addr = *addr, .sessions = carry_sessions(*set, addr)};
    addr_set_free(*set);
    *set = fresh;
    return 0;
}

bool addr_set_keeps(const struct addr_set *set, const struct addr *addr)
{
    const struct addr_place *place = find((struct addr_set *)set, addr);

    return place != NULL && !place->is_down;
}

/* ---- which one, and the next ---- */

static bool was_tried(const struct addr_tries *tries, unsigned i)
{
    return (tries->tried >> i & 1) != 0;
}

static bool may_pick(const struct addr_set *set, const struct addr_tries *tries, unsigned i)
{
    return !set->at[i].is_down && !was_tried(tries, i);
}

bool addr_set_has_more(const struct addr_set *set, const struct addr_tries *tries)
{
    if (tries->version != set->version)
        return true;
    for (unsigned i = 0; i < set->n; i++)
        if (may_pick(set, tries, i))
            return true;
    return false;
}

/* The next in turn that is not shunned; else the one that was shunned first. */
static unsigned find_best(const struct addr_set *set, const struct addr_tries *tries,
                          uint64_t now_ms)
{
    unsigned best = set->n;

    for (unsigned k = 1; k <= set->n; k++) {
        const unsigned i = (set->next + k) % set->n;

        if (!may_pick(set, tries, i))
            continue;
        if (set->at[i].shunned_until_ms <= now_ms)
            return i;
        if (best == set->n || set->at[i].shunned_until_ms < set->at[best].shunned_until_ms)
            best = i;
    }
    return best;
}

/* One that failed is tried by one lane: for the others it stays shunned until that is open. */
static void set_next(struct addr_set *set, unsigned i, uint64_t now_ms)
{
    set->next = (uint8_t)i;
    if (set->at[i].shunned_until_ms != 0)
        set->at[i].shunned_until_ms = now_ms + LIMIT_SHUN_MS;
}

const struct addr *addr_set_pick(struct addr_set *set, struct addr_tries *tries,
                                 uint64_t now_ms)
{
    if (tries->version != set->version || !addr_set_has_more(set, tries))
        *tries = (struct addr_tries){.version = set->version};
    tries->last = (uint8_t)find_best(set, tries, now_ms);
    tries->tried |= UINT64_C(1) << tries->last;
    set_next(set, tries->last, now_ms);
    return &set->at[tries->last].addr;
}

uint32_t addr_set_share_ms(const struct addr_set *set, const struct addr_tries *tries,
                           uint32_t all_ms)
{
    const bool is_shunned = set->at[tries->last].shunned_until_ms != 0;
    uint32_t up_n = 1;
    bool is_last = true;

    if (set->n == 1 || tries->version != set->version)
        return all_ms;
    for (unsigned i = 0; i < set->n; i++) {
        up_n += i != tries->last && !set->at[i].is_down;
        if (may_pick(set, tries, i) && (is_shunned || set->at[i].shunned_until_ms == 0))
            is_last = false;
    }
    uint32_t share_ms = all_ms / up_n > LIMIT_SHARE_MIN_MS ? all_ms / up_n : LIMIT_SHARE_MIN_MS;
    return is_last || share_ms > all_ms ? all_ms : share_ms;
}

void addr_set_note_failed(struct addr_set *set, const struct addr_tries *tries, uint64_t now_ms)
{
    if (tries->version == set->version)
        set->at[tries->last].shunned_until_ms = now_ms + LIMIT_SHUN_MS;
}

void addr_set_note_works(struct addr_set *set, const struct addr *addr)
{
    struct addr_place *place = find(set, addr);

    if (place != NULL)
        place->shunned_until_ms = 0;
}
