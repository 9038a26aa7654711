#include "cm.h"

#include "base/fsm.h"
#include "forked.h"

enum { LAMP_OFF, LAMP_ON, LAMP_BROKEN };

static const struct fsm_state lamp_states[] = {
    [LAMP_OFF] = {"OFF", FSM_TO(LAMP_ON) | FSM_TO(LAMP_BROKEN)},
    [LAMP_ON] = {"ON", FSM_TO(LAMP_OFF) | FSM_TO(LAMP_ON) | FSM_TO(LAMP_BROKEN)},
    [LAMP_BROKEN] = {"BROKEN", 0},
};
static const struct fsm lamp = {"lamp", lamp_states, COUNT(lamp_states)};

static struct {
    unsigned n;
    const struct fsm *fsm;
    uint64_t object_id;
    unsigned from, to;
    const char *why;
} seen;

static void note_move(const struct fsm *fsm, uint64_t object_id, unsigned from, unsigned to,
                      const char *why)
{
    seen.n++;
    seen.fsm = fsm;
    seen.object_id = object_id;
    seen.from = from;
    seen.to = to;
    seen.why = why;
}

static void test_legal_moves_are_traced(void **state)
{
    uint8_t lamp_state = LAMP_OFF;
    (void)state;
    fsm_move(&lamp, &lamp_state, LAMP_ON, 7, "untraced");
    assert_int_equal(lamp_state, LAMP_ON);
    fsm_set_trace(note_move);
    fsm_move(&lamp, &lamp_state, LAMP_ON, 7, "again");
    fsm_move(&lamp, &lamp_state, LAMP_BROKEN, 8, "dropped");
    fsm_set_trace(NULL);
    assert_int_equal(lamp_state, LAMP_BROKEN);
    assert_int_equal(seen.n, 2);
    assert_ptr_equal(seen.fsm, &lamp);
    assert_int_equal(seen.object_id, 8);
    assert_int_equal(seen.from, LAMP_ON);
    assert_int_equal(seen.to, LAMP_BROKEN);
    assert_string_equal(seen.why, "dropped");
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(fsm_name(&lamp, LAMP_OFF), "OFF");
    assert_string_equal(fsm_name(&lamp, LAMP_BROKEN), "BROKEN");
    assert_string_equal(fsm_name(&lamp, 3), "?");
}

struct move {
    uint8_t from;
    unsigned to;
};

static void try_move(void *arg)
{
    const struct move *move = arg;
    uint8_t lamp_state = move->from;
    fsm_move(&lamp, &lamp_state, move->to, 42, "test");
}

static void test_every_move(void **state)
{
    static const struct {
        struct move move;
        const char *complaint; /* NULL: legal */
    } cases[] = {
        {{LAMP_OFF, LAMP_OFF}, "lamp#42 may go OFF -> OFF (test)"},
        {{LAMP_OFF, LAMP_ON}, NULL},
        {{LAMP_OFF, LAMP_BROKEN}, NULL},
        {{LAMP_ON, LAMP_OFF}, NULL},
        {{LAMP_BROKEN, LAMP_ON}, "lamp#42 may go BROKEN -> ON (test)"},
        {{LAMP_OFF, 3}, "lamp#42 may go OFF -> ? (test)"},
        {{200, LAMP_ON}, "lamp#42 may go ? -> ON (test)"},
        {{LAMP_OFF, 32}, "lamp#42 may go OFF -> ? (test)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct move move = cases[i].move;
        if (cases[i].complaint != NULL)
            assert_true(forked_fails_must(try_move, &move, cases[i].complaint));
        else
            assert_false(forked_dies(try_move, &move));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legal_moves_are_traced),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_every_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
