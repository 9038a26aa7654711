/* Random cuts, stops, elections, late messages, moves and drains, in the model of vip_town.h:
 * no address is on two nodes at any ms, and when all is well again each is on one. The seed of
 * a failure is printed. */
#include "vip_town.h"

enum { SEEDS = 300, EVENTS = 60, HEAL_MS = 3000 };

static void cut_or_mend(struct town *t)
{
    const unsigned from = (unsigned)rand_below(&t->rand, t->n);
    const unsigned to = (unsigned)rand_below(&t->rand, t->n);
    const bool is_cut = rand_below(&t->rand, 2) == 0;

    t->is_cut[from][to] = is_cut;
    if (rand_below(&t->rand, 2) == 0)
        t->is_cut[to][from] = is_cut;
}

static void isolate(struct town *t)
{
    const unsigned who = (unsigned)rand_below(&t->rand, t->n);

    for (unsigned i = 0; i < t->n; i++)
        t->is_cut[who][i] = t->is_cut[i][who] = true;
}

static void mend(struct town *t)
{
    memset(t->is_cut, 0, sizeof(t->is_cut));
    for (unsigned i = 0; i < t->n; i++)
        t->nodes[i].is_stopped = false;
    t->late_ms = 10;
}

/* Two lead, and those that voted for the new one hear the old one yet. */
static void split(struct town *t, unsigned who)
{
    const unsigned leader = town_leader(t);

    if (leader == t->n || leader == who)
        return;
    t->is_cut[who][leader] = t->is_cut[leader][who] = true;
    town_elect(t, who);
}

static void move(struct town *t)
{
    const unsigned leader = town_leader(t);
    const struct addr vip = vip_address((unsigned)rand_below(&t->rand, t->vip_n));
    uint64_t id = rand_below(&t->rand, t->n + 1);

    if (leader < t->n && !t->nodes[leader].is_stopped)
        (void)!grantor_want(&t->nodes[leader].grantor, &vip, &id,
                            town_clock(t, &t->nodes[leader]));
}

static void let_go(struct town *t, unsigned who)
{
    const unsigned i = (unsigned)rand_below(&t->rand, t->vip_n);
    struct town_address *a = &t->nodes[who].addresses[i];

    if (!t->nodes[who].is_stopped && a->until_ns != 0 && !a->is_dropping) {
        a->is_dropping = true;
        a->drop_ms = t->ms;
    }
}

/* How fit it is, and what it takes to part with an address. */
static void change(struct town *t, struct town_node *n)
{
    n->is_fit = !n->is_fit;
    n->is_leaving = rand_below(&t->rand, 2) == 0;
    n->part_ms = (unsigned)rand_below(&t->rand, 4) * (unsigned)rand_below(&t->rand, 2500);
}

static void happen(struct town *t)
{
    const unsigned who = (unsigned)rand_below(&t->rand, t->n);

    switch (rand_below(&t->rand, 15)) {
    case 0:
    case 1:
        cut_or_mend(t);
        break;
    case 2:
        isolate(t);
        break;
    case 3:
        t->nodes[who].is_stopped = !t->nodes[who].is_stopped;
        break;
    case 4:
    case 5:
        town_elect(t, who);
        break;
    case 6:
        t->late_ms = 1 + (unsigned)rand_below(&t->rand, 400);
        t->slow = rand_below(&t->rand, 2) == 0 ? 1 : 1 + (unsigned)rand_below(&t->rand, 80);
        break;
    case 7:
        change(t, &t->nodes[who]);
        break;
    case 8:
        move(t);
        break;
    case 9:
        let_go(t, who);
        break;
    case 10:
        split(t, who);
        break;
    case 11:
    case 12:
        town_kill(t, who);
        break;
    default:
        mend(t);
        break;
    }
}

static void run_seed(uint64_t seed, unsigned n, unsigned voters, unsigned vips)
{
    struct town *t = town_new(seed, n, voters, vips);

    for (unsigned i = 0; i < EVENTS; i++) {
        town_run(t, (unsigned)rand_below(&t->rand, i % 4 == 0 ? 800 : 120));
        happen(t);
        if (t->shared_n > 0)
            fail_msg("seed %u, %u nodes: two had an address at %u ms", (unsigned)seed, n,
                     (unsigned)t->ms);
    }
    mend(t);
    t->slow = 1;
    for (unsigned i = 0; i < t->n; i++) {
        t->nodes[i].is_fit = true;
        t->nodes[i].part_ms = 0;
        for (unsigned k = 0; k < vips; k++)
            t->nodes[i].addresses[k].part_ms = 0;
    }
    town_run(t, HEAL_MS);
    assert_int_equal(t->shared_n, 0);
    for (unsigned i = 0; i < vips; i++) {
        if (town_holders(t, i) != 1)
            fail_msg("seed %u, %u nodes: nobody has address %u when all is well",
                     (unsigned)seed, n, i);
    }
    town_free(t);
}

static void test_three_nodes(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < SEEDS; seed++)
        run_seed(seed, 3, 3, 1 + seed % TOWN_VIPS_MAX);
}

static void test_five_nodes(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < SEEDS / 3; seed++)
        run_seed(seed, 5, 5, 1 + seed % TOWN_VIPS_MAX);
}

static void test_voters_and_standbys(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < SEEDS / 3; seed++)
        run_seed(seed, seed % 2 == 0 ? 4 : 2, seed % 2 == 0 ? 3 : 1, 1 + seed % TOWN_VIPS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_nodes),
        cmocka_unit_test(test_five_nodes),
        cmocka_unit_test(test_voters_and_standbys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
