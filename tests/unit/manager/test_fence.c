#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "manager/fence.h"

/* Who may be promoted by force, and what it takes. */

enum { SELF = 0x5e1f, VOTER = 0x70 };

static struct cluster_status now;
static struct cluster_member list[3];
static unsigned list_n;
static char why[FENCE_WHY_MAX];

static void status(const struct cluster *c, struct cluster_status *out)
{
    (void)c;
    *out = now;
}

static unsigned members(const struct cluster *c, struct cluster_member *out, unsigned max)
{
    (void)c;
    assert_true(list_n <= max);
    memcpy(out, list, list_n * sizeof(*list));
    return list_n;
}

static const struct cluster_ops ops = {.status = status, .members = members};
static const struct cluster engine = {.ops = &ops};

static int setup(void **state)
{
    (void)state;
    now = (struct cluster_status){.vip = {.lease_ms = 400, .holdoff_ms = 450},
                                  .silent_ms = 400 + 450 + FENCE_KERNEL_MS};
    list_n = 2;
    list[0] = (struct cluster_member){
        .id = VOTER, .place = CLUSTER_VOTER, .address = {AF_INET, 8688, {192, 0, 2, 7}}};
    list[1] = (struct cluster_member){.id = SELF, .is_self = true, .place = CLUSTER_STANDBY};
    return 0;
}

static enum fence_answer ask(uint64_t fenced)
{
    memset(why, 0, sizeof(why));
    return fence_check(&engine, SELF, fenced, why);
}

static void assert_says(const char *text)
{
    assert_non_null(strstr(why, text));
}

static void test_the_second_of_a_pair(void **state)
{
    (void)state;
    assert_int_equal(ask(VOTER), FENCE_OK);
    list[2] = list[0]; /* in the other order */
    list[0] = list[1];
    list[1] = list[2];
    assert_int_equal(ask(VOTER), FENCE_OK);
}

static void test_it_takes_the_word(void **state)
{
    (void)state;
    assert_int_equal(ask(0), FENCE_NOT_SAID);
    assert_says("0000000000000070 at 192.0.2.7:8688");
    assert_says("power it off");
    assert_int_equal(ask(SELF), FENCE_NOT_SAID);
    list[0].address.family = 0;
    assert_int_equal(ask(1), FENCE_NOT_SAID);
    assert_says("an address that is not known");
}

static void test_it_takes_silence(void **state)
{
    (void)state;
    assert_int_equal(fence_silence_ms(&now), 3150);
    now.silent_ms--;
    assert_int_equal(ask(VOTER), FENCE_IN_CONTACT);
    assert_says("3149 ms ago");
    assert_says("3150 ms");
}

static void test_who_else_asks(void **state)
{
    (void)state;
    assert_int_equal(fence_check(&engine, VOTER, VOTER, why), FENCE_NOT_POSSIBLE);
    now.is_witness = true;
    assert_int_equal(ask(VOTER), FENCE_NOT_POSSIBLE);
    assert_says("witness");
    now.was_removed = true;
    assert_int_equal(ask(VOTER), FENCE_NOT_POSSIBLE);
    assert_says("removed");
}

static void test_what_is_no_pair(void **state)
{
    (void)state;
    list[1].place = CLUSTER_VOTER;
    assert_int_equal(ask(VOTER), FENCE_NOT_POSSIBLE);
    list[1].place = CLUSTER_JOINING;
    assert_int_equal(ask(VOTER), FENCE_NOT_POSSIBLE);
    list[1].place = CLUSTER_STANDBY;
    list[0].place = CLUSTER_STANDBY;
    assert_int_equal(ask(VOTER), FENCE_NOT_POSSIBLE);
    list[0].place = CLUSTER_VOTER;
    list[1].is_self = false;
    assert_int_equal(ask(VOTER), FENCE_NOT_POSSIBLE);
    list_n = 1;
    assert_int_equal(ask(VOTER), FENCE_NOT_POSSIBLE);
    list_n = 3;
    assert_int_equal(ask(VOTER), FENCE_NOT_POSSIBLE);
    assert_says("weldr cluster recover");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_second_of_a_pair, setup),
        cmocka_unit_test_setup(test_it_takes_the_word, setup),
        cmocka_unit_test_setup(test_it_takes_silence, setup),
        cmocka_unit_test_setup(test_who_else_asks, setup),
        cmocka_unit_test_setup(test_what_is_no_pair, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
