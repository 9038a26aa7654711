#include "balance/balance_int.h"

#include <stdlib.h>

#include "base/fault.h"

/* Weighted rendezvous in two stages. Each server belongs, by a hash of its id, to one of 64
 * groups; a group weighs what its servers weigh. Of all groups, then of the servers of that
 * group, the key goes to the one with the least draw, and a draw is -log2(u) / weight with u
 * from a hash of key and server: an exponential race, which each wins as often as its weight
 * says.
 *
 * What that gives, beside a ring of points and a maglev table: shares are exact, whatever the
 * weights (a ring of 100 points a server is uneven by 10 %, and needs 256 times as many for
 * weights up to 256, or moves most keys when the scale of its points changes); the memory is
 * the list and 64 sums; a change costs no rebuild; workers and nodes with the same servers
 * agree, whatever came and went before. A pick looks at the groups that have a server (at most
 * 64) and at 1/64 of the servers: some 5 ns each, so 50 ns for ten servers and 1 µs for 10,000.
 *
 * A server that comes with share s of the weight takes s of all keys, and at most another s
 * moves between the others: into its group, which has become heavier, and there to one of its
 * neighbours. With few servers hardly any group has two, and only s moves.
 *
 * Nobody is given more than 5/4 of its share of all that is in flight. A key whose server is
 * full is drawn again with other numbers, a few times, and then by one race among all that have
 * room: each is a fixed row for a key, so what spills over stays together too. That last race
 * looks at every server; it is run when most of what is asked for is one key. */

enum { GROUP_N = 64, DRAW_N = 4, LOG2_BITS = 31 };

struct balance_groups {
    uint64_t used; /* bit g: group g has servers */
    uint32_t begin[GROUP_N + 1];
    uint32_t weight[GROUP_N];
};

/* ---- draws ---- */

/* (1 - log2(1 + i/64)) × 2^31 */
static const uint32_t log2_table[65] = {
    2147483648U, 2099449135U, 2052148003U, 2005558192U, 1959658627U, 1914429152U, 1869850483U,
    1825904158U, 1782572486U, 1739838512U, 1697685970U, 1656099252U, 1615063367U, 1574563914U,
    1534587050U, 1495119459U, 1456148328U, 1417661324U, 1379646565U, 1342092602U, 1304988398U,
    1268323307U, 1232087058U, 1196269734U, 1160861760U, 1125853884U, 1091237166U, 1057002962U,
    1023142909U, 989648917U,  956513158U,  923728047U,  891286243U,  859180629U,  827404309U,
    795950598U,  764813009U,  733985252U,  703461222U,  673234992U,  643300807U,  613653078U,
    584286375U,  555195419U,  526375081U,  497820372U,  469526440U,  441488565U,  413702155U,
    386162738U,  358865962U,  331807589U,  304983491U,  278389645U,  252022132U,  225877133U,
    199950923U,  174239871U,  148740435U,  123449160U,  98362674U,   73477689U,   48790993U,
    24299450U,   0U};

/* -log2(u / 2^64) × 2^31, up to 2^37. Between the table's places on a straight line: 1 % off at
 * worst, and the shares as good as exact. */
static uint64_t minus_log2(uint64_t u)
{
    unsigned zeros = (unsigned)__builtin_clzll(u | 1);
    uint64_t fraction = (u | 1) << zeros << 1;
    const uint32_t *at = &log2_table[fraction >> 58];
    uint64_t way = fraction >> 32 & 0x3ffffff;
    return ((uint64_t)zeros << LOG2_BITS) + at[0] - ((at[0] - at[1]) * way >> 26);
}

struct draw {
    uint64_t cost; /* to be divided by the weight */
    uint32_t weight;
};

/* Weights of groups are below 2^26: no overflow. */
static bool wins(const struct draw *one, const struct draw *best)
{
    return best->weight == 0 || one->cost * best->weight < best->cost * one->weight;
}

/* ---- the list ---- */

static int reserve(struct balance *b)
{
    if (b->groups == NULL)
        b->groups = fault_malloc(sizeof(*b->groups));
    return b->groups != NULL ? 0 : WERR_NOMEM;
}

static unsigned group_of(const struct balance_entry *entry)
{
    return (unsigned)(entry->due >> 58);
}

/* In order of groups, within a group of keys, which their hash is a stand-in for. */
static int compare_hashes(const void *left, const void *right)
{
    const struct balance_entry *a = left;
    const struct balance_entry *b = right;
    return (a->due > b->due) - (a->due < b->due);
}

static void count_groups(struct balance *b)
{
    struct balance_groups *groups = b->groups;
    uint32_t place = 0;
    groups->used = 0;
    for (unsigned g = 0; g < GROUP_N; g++) {
        groups->begin[g] = place;
        groups->weight[g] = 0;
        for (; place < b->n && group_of(&b->entries[place]) == g; place++)
            groups->weight[g] += b->entries[place].weight;
        if (groups->weight[g] > 0)
            groups->used |= 1ULL << g;
    }
    groups->begin[GROUP_N] = b->n;
}

static void arrange(struct balance *b, bool is_new)
{
    (void)is_new;
    for (uint32_t i = 0; i < b->n; i++)
        b->entries[i].due = balance_mix(b->entries[i].key);
    if (b->n > 0)
        qsort(b->entries, b->n, sizeof(*b->entries), compare_hashes);
    balance_seat_from(b, 0);
    count_groups(b);
}

static void insert(struct balance *b, const struct balance_entry *entry)
{
    struct balance_entry newcomer = *entry;
    newcomer.due = balance_mix(entry->key);
    uint32_t place = b->groups->begin[group_of(&newcomer)];
    while (place < b->n && b->entries[place].due < newcomer.due)
        place++;
    balance_insert_at(b, place, &newcomer);
    count_groups(b);
}

static void remove_at(struct balance *b, uint32_t place)
{
    balance_remove_at(b, place);
    count_groups(b);
}

/* ---- asking ---- */

static unsigned draw_group(const struct balance_groups *groups, uint64_t hash)
{
    struct draw best = {0};
    unsigned winner = 0;
    for (uint64_t left = groups->used; left != 0; left &= left - 1) {
        unsigned g = (unsigned)__builtin_ctzll(left);
        struct draw draw = {minus_log2(balance_mix(hash + g)), groups->weight[g]};
        if (wins(&draw, &best)) {
            best = draw;
            winner = g;
        }
    }
    return winner;
}

struct condition {
    const struct balance *b;
    bool needs_room;
    balance_may_fn *may; /* NULL: everybody */
    const void *arg;
};

/* With one more, is it still within 5/4 of its share of all that is in flight? The bounds add
 * up to more than there is, so somebody always is. */
static bool has_room(const struct balance *b, const struct balance_entry *entry)
{
    return 4 * b->weight * entry->load < 5 * (b->in_flight + 1ULL) * entry->weight;
}

static bool meets(const struct condition *c, const struct balance_entry *entry)
{
    return (!c->needs_room || has_room(c->b, entry)) &&
           (c->may == NULL || c->may(entry->target, c->arg));
}

/* From begin to end, of those that meet the condition (NULL: all). */
static const struct balance_entry *race(const struct balance_entry *begin,
                                        const struct balance_entry *end, uint64_t hash,
                                        const struct condition *c)
{
    struct draw best = {0};
    const struct balance_entry *winner = NULL;
    for (const struct balance_entry *entry = begin; entry < end; entry++) {
        struct draw draw = {minus_log2(balance_mix(hash ^ entry->due)), entry->weight};
        if (wins(&draw, &best) && (c == NULL || meets(c, entry))) {
            best = draw;
            winner = entry;
        }
    }
    return winner;
}

static const struct balance_entry *draw_entry(const struct balance *b, uint64_t hash)
{
    unsigned g = draw_group(b->groups, hash);
    const struct balance_entry *begin = &b->entries[b->groups->begin[g]];
    const struct balance_entry *end = &b->entries[b->groups->begin[g + 1]];
    return end - begin == 1 ? begin : race(begin, end, hash, NULL);
}

static void *find(const struct condition *c, uint64_t hash)
{
    const struct balance *b = c->b;
    for (uint64_t i = 0; i < DRAW_N; i++) {
        const struct balance_entry *entry = draw_entry(b, balance_mix(hash + i));
        if (meets(c, entry))
            return entry->target;
    }
    const struct balance_entry *entry = race(b->entries, b->entries + b->n, hash, c);
    return entry != NULL ? entry->target : NULL;
}

static void *pick(struct balance *b, const struct balance_ask *ask)
{
    struct condition c = {.b = b, .needs_room = true};
    return find(&c, ask->hash);
}

/* Where nobody that may has room, the bound gives way. */
static void *pick_other(struct balance *b, const struct balance_ask *ask, balance_may_fn *may,
                        const void *arg)
{
    struct condition c = {.b = b, .needs_room = true, .may = may, .arg = arg};
    void *target = find(&c, ask->hash);
    if (target != NULL)
        return target;
    c.needs_room = false;
    return find(&c, ask->hash);
}

const struct balance_ops balance_hash_ops = {
    .has_seats = true,
    .reserve = reserve,
    .arrange = arrange,
    .insert = insert,
    .remove = remove_at,
    .find = balance_find,
    .pick = pick,
    .pick_other = pick_other,
    .pick_between = balance_scan_between,
};
