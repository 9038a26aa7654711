#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/delayed.h"
#include "net/loop.h"
#include "pool/pool_code.h"
#include "pool/pool_replica.h"

/* The engine that takes its time, with an owner that follows the log and remembers what it was
 * told. */

enum { PROPOSALS = 24, SEEDS = 60, TURNS_MAX = 1000000 };

struct proposal {
    uint8_t id[CLUSTER_ID_BYTES];
    char url[64];
    char *entry;
    size_t len;
    unsigned told_n; /* how often done was called since it was proposed last */
    int error;
    uint64_t index;
};

static struct loop *loop;
static struct cluster *c;
static struct pool_replica owner;
static uint64_t owner_index;
static bool has_settled;
static unsigned restored_n, handed_n, unwilling_n, role_n;
static struct proposal proposals[PROPOSALS];

/* ---- the owner ---- */

static int on_commit(void *arg, uint64_t index, struct span entry)
{
    (void)arg;
    assert_int_equal(index, owner_index + 1); /* in order, each once */
    if (unwilling_n > 0) {
        unwilling_n--;
        return WERR_NOMEM;
    }
    assert_int_equal(pool_replica_apply(&owner, index, entry), 0);
    owner_index = index;
    handed_n++;
    return 0;
}

static int on_snapshot(void *arg, char **bytes, size_t *len)
{
    (void)arg;
    return pool_replica_encode(&owner, bytes, len);
}

static int on_restore(void *arg, uint64_t index, struct span bytes)
{
    (void)arg;
    assert_true(index >= owner_index);
    pool_replica_fini(&owner);
    assert_int_equal(pool_replica_decode(bytes, &owner), 0);
    owner_index = index;
    restored_n++;
    return 0;
}

static void on_role(void *arg, enum cluster_role role)
{
    (void)arg;
    assert_int_equal(role, c->ops->role(c));
    role_n++;
}

static void on_settled(void *arg)
{
    (void)arg;
    assert_false(has_settled);
    has_settled = true;
}

static const struct cluster_hooks hooks = {
    .on_commit = on_commit,
    .on_snapshot = on_snapshot,
    .on_restore = on_restore,
    .on_role = on_role,
    .on_settled = on_settled,
};

static void on_done(void *arg, int error, uint64_t index)
{
    struct proposal *p = arg;

    assert_int_equal(p->told_n++, 0);
    p->error = error;
    p->index = index;
    if (error == 0)
        assert_true(index <= owner_index);
}

/* ---- life ---- */

static void make_proposal(unsigned i)
{
    struct proposal *p = &proposals[i];
    struct pool_command command;
    struct pool_error refusal;
    char body[128];

    snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u", i + 1);
    snprintf(body, sizeof(body), "{\"url\":\"%s\"}", p->url);
    assert_int_equal(pool_code_add_from_json(span_from_str(body), &command, &refusal), 0);
    memset(p->id, (int)i + 1, sizeof(p->id));
    memcpy(command.request_id, p->id, sizeof(p->id));
    assert_int_equal(pool_code_encode(&command, &p->entry, &p->len), 0);
    pool_command_fini(&command);
}

static void begin(const struct delayed_options *options)
{
    memset(&proposals, 0, sizeof(proposals));
    for (unsigned i = 0; i < PROPOSALS; i++)
        make_proposal(i);
    loop = loop_epoll_new();
    c = cluster_delayed_new(loop, options, &hooks);
    assert_int_equal(pool_replica_init(&owner), 0);
    owner_index = 0;
    has_settled = false;
    restored_n = handed_n = unwilling_n = role_n = 0;
    assert_int_equal(c->ops->start(c), 0);
}

static void end(void)
{
    c->ops->free(c);
    for (unsigned i = 0; i < PROPOSALS; i++)
        free(proposals[i].entry);
    pool_replica_fini(&owner);
    loop_free(loop);
}

static void run_until_led(void)
{
    for (unsigned n = 0; !has_settled || c->ops->role(c) != CLUSTER_LEADER; n++) {
        assert_true(n < TURNS_MAX);
        (void)loop_turn(loop, 0);
    }
}

static int propose(struct proposal *p)
{
    p->told_n = 0;
    return c->ops->propose(c, span_from(p->entry, p->len), p->id, on_done, p);
}

static void run_until_told(struct proposal *p)
{
    for (unsigned n = 0; p->told_n == 0; n++) {
        assert_true(n < TURNS_MAX);
        (void)loop_turn(loop, 0);
    }
}

/* As a caller that does not give up. */
static void propose_until_committed(struct proposal *p)
{
    do {
        while (propose(p) < 0)
            run_until_led();
        run_until_told(p);
    } while (p->error != 0);
}

static bool is_in_pool(const struct pool_state *s, const struct proposal *p)
{
    return pool_find_url(s->pools[0], span_from_str(p->url)) != NULL;
}

static void turns(unsigned n)
{
    while (n-- > 0)
        (void)loop_turn(loop, 0);
}

/* ---- tests ---- */

static void test_takes_its_time(void **state)
{
    static const struct delayed_options options = {.seed = 1};

    (void)state;
    begin(&options);
    assert_int_equal(role_n, 1);
    assert_int_equal(c->ops->role(c), CLUSTER_CANDIDATE);
    assert_int_equal(propose(&proposals[0]), WERR_NOT_LEADER);
    run_until_led();
    assert_int_equal(propose(&proposals[0]), 0);
    assert_int_equal(proposals[0].told_n, 0);
    assert_int_equal(owner_index, 0);
    run_until_told(&proposals[0]);
    assert_int_equal(proposals[0].error, 0);
    assert_true(is_in_pool(owner.state, &proposals[0]));
    end();
}

/* All at once: some come out of order, none twice, none is lost. */
static void test_commits_out_of_order(void **state)
{
    bool is_ever_out_of_order = false;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const struct delayed_options options = {.seed = seed};

        begin(&options);
        run_until_led();
        for (unsigned i = 0; i < PROPOSALS; i++)
            assert_int_equal(propose(&proposals[i]), 0);
        for (unsigned i = 0; i < PROPOSALS; i++)
            run_until_told(&proposals[i]);
        for (unsigned i = 0; i < PROPOSALS; i++) {
            assert_int_equal(proposals[i].error, 0);
            is_ever_out_of_order |= i > 0 && proposals[i].index < proposals[i - 1].index;
        }
        assert_int_equal(owner_index, PROPOSALS);
        end();
    }
    assert_true(is_ever_out_of_order);
}

/* Whatever happens: what was confirmed is there, what was refused is not, and who proposes
 * again under the same id gets in once. */
static void test_keeps_its_word(void **state)
{
    unsigned unknown_n = 0, refused_n = 0, restores_n = 0, unheard_n = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct delayed_options options = {
            .seed = seed, .refuse = 15, .lose = 15, .restore = 30};
        bool is_proposed[PROPOSALS] = {false};

        begin(&options);
        for (unsigned i = 0; i < PROPOSALS; i++) {
            run_until_led();
            is_proposed[i] = propose(&proposals[i]) == 0;
            refused_n += !is_proposed[i];
            if (seed % 2 == 0)
                turns((unsigned)seed % 5);
        }
        for (unsigned i = 0; i < PROPOSALS; i++)
            if (is_proposed[i])
                run_until_told(&proposals[i]);
        turns(100);
        run_until_led();
        for (unsigned i = 0; i < PROPOSALS; i++) {
            const struct proposal *p = &proposals[i];

            if (!is_proposed[i] || p->error == WERR_NOT_LEADER)
                assert_false(is_in_pool(owner.state, p));
            else if (p->error == 0)
                assert_true(is_in_pool(owner.state, p));
            unknown_n += is_proposed[i] && p->error == WERR_OUTCOME_UNKNOWN;
        }
        for (unsigned i = 0; i < PROPOSALS; i++)
            propose_until_committed(&proposals[i]);
        assert_int_equal(owner.state->pools[0]->server_n, PROPOSALS);
        restores_n += restored_n;
        unheard_n += owner_index > handed_n;
        end();
    }
    /* All of it has happened. */
    assert_true(unknown_n > 20 && refused_n > 20 && restores_n > 20 && unheard_n > 5);
}

/* An owner without memory gets the same entry again. */
static void test_comes_again(void **state)
{
    static const struct delayed_options options = {.seed = 3};

    (void)state;
    begin(&options);
    run_until_led();
    unwilling_n = 3;
    for (unsigned i = 0; i < PROPOSALS; i++)
        assert_int_equal(propose(&proposals[i]), 0);
    for (unsigned i = 0; i < PROPOSALS; i++)
        run_until_told(&proposals[i]);
    assert_int_equal(unwilling_n, 0);
    assert_int_equal(owner_index, PROPOSALS);
    end();
}

static void test_says_when_it_cannot(void **state)
{
    static const struct delayed_options options = {.seed = 4};
    struct cluster_member member;

    (void)state;
    begin(&options);
    assert_false(c->ops->leader(c, &member));
    run_until_led();
    delayed_fill(c, true);
    assert_int_equal(propose(&proposals[0]), WERR_NO_SPACE);
    delayed_fill(c, false);
    assert_int_equal(propose(&proposals[0]), 0);
    delayed_lose(c);
    assert_int_equal(proposals[0].error, WERR_OUTCOME_UNKNOWN);
    assert_int_equal(propose(&proposals[1]), WERR_NOT_LEADER);
    run_until_led();
    assert_int_equal(propose(&proposals[1]), 0);
    c->ops->free(c);
    assert_int_equal(proposals[1].told_n, 1);
    assert_int_equal(proposals[1].error, WERR_SHUTTING_DOWN);
    c = cluster_delayed_new(loop, &options, &hooks);
    end();
}

static void test_barrier(void **state)
{
    static const struct delayed_options options = {.seed = 5};
    struct proposal read = {.told_n = 0};

    (void)state;
    begin(&options);
    assert_int_equal(c->ops->barrier(c, on_done, &read), WERR_NOT_LEADER);
    run_until_led();
    propose_until_committed(&proposals[0]);
    delayed_restore(c);
    assert_int_equal(restored_n, 1);
    assert_int_equal(c->ops->barrier(c, on_done, &read), 0);
    run_until_told(&read);
    assert_int_equal(read.error, 0);
    assert_int_equal(read.index, 1);
    end();
}

static void test_members(void **state)
{
    static const struct delayed_options options = {.seed = 6};
    const struct cluster_member other = {.id = 7, .address = {AF_INET, 9, {127, 0, 0, 1}}};
    struct cluster_member list[4];
    struct proposal p = {.told_n = 0};

    (void)state;
    begin(&options);
    run_until_led();
    assert_int_equal(c->ops->members(c, list, 4), 1);
    assert_true(list[0].is_self && list[0].is_leader);
    assert_int_equal(c->ops->remove_member(c, list[0].id, on_done, &p), WERR_INVALID);
    assert_int_equal(c->ops->remove_member(c, 7, on_done, &p), WERR_NOT_FOUND);
    assert_int_equal(c->ops->add_member(c, &other, on_done, &p), 0);
    run_until_told(&p);
    assert_int_equal(c->ops->add_member(c, &other, on_done, &p), WERR_EXISTS);
    p.told_n = 0;
    assert_int_equal(c->ops->transfer(c, 8, on_done, &p), WERR_NOT_FOUND);
    assert_int_equal(c->ops->transfer(c, 7, on_done, &p), 0);
    assert_int_equal(c->ops->role(c), CLUSTER_FOLLOWER);
    assert_true(c->ops->leader(c, &list[0]));
    assert_int_equal(list[0].id, 7);
    assert_int_equal(list[0].address.port, 9);
    run_until_told(&p);
    run_until_led();
    p.told_n = 0;
    assert_int_equal(c->ops->remove_member(c, 7, on_done, &p), 0);
    run_until_told(&p);
    assert_int_equal(c->ops->members(c, list, 4), 1);
    end();
}

/* What an engine has stored, the next one begins with. */
static void test_starts_from_its_store(void **state)
{
    struct delayed_store store;
    struct delayed_options options = {.restore = 20, .store = &store};

    (void)state;
    for (options.seed = 1; options.seed <= 12; options.seed++) {
        uint64_t digest;

        delayed_store_init(&store);
        begin(&options);
        run_until_led();
        for (unsigned i = 0; i < PROPOSALS; i++)
            propose_until_committed(&proposals[i]);
        digest = owner.state->digest;
        end();
        begin(&options);
        run_until_led();
        assert_int_equal(owner_index, PROPOSALS);
        assert_int_equal(owner.state->digest, digest);
        assert_int_equal(propose(&proposals[0]), 0); /* it is remembered, too */
        run_until_told(&proposals[0]);
        assert_int_equal(owner.state->digest, digest);
        end();
        delayed_store_fini(&store);
    }
}

/* Cut off at each boundary in turn: what was confirmed is in the store. */
static void test_cut_off_anywhere(void **state)
{
    bool is_over = false;

    (void)state;
    for (uint32_t at = 1; !is_over; at++) {
        struct delayed_store store;
        struct delayed_options options = {
            .seed = at, .lose = 10, .restore = 20, .cut_after = at, .store = &store};
        bool is_confirmed[PROPOSALS] = {false};

        delayed_store_init(&store);
        begin(&options);
        run_until_led();
        for (unsigned i = 0; i < PROPOSALS && !delayed_is_cut(c); i++) {
            (void)propose(&proposals[i]);
            turns(2);
        }
        turns(20);
        is_over = !delayed_is_cut(c);
        for (unsigned i = 0; i < PROPOSALS; i++)
            is_confirmed[i] = proposals[i].told_n == 1 && proposals[i].error == 0;
        end();
        options.cut_after = 0;
        begin(&options);
        run_until_led();
        for (unsigned i = 0; i < PROPOSALS; i++)
            assert_true(!is_confirmed[i] || is_in_pool(owner.state, &proposals[i]));
        end();
        delayed_store_fini(&store);
        assert_true(at < 10 * PROPOSALS);
    }
}

static void test_options(void **state)
{
    struct delayed_options o;

    (void)state;
    assert_int_equal(delayed_options_from_text(SPAN("delayed"), &o), 0);
    assert_int_equal(o.seed, 1);
    assert_int_equal(
        delayed_options_from_text(
            SPAN("delayed:seed=7,delay=3,batch=2,refuse=4,lose=5,restore=6,cut=8"), &o),
        0);
    assert_int_equal(o.seed, 7);
    assert_int_equal(o.delay_ms, 3);
    assert_int_equal(o.batch_max, 2);
    assert_int_equal(o.refuse, 4);
    assert_int_equal(o.lose, 5);
    assert_int_equal(o.restore, 6);
    assert_int_equal(o.cut_after, 8);
    assert_int_equal(delayed_options_from_text(SPAN("solo"), &o), WERR_SYNTAX);
    assert_int_equal(delayed_options_from_text(SPAN("delayed,seed=7"), &o), WERR_SYNTAX);
    assert_int_equal(delayed_options_from_text(SPAN("delayed:speed=7"), &o), WERR_SYNTAX);
    assert_int_equal(delayed_options_from_text(SPAN("delayed:lose=101"), &o), WERR_SYNTAX);
    assert_int_equal(delayed_options_from_text(SPAN("delayed:lose"), &o), WERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_its_time),
        cmocka_unit_test(test_commits_out_of_order),
        cmocka_unit_test(test_keeps_its_word),
        cmocka_unit_test(test_comes_again),
        cmocka_unit_test(test_says_when_it_cannot),
        cmocka_unit_test(test_barrier),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_starts_from_its_store),
        cmocka_unit_test(test_cut_off_anywhere),
        cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
