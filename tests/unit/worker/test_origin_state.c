#include "../base/cm.h"
#include "../base/forked.h"
#include "worker/origin.h"

struct row {
    const char *name;
    bool is_in_pool;
};

static const struct row rows[ORIGIN_STATES] = {
    [ORIGIN_NEW] = {"NEW", false},        [ORIGIN_LEAVING] = {"LEAVING", false},
    [ORIGIN_GONE] = {"GONE", false},      [ORIGIN_SERVING] = {"SERVING", true},
    [ORIGIN_EJECTED] = {"EJECTED", true},
};

static void test_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ORIGIN_STATES; i++) {
        const struct origin o = {.state = (uint8_t)i};

        assert_string_equal(origin_state_name(&o), rows[i].name);
        assert_int_equal(origin_is_in_pool(&o), rows[i].is_in_pool);
    }
    assert_string_equal(origin_place_name(&(struct origin){.place = ORIGIN_UNWANTED}),
                        "unwanted");
    assert_string_equal(origin_place_name(&(struct origin){.place = ORIGIN_WANTED}), "wanted");
    assert_string_equal(origin_place_name(&(struct origin){.place = ORIGIN_LISTED}), "listed");
}

struct move {
    struct origin o;
    unsigned to;
};

static void try_move(void *arg)
{
    struct move *move = arg;

    origin_move(&move->o, move->to, "test");
}

/* These, and no other ones. */
static void test_moves(void **state)
{
    static const uint32_t legal[ORIGIN_STATES] = {
        [ORIGIN_NEW] = 1U << ORIGIN_SERVING | 1U << ORIGIN_GONE,
        [ORIGIN_SERVING] = 1U << ORIGIN_EJECTED | 1U << ORIGIN_LEAVING,
        [ORIGIN_EJECTED] = 1U << ORIGIN_SERVING,
        [ORIGIN_LEAVING] = 1U << ORIGIN_GONE | 1U << ORIGIN_SERVING,
        [ORIGIN_GONE] = 1U << ORIGIN_SERVING,
    };

    (void)state;
    for (unsigned i = 0; i < ORIGIN_STATES * ORIGIN_STATES; i++) {
        struct move move = {.o = {.magic = ORIGIN_MAGIC, .state = (uint8_t)(i / ORIGIN_STATES)},
                            .to = i % ORIGIN_STATES};
        bool is_legal = (legal[move.o.state] >> move.to & 1) != 0;

        if (forked_dies(try_move, &move) == is_legal)
            fail_msg("%s to %u", origin_state_name(&move.o), move.to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
