#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "manager/publish.h"
#include "net/listen.h"
#include "pool/pool_apply.h"
#include "pool/pool_snapshot.h"

/* What a worker hears that is attached: one slot, whose other end is read here. */

enum { KEPT = 7, DRAINING = 8, CUT = 9, FRAMES_MAX = 16 };

static struct loop *loop;
static struct slot slot;
static struct supervisor supervisor = {.slots = {.list = &slot, .n = 1}};
static struct publish publish;
static struct facts facts;
static struct pool_state *pool;
static int worker_fd;
static struct frame_addrs addrs_heard;

static const struct manager_channel_ops no_ops;

static int setup(void **state)
{
    int pair[2];

    (void)state;
    loop = loop_epoll_new();
    pool = pool_state_new();
    assert_true(loop != NULL && pool != NULL);
    assert_int_equal(listen_pair(pair), 0);
    worker_fd = pair[1];
    supervisor.slots.loop = loop;
    listenings_init(&supervisor.listenings, &supervisor.slots, &supervisor.stand_in);
    slot_init(&slot, &supervisor.slots, 0, &no_ops);
    slot.state = SLOT_RUNNING;
    manager_channel_open(&slot.channel, pair[0]);
    facts_init(&facts);
    publish_init(&publish, &supervisor, &facts, pool);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    manager_channel_close(&slot.channel);
    (void)loop_turn(loop, 0);
    publish_fini(&publish);
    facts_fini(&facts);
    pool_state_free(pool);
    loop_free(loop);
    (void)close(worker_fd);
    return 0;
}

static void add_facts(uint64_t id, bool is_removed, bool is_cut)
{
    const struct addr at = {AF_INET, 80, {10, 0, 0, 1}};
    struct server_facts *f = facts_add(&facts, id, &at, 0);
    struct pool_server *removed = is_removed ? calloc(1, sizeof(*removed)) : NULL;

    assert_non_null(f);
    if (is_removed)
        facts_drain(&facts, f, removed);
    if (is_cut) {
        facts_move_leave(&facts, f, LEAVE_FINISHING);
        facts_move_leave(&facts, f, LEAVE_CUT);
    }
    f->is_untried = false;
}

static unsigned nodes_heard;

/* The frames' types and what LOCAL says, in the order in which they came; NODE, which each
 * attachment begins with, is only counted. */
static unsigned receive(uint16_t *types, struct frame_local *locals)
{
    static char buf[65536];
    struct span in, payload;
    unsigned n = 0;
    ssize_t len;

    (void)loop_turn(loop, 0);
    len = read(worker_fd, buf, sizeof(buf));
    assert_true(len > 0);
    in = span_from(buf, (size_t)len);
    while (in.len > 0) {
        const int64_t used = frame_parse(in, &types[n], &payload);

        assert_true(used > 0 && n < FRAMES_MAX);
        in = span_skip(in, (size_t)used);
        if (types[n] == FRAME_NODE) {
            assert_int_equal(n, 0);
            nodes_heard++;
            continue;
        }
        if (types[n] == FRAME_LOCAL)
            assert_int_equal(frame_get_local(payload, &locals[n]), 0);
        if (types[n] == FRAME_ADDRS)
            assert_int_equal(frame_get_addrs(payload, &addrs_heard), 0);
        n++;
    }
    return n;
}

/* Updates that a snapshot stands for were dropped; the word to cut a server off, which is in no
 * snapshot, comes again. A server that only drains goes on. */
static void test_attach_tells_what_was_cut(void **state)
{
    uint16_t types[FRAMES_MAX] = {0};
    struct frame_local locals[FRAMES_MAX] = {0};

    (void)state;
    add_facts(KEPT, false, false);
    add_facts(DRAINING, true, false);
    add_facts(CUT, true, true);
    nodes_heard = 0;
    publish_attach(&publish, &slot, pool, NULL);
    assert_int_equal(receive(types, locals), 3);
    assert_int_equal(nodes_heard, 1);
    assert_int_equal(types[0], FRAME_LOCAL);
    assert_int_equal(locals[0].server_id, KEPT);
    assert_int_equal(locals[0].flags, FRAME_LOCAL_UP);
    assert_int_equal(types[1], FRAME_LOCAL);
    assert_int_equal(locals[1].server_id, CUT);
    assert_int_equal(locals[1].flags, FRAME_LOCAL_GONE);
    assert_int_equal(types[2], FRAME_SNAPSHOT);
}

/* A server that was cut off and stands up again has requests that are nobody's to end. */
static void test_attach_after_resume(void **state)
{
    uint16_t types[FRAMES_MAX] = {0};
    struct frame_local locals[FRAMES_MAX] = {0};
    struct server_facts *f;

    (void)state;
    add_facts(CUT, false, true);
    publish_attach(&publish, &slot, pool, NULL);
    assert_int_equal(receive(types, locals), 2);
    assert_int_equal(locals[0].flags, FRAME_LOCAL_UP | FRAME_LOCAL_CUT);
    f = facts_find(&facts, CUT);
    facts_move_leave(&facts, f, LEAVE_DRAINED);
    facts_move_leave(&facts, f, LEAVE_STAYS);
    publish_attach(&publish, &slot, pool, NULL);
    assert_int_equal(receive(types, locals), 2);
    assert_int_equal(locals[0].flags, FRAME_LOCAL_UP);
}

/* The largest response of a name server fits: each frame has the room that it needs. It says
 * which addresses are down. */
static void test_attach_tells_all_addresses(void **state)
{
    uint16_t types[FRAMES_MAX] = {0};
    struct frame_local locals[FRAMES_MAX] = {0};
    const struct addr nowhere = {0};
    struct addr addrs[FRAME_ADDRS_N];
    struct facts_addrs gone;
    struct server_facts *f;

    (void)state;
    f = facts_add(&facts, KEPT, &nowhere, 0);
    for (unsigned i = 0; i < FRAME_ADDRS_N; i++)
        addrs[i] = (struct addr){.family = AF_INET, .port = 80, .ip = {10, 0, 0, (uint8_t)i}};
    assert_int_equal(facts_set_addrs(f, addrs, FRAME_ADDRS_N, 0, &gone), 0);
    TAILQ_FIRST(&f->addrs)->rule.up = false;
    TAILQ_LAST(&f->addrs, facts_addrs)->rule.up = false;
    publish_attach(&publish, &slot, pool, NULL);
    assert_int_equal(receive(types, locals), 3);
    assert_int_equal(types[0], FRAME_LOCAL);
    assert_int_equal(types[1], FRAME_ADDRS);
    assert_int_equal(addrs_heard.server_id, KEPT);
    assert_int_equal(addrs_heard.n, FRAME_ADDRS_N);
    assert_int_equal(addrs_heard.down, 1ULL << 63 | 1);
    assert_memory_equal(addrs_heard.addrs, addrs, sizeof(addrs));
    assert_int_equal(types[2], FRAME_SNAPSHOT);
}

/* A server that is given by address has one too, which the workers know from its URL. */
static void test_own_address_is_not_told(void **state)
{
    uint16_t types[FRAMES_MAX] = {0};
    struct frame_local locals[FRAMES_MAX] = {0};

    (void)state;
    add_facts(KEPT, false, false);
    publish_attach(&publish, &slot, pool, NULL);
    assert_int_equal(receive(types, locals), 2);
    assert_int_equal(types[0], FRAME_LOCAL);
    assert_int_equal(types[1], FRAME_SNAPSHOT);
}

/* What LOCAL says of a server that nobody has checked yet, and of one whose check has passed.
 */
static void test_flags(void **state)
{
    uint16_t types[FRAMES_MAX] = {0};
    struct frame_local locals[FRAMES_MAX] = {0};
    struct server_facts *f;

    (void)state;
    add_facts(KEPT, false, false);
    f = facts_find(&facts, KEPT);
    f->is_untried = true;
    publish_facts(&publish, f);
    f->is_untried = false;
    publish_pass(&publish, f);
    f->is_up = false;
    publish_facts(&publish, f);
    assert_int_equal(receive(types, locals), 3);
    assert_int_equal(locals[0].flags, FRAME_LOCAL_UP | FRAME_LOCAL_UNTRIED);
    assert_int_equal(locals[1].flags, FRAME_LOCAL_UP | FRAME_LOCAL_PASSED);
    assert_int_equal(locals[2].flags, 0);
}

static void change_pool(void)
{
    struct pool_command c;
    struct pool_change change = {0};

    pool_command_init(&c, POOL_ADD_SERVER);
    assert_int_equal(pool_check_url(SPAN("http://127.0.0.1:1"), &c.server, NULL), 0);
    assert_int_equal(pool_apply(pool, &c, pool->index + 1, &change), 0);
    pool_command_fini(&c);
}

/* The index of the snapshot that is, behind NODE, the only thing sent. */
static uint64_t receive_snapshot(void)
{
    static char buf[65536];
    struct pool_state *state = NULL;
    struct span payload;
    uint16_t type = 0;
    int64_t node;
    uint64_t index;
    ssize_t len;

    (void)loop_turn(loop, 0);
    len = read(worker_fd, buf, sizeof(buf));
    assert_true(len > 0);
    node = frame_parse(span_from(buf, (size_t)len), &type, &payload);
    assert_true(node > 0 && type == FRAME_NODE);
    assert_int_equal(frame_parse(span_from(buf + node, (size_t)(len - node)), &type, &payload),
                     len - node);
    assert_int_equal(type, FRAME_SNAPSHOT);
    assert_int_equal(pool_snapshot_decode(payload, &state), 0);
    assert_int_equal(state->digest, pool->digest);
    index = state->index;
    pool_state_free(state);
    return index;
}

/* A snapshot that was made serves for the next worker too, but not for another pool. */
static void test_snapshot_is_of_now(void **state)
{
    uint16_t types[FRAMES_MAX] = {0};
    struct frame_local locals[FRAMES_MAX] = {0};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        publish_attach(&publish, &slot, pool, NULL);
        assert_int_equal(receive_snapshot(), 0);
    }
    change_pool();
    publish_attach(&publish, &slot, pool, NULL);
    assert_int_equal(receive_snapshot(), 1);
    publish_entry(&publish, pool, SPAN("entry"));
    assert_int_equal(receive(types, locals), 1);
    assert_null(publish.snapshot);
}

static unsigned woken_n;

static void on_woken(struct publish_waiter *w)
{
    (void)w;
    woken_n++;
}

static pid_t start_child(void)
{
    const pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            (void)pause();
    }
    assert_true(pid > 0);
    return pid;
}

static void fire(struct timer *t)
{
    timer_stop(loop_timers(loop), t);
    t->on_fire(t);
}

/* The worker that owed it has died, and its successor has had no time yet: it gets the whole.
 */
static void test_deadline_spares_a_successor(void **state)
{
    const struct server_facts f = {.id = 1, .stats_slot = STATS_NO_SLOT};
    struct publish_waiter w = {0};
    int status;

    (void)state;
    woken_n = 0;
    slot.pid = start_child();
    slot.attached_ms = loop_now_ms(loop);
    publish_facts(&publish, &f);
    publish_wait(&publish, &w, on_woken);
    fire(&w.timer);
    assert_false(slot.is_condemned);
    assert_true(timer_is_set(&w.timer));
    assert_int_equal(woken_n, 0);
    slot.attached_ms = loop_now_ms(loop) - PUBLISH_ACK_MS;
    fire(&w.timer);
    assert_true(slot.is_condemned);
    assert_int_equal(waitpid(slot.pid, &status, 0), slot.pid);
    assert_int_equal(woken_n, 1);
    slot.pid = 0;
    slot.is_condemned = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_attach_tells_what_was_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attach_after_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attach_tells_all_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_address_is_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot_is_of_now, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline_spares_a_successor, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
