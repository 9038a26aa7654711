#include "worker/addr_set.h"

#include <stdlib.h>

#include "base/fault.h"
#include "wire/frame.h"

static struct addr_set *new_set(const struct addr_set *old, uint32_t n)
{
    struct addr_set *set = fault_malloc(sizeof(*set) + n * sizeof(set->at[0]));

    MUST(n > 0 && n <= FRAME_ADDRS_N);
    if (!set)
        return NULL;
    *set = (struct addr_set){.version = old ? old->version + 1 : 1, .n = (uint8_t)n};
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

int addr_set_replace(struct addr_set **set, const struct frame_addrs *found)
{
    struct addr_set *fresh = new_set(*set, found->n);
    const uint64_t down = down_among(found);

    if (!fresh)
        return WERR_NOMEM;
    for (uint32_t i = 0; i < found->n; i++)
        fresh->at[i] = (struct addr_place){found->addrs[i], (down >> i & 1) != 0};
    free(*set);
    *set = fresh;
    return 0;
}

int addr_set_one(struct addr_set **set, const struct addr *addr)
{
    struct addr_set *fresh;

    if (*set && (*set)->n == 1 && addr_is_equal(&(*set)->at[0].addr, addr))
        return 0;
    fresh = new_set(*set, 1);
    if (!fresh)
        return WERR_NOMEM;
    fresh->at[0] = (struct addr_place){.addr = *addr};
    free(*set);
    *set = fresh;
    return 0;
}

bool addr_set_keeps(const struct addr_set *set, const struct addr *addr)
{
    for (unsigned i = 0; i < set->n; i++)
        if (addr_is_equal(&set->at[i].addr, addr))
            return !set->at[i].is_down;
    return false;
}

const struct addr *addr_set_next(struct addr_set *set)
{
    do {
        set->next = (uint8_t)((set->next + 1) % set->n);
    } while (set->at[set->next].is_down);
    return &set->at[set->next].addr;
}
