/* What is done at which time for which address, with a clock of the test and a kernel that is a
 * table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/rand.h"
#include "vip/plan.h"

#define MS PLAN_MS
enum { ETH0 = 2, ETH1 = 3 };

static struct plan plan;
static uint64_t now;

static struct addr ip(unsigned n)
{
    return (struct addr){AF_INET, 0, {10, 77, 0, (uint8_t)n}};
}

static struct plan_row *row(unsigned n)
{
    const struct addr a = ip(n);

    return plan_find(&plan, &a);
}

static struct vip_named named(unsigned n)
{
    return (struct vip_named){.addr = ip(n), .prefix = 32};
}

static void place(unsigned n, int ifindex, enum vip_link_state link)
{
    const struct plan_place at = {
        .ifindex = ifindex, .link = (uint8_t)link, .has_mac = ifindex != 0, .mac = {2}};

    plan_place(row(n), &at, now);
}

/* A plan that names 1 to n, on eth0, which is up. */
static void start(unsigned n)
{
    struct vip_named list[VIP_ADDRS_MAX] = {0};

    memset(&plan, 0, sizeof(plan));
    plan.is_alone = true;
    now = 1000000 * MS;
    for (unsigned i = 0; i < n; i++)
        list[i] = named(i + 1);
    plan_configure(&plan, list, n, now);
    for (unsigned i = 1; i <= n; i++)
        place(i, ETH0, VIP_LINK_UP);
}

static void hold(unsigned n, uint64_t for_ns)
{
    const struct addr a = ip(n);

    assert_int_equal(plan_hold(&plan, &a, now + for_ns, now), 0);
}

static void drop(unsigned n)
{
    const struct addr a = ip(n);

    assert_int_equal(plan_drop(&plan, &a, now), 0);
}

static struct plan_step expect(enum plan_act act)
{
    const struct plan_step step = plan_next(&plan, now);

    assert_int_equal(step.act, act);
    return step;
}

/* Taken, and announced once. */
static void take(unsigned n)
{
    struct plan_step step = expect(PLAN_PUT);

    assert_ptr_equal(step.row, row(n));
    plan_put(step.row, 0, now);
    assert_int_equal(step.row->phase, PLAN_HELD);
    step = expect(PLAN_ANNOUNCE);
    plan_announced(step.row, true, now);
}

static void delete (unsigned n, enum vip_drop why)
{
    const struct plan_step step = expect(PLAN_DELETE);

    assert_true(addr_is_equal(&step.row->named.addr,
                              &(struct addr){AF_INET, 0, {10, 77, 0, (uint8_t)n}}));
    plan_deleted(step.row, 0, now);
    assert_int_equal(step.row->why, why);
    assert_true((step.row->tell & PLAN_TELL_DROPPED) != 0);
    assert_true((step.row->tell & PLAN_TELL_HELD) == 0);
}

/* ---- */

static void test_only_what_is_named_is_taken(void **state)
{
    const struct addr other = ip(9);

    (void)state;
    start(1);
    assert_int_equal(plan_hold(&plan, &other, now + 1000 * MS, now), WERR_NOT_FOUND);
    assert_int_equal(plan_drop(&plan, &other, now), WERR_NOT_FOUND);
    assert_true(expect(PLAN_WAIT).wake_ns == UINT64_MAX);
    hold(1, 1000 * MS);
    take(1);
    assert_true((row(1)->tell & PLAN_TELL_HELD) != 0);
    assert_int_equal(row(1)->ifindex, ETH0);
}

static void test_refreshed_every_third_and_announced(void **state)
{
    static const unsigned announced_ms[] = {0, 100, 600, 1100, 1600, 61600, 121600};
    const uint64_t begun = 1000000 * MS;
    unsigned refreshes = 0, announcements = 0;

    (void)state;
    start(1);
    hold(1, 1000 * MS);
    while (now < begun + 130000 * MS) {
        hold(1, 1000 * MS);
        const struct plan_step step = plan_next(&plan, now);

        if (step.act == PLAN_PUT) {
            assert_true(now - begun >= refreshes * PLAN_REFRESH_NS);
            plan_put(step.row, 0, now);
            refreshes++;
        } else if (step.act == PLAN_ANNOUNCE) {
            assert_int_equal((now - begun) / MS, announced_ms[announcements++]);
            plan_announced(step.row, true, now);
        } else {
            assert_true(step.act == PLAN_WAIT && step.wake_ns > now);
            now = step.wake_ns < now + 300 * MS ? step.wake_ns : now + 300 * MS;
        }
    }
    assert_int_equal(announcements, 7);
    assert_int_equal(row(1)->announced_n, 7);
    assert_true(refreshes >= 194 && refreshes <= 196);
}

static void test_the_lease_ends(void **state)
{
    (void)state;
    start(2);
    hold(1, 400 * MS);
    take(1);
    assert_true(expect(PLAN_WAIT).wake_ns == now + 100 * MS); /* the next announcement */
    now += 400 * MS - 1;
    plan_announced(expect(PLAN_ANNOUNCE).row, true, now);
    assert_true(expect(PLAN_WAIT).wake_ns == now + 1);
    now += 1;
    delete (1, VIP_DROP_LEASE_OVER);
    (void)expect(PLAN_WAIT);
    hold(1, 400 * MS); /* and may be had again */
    take(1);
}

/* Stopped for five seconds: the refresh that is due does not come before the lease is looked
 * at; and a hold that waited in the socket has no time left. */
static void test_a_stop_of_seconds(void **state)
{
    (void)state;
    start(1);
    hold(1, 400 * MS);
    take(1);
    const uint64_t until = now + 800 * MS;

    now += 5000 * MS;
    const struct addr a = ip(1);

    assert_int_equal(plan_hold(&plan, &a, until, now), 0);
    delete (1, VIP_DROP_LEASE_OVER);
    (void)expect(PLAN_WAIT);
}

static void test_no_hold_is_for_ever(void **state)
{
    const struct addr a = ip(1);

    (void)state;
    start(1);
    assert_int_equal(plan_hold(&plan, &a, UINT64_MAX, now), 0);
    take(1);
    assert_true(row(1)->until_ns == now + VIP_HOLD_MAX_NS);
}

static void test_dropped(void **state)
{
    (void)state;
    start(2);
    hold(1, 400 * MS);
    take(1);
    drop(1);
    delete (1, VIP_DROP_TOLD);
    drop(2); /* told, though it was not held */
    assert_true((row(2)->tell & PLAN_TELL_DROPPED) != 0);
    (void)expect(PLAN_WAIT);
    hold(1, 400 * MS);
    hold(2, 400 * MS);
    take(1);
    take(2);
    plan_drop_all(&plan, VIP_DROP_MANAGER_GONE, now);
    assert_false(plan_is_clear(&plan));
    delete (1, VIP_DROP_MANAGER_GONE);
    delete (2, VIP_DROP_MANAGER_GONE);
    assert_true(plan_is_clear(&plan));
}

/* Whatever went wrong, the address is deleted until the kernel says that it is not there. */
static void test_a_take_that_fails(void **state)
{
    static const int errors[] = {WERR_TIMEOUT, WERR_NOMEM, WERR_DENIED, WERR_NOT_FOUND};

    (void)state;
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        start(1);
        hold(1, 10000 * MS);
        const struct plan_step step = expect(PLAN_PUT);

        assert_int_equal(step.row->phase, PLAN_DOUBTFUL); /* before the kernel is asked */
        plan_put(step.row, errors[i], now);
        plan_deleted(expect(PLAN_DELETE).row, WERR_TIMEOUT, now);
        assert_false(plan_is_clear(&plan));
        assert_true(expect(PLAN_WAIT).wake_ns == now + PLAN_AGAIN_NS);
        now += PLAN_AGAIN_NS;
        plan_deleted(expect(PLAN_DELETE).row, WERR_NOT_FOUND, now);
        assert_true(plan_is_clear(&plan));
        assert_int_equal(row(1)->error, errors[i]);
        assert_int_equal(row(1)->why,
                         errors[i] == WERR_NOT_FOUND ? VIP_DROP_NO_INTERFACE : VIP_DROP_FAILED);
        assert_true(expect(PLAN_WAIT).wake_ns == now + PLAN_RETRY_NS);
        now += PLAN_RETRY_NS;
        take(1);
    }
}

static void test_a_refresh_that_fails(void **state)
{
    (void)state;
    start(1);
    hold(1, 10000 * MS);
    take(1);
    now += PLAN_REFRESH_NS;
    plan_put(expect(PLAN_PUT).row, WERR_TIMEOUT, now);
    delete (1, VIP_DROP_FAILED);
}

static void test_described_otherwise(void **state)
{
    struct vip_named other = named(1);

    (void)state;
    start(1);
    hold(1, 10000 * MS);
    take(1);
    row(1)->tell = 0;
    plan_configure(&plan, &other, 1, now); /* the same, perhaps of another manager */
    assert_int_equal(row(1)->phase, PLAN_HELD);
    assert_int_equal(row(1)->tell, PLAN_TELL_LINK | PLAN_TELL_HELD);
    other.policy = VIP_POLICY_BACK_OFF; /* which is no reason to let it go */
    plan_configure(&plan, &other, 1, now);
    assert_int_equal(row(1)->phase, PLAN_HELD);
    other.prefix = 24;
    plan_configure(&plan, &other, 1, now);
    assert_int_equal(row(1)->prefix, 32); /* what is to be deleted */
    delete (1, VIP_DROP_CHANGED);
    take(1);
    assert_int_equal(row(1)->prefix, 24);
    strcpy(other.ifname, "eth1");
    plan_configure(&plan, &other, 1, now);
    delete (1, VIP_DROP_CHANGED);
    (void)expect(PLAN_WAIT); /* until it is known where that is */
    place(1, ETH1, VIP_LINK_UP);
    take(1);
    assert_int_equal(row(1)->ifindex, ETH1);
    plan_configure(&plan, NULL, 0, now);
    delete (1, VIP_DROP_NOT_NAMED);
    assert_null(row(1));
    assert_false(plan_is_idle(&plan)); /* it is still to be told */
}

/* While it is on its way out it is named again. */
static void test_named_again(void **state)
{
    const struct vip_named again = named(1);

    (void)state;
    start(1);
    hold(1, 10000 * MS);
    take(1);
    plan_configure(&plan, NULL, 0, now);
    const struct addr a = ip(1);

    assert_int_equal(plan_hold(&plan, &a, now + MS, now), WERR_NOT_FOUND);
    plan_configure(&plan, &again, 1, now);
    hold(1, 10000 * MS);
    delete (1, VIP_DROP_NOT_NAMED);
    take(1);
}

static void test_the_interface(void **state)
{
    (void)state;
    start(1);
    hold(1, 100000 * MS);
    take(1);
    row(1)->tell = 0;
    place(1, ETH0, VIP_LINK_DOWN);
    assert_int_equal(row(1)->tell, PLAN_TELL_LINK);
    now += 1000 * MS;
    plan_put(expect(PLAN_PUT).row, 0, now); /* held on; nothing is announced on a dead wire */
    assert_true(expect(PLAN_WAIT).wake_ns == now + PLAN_REFRESH_NS);
    place(1, ETH0, VIP_LINK_UP);
    assert_int_equal(row(1)->announce_step, 0);
    plan_announced(expect(PLAN_ANNOUNCE).row, true, now);
    place(1, 0, VIP_LINK_NONE);
    delete (1, VIP_DROP_NO_INTERFACE);
    now += PLAN_RETRY_NS;
    (void)expect(PLAN_WAIT);
    place(1, ETH1, VIP_LINK_UP);
    take(1);
}

static void test_removed_by_hand(void **state)
{
    (void)state;
    start(1);
    hold(1, 10000 * MS);
    take(1);
    plan_removed(row(1), ETH1, now); /* elsewhere */
    (void)expect(PLAN_WAIT);
    plan_removed(row(1), ETH0, now);
    plan_put(expect(PLAN_PUT).row, 0, now);
    plan_announced(expect(PLAN_ANNOUNCE).row, true, now);
    assert_int_equal(row(1)->phase, PLAN_HELD);
}

static void test_a_conflict_is_defended(void **state)
{
    static const uint8_t stranger[VIP_MAC_BYTES] = {6, 6, 6, 6, 6, 6};
    unsigned told = 0, defended = 0;

    (void)state;
    start(1);
    plan_conflict(row(1), stranger, now); /* not held: none of our business */
    assert_int_equal(row(1)->tell & PLAN_TELL_CONFLICT, 0);
    hold(1, 10000 * MS);
    take(1);
    now += 3000 * MS;
    plan_put(expect(PLAN_PUT).row, 0, now);
    while (plan_next(&plan, now).act == PLAN_ANNOUNCE)
        plan_announced(row(1), true, now);
    row(1)->announce_step = 9;
    row(1)->announce_ns = now + PLAN_ANNOUNCE_NS;
    for (unsigned i = 0; i < 90; i++) { /* nine seconds */
        row(1)->tell = 0;
        plan_conflict(row(1), stranger, now);
        told += (row(1)->tell & PLAN_TELL_CONFLICT) != 0;
        defended += row(1)->announce_step == 0;
        row(1)->announce_step = 9;
        now += 100 * MS;
    }
    assert_int_equal(told, 9);
    assert_int_equal(defended, 1);
    assert_memory_equal(row(1)->stranger, stranger, sizeof(stranger));
    assert_int_equal(row(1)->phase, PLAN_HELD);
    now += 2000 * MS;
    plan_conflict(row(1), stranger, now);
    assert_int_equal(row(1)->announce_step, 0);
}

static void test_backs_off(void **state)
{
    static const uint8_t stranger[VIP_MAC_BYTES] = {6};
    struct vip_named meek = named(1);

    (void)state;
    start(1);
    meek.policy = VIP_POLICY_BACK_OFF;
    plan_configure(&plan, &meek, 1, now);
    hold(1, 10000 * MS);
    take(1);
    plan_conflict(row(1), stranger, now);
    assert_true((row(1)->tell & PLAN_TELL_CONFLICT) != 0);
    delete (1, VIP_DROP_CONFLICT);
    hold(1, 10000 * MS); /* on their way before the manager has heard of it */
    (void)expect(PLAN_WAIT);
    drop(1);
    hold(1, 10000 * MS);
    take(1);
}

static void test_not_alone(void **state)
{
    (void)state;
    start(1);
    plan.is_alone = false;
    hold(1, 10000 * MS);
    (void)expect(PLAN_WAIT);
    plan.is_alone = true;
    take(1);
}

static void test_a_successor_goes_on(void **state)
{
    (void)state;
    start(2);
    hold(1, 400 * MS);
    take(1);
    hold(2, 400 * MS);
    (void)expect(PLAN_PUT); /* and dies, whether the kernel has heard it or not */
    row(1)->tell = 0;
    now += 10 * MS;
    plan_take_over(&plan, now);
    delete (2, VIP_DROP_FAILED);
    assert_true((row(1)->tell & PLAN_TELL_HELD) != 0);
    const struct plan_step step = expect(PLAN_PUT);

    assert_ptr_equal(step.row, row(1));
    plan_put(step.row, 0, now);
}

static void test_what_is_overdue(void **state)
{
    (void)state;
    start(1);
    assert_true(plan_overdue_ns(&plan) == UINT64_MAX);
    hold(1, 400 * MS);
    take(1);
    assert_true(plan_overdue_ns(&plan) == now + 400 * MS + PLAN_GUARD_NS);
    assert_false(plan_is_overdue(row(1), now + 499 * MS));
    assert_true(plan_is_overdue(row(1), now + 500 * MS));
    now += 400 * MS;
    delete (1, VIP_DROP_LEASE_OVER);
    assert_false(plan_is_overdue(row(1), now + 900 * MS));
}

/* Sixty-four, by others replaced again and again while the kernel answers nothing. */
static void test_no_row_is_free(void **state)
{
    struct vip_named list[VIP_ADDRS_MAX];

    (void)state;
    start(VIP_ADDRS_MAX);
    for (unsigned i = 1; i <= VIP_ADDRS_MAX; i++) {
        hold(i, 10000 * MS);
        take(i);
    }
    for (unsigned round = 1; round < 4; round++) {
        for (unsigned i = 0; i < VIP_ADDRS_MAX; i++) {
            list[i] = named(i);
            list[i].addr.ip[2] = (uint8_t)round;
        }
        plan_configure(&plan, list, VIP_ADDRS_MAX, now);
    }
    for (unsigned i = 0; i < VIP_ADDRS_MAX; i++)
        plan_deleted(expect(PLAN_DELETE).row, 0, now);
    assert_true(plan_is_clear(&plan));
    assert_int_equal(plan_next(&plan, now).act, PLAN_WAIT);
}

/* ---- by chance ---- */

enum { CHANCE_ADDRS = 6, CHANCE_STEPS = 200000 };

static struct rand_state chance;
static bool stands[CHANCE_ADDRS + 1]; /* on an interface */

static void configure_by_chance(void)
{
    struct vip_named list[CHANCE_ADDRS] = {0};
    unsigned n = 0;

    for (unsigned k = 1; k <= CHANCE_ADDRS; k++)
        if (rand_below(&chance, 4) > 0) {
            list[n] = named(k);
            list[n++].prefix = rand_below(&chance, 8) ? 32 : 24;
        }
    plan_configure(&plan, list, n, now);
    for (unsigned k = 1; k <= CHANCE_ADDRS; k++)
        if (row(k) != NULL)
            place(k, ETH0, VIP_LINK_UP);
}

static void say_by_chance(void)
{
    const unsigned n = 1 + (unsigned)rand_below(&chance, CHANCE_ADDRS);
    const struct addr a = ip(n);

    switch (rand_below(&chance, 8)) {
    case 0:
        configure_by_chance();
        break;
    case 1:
    case 2:
        (void)!plan_hold(&plan, &a, now + rand_below(&chance, 500) * MS, now);
        break;
    case 3:
        (void)!plan_drop(&plan, &a, now);
        break;
    case 4:
        if (row(n) != NULL && stands[n] && row(n)->phase == PLAN_HELD) {
            stands[n] = false;
            plan_removed(row(n), ETH0, now);
        }
        break;
    default:
        now += rand_below(&chance, 100) * MS;
    }
}

/* The kernel does it or not, and answers or not. */
static void step_by_chance(const struct plan_step *s)
{
    const int rc = rand_below(&chance, 10) == 0 ? WERR_TIMEOUT : 0;
    const bool is_done = rc == 0 || rand_below(&chance, 2) == 0;
    const unsigned at = s->row->named.addr.ip[3];

    assert_true(at >= 1 && at <= CHANCE_ADDRS);
    if (s->act == PLAN_PUT) {
        assert_true(s->row->is_named && s->row->until_ns > now);
        stands[at] |= is_done;
        plan_put(s->row, rc, now);
    } else if (s->act == PLAN_DELETE) {
        stands[at] &= !is_done;
        plan_deleted(s->row, rc, now);
    } else {
        plan_announced(s->row, true, now);
    }
}

/* Whatever is said and happens, an address stands on an interface only while it is named and
 * its lease lasts, or is known as doubtful; and never another. */
static void test_by_chance(void **state)
{
    (void)state;
    rand_seed(&chance, 38);
    start(CHANCE_ADDRS);
    for (unsigned i = 0; i < CHANCE_STEPS; i++) {
        say_by_chance();
        for (struct plan_step s = plan_next(&plan, now); s.act != PLAN_WAIT;
             s = plan_next(&plan, now))
            step_by_chance(&s);
        for (unsigned k = 1; k <= CHANCE_ADDRS; k++) {
            const struct plan_row *it = row(k);

            assert_true(!stands[k] || (it != NULL && it->phase >= PLAN_DOUBTFUL));
            if (it != NULL && it->phase == PLAN_HELD)
                assert_true(stands[k] && it->is_named && it->until_ns > now);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_named_is_taken),
        cmocka_unit_test(test_refreshed_every_third_and_announced),
        cmocka_unit_test(test_the_lease_ends),
        cmocka_unit_test(test_a_stop_of_seconds),
        cmocka_unit_test(test_no_hold_is_for_ever),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_a_take_that_fails),
        cmocka_unit_test(test_a_refresh_that_fails),
        cmocka_unit_test(test_described_otherwise),
        cmocka_unit_test(test_named_again),
        cmocka_unit_test(test_the_interface),
        cmocka_unit_test(test_removed_by_hand),
        cmocka_unit_test(test_a_conflict_is_defended),
        cmocka_unit_test(test_backs_off),
        cmocka_unit_test(test_not_alone),
        cmocka_unit_test(test_a_successor_goes_on),
        cmocka_unit_test(test_what_is_overdue),
        cmocka_unit_test(test_no_row_is_free),
        cmocka_unit_test(test_by_chance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
