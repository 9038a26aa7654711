#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/cluster.h"

static const uint8_t request_id[CLUSTER_ID_BYTES] = {1};

struct seen {
    uint64_t committed[8];
    char first[8];
    unsigned committed_n;
    uint64_t done_index;
    unsigned done_n;
    unsigned committed_when_done;
    unsigned role_n, settled_n;
    bool is_unwilling;
};

static int on_commit(void *arg, uint64_t index, struct span entry)
{
    struct seen *s = arg;

    if (s->is_unwilling)
        return WERR_NOMEM;
    s->first[s->committed_n] = entry.len > 0 ? entry.ptr[0] : '\0';
    s->committed[s->committed_n++] = index;
    return 0;
}

static void on_role(void *arg, enum cluster_role role)
{
    struct seen *s = arg;

    assert_int_equal(role, CLUSTER_LEADER);
    assert_int_equal(s->settled_n, 0);
    s->role_n++;
}

static void on_settled(void *arg)
{
    ((struct seen *)arg)->settled_n++;
}

static void on_done(void *arg, int error, uint64_t index)
{
    struct seen *s = arg;

    assert_int_equal(error, 0);
    s->done_index = index;
    s->done_n++;
    s->committed_when_done = s->committed_n;
}

static struct cluster *start(struct seen *s)
{
    const struct cluster_hooks hooks = {
        .on_commit = on_commit, .on_role = on_role, .on_settled = on_settled, .arg = s};
    struct cluster *c = cluster_solo_new(&hooks);

    memset(s, 0, sizeof(*s));
    assert_non_null(c);
    assert_int_equal(c->ops->start(c), 0);
    return c;
}

static void test_commits_at_once_in_order(void **state)
{
    struct seen s;
    struct cluster *c = start(&s);

    (void)state;
    assert_string_equal(c->ops->name, "solo");
    assert_int_equal(c->ops->index(c), 0);
    for (unsigned i = 0; i < 3; i++) {
        const char text[] = {(char)('a' + i)};

        assert_int_equal(c->ops->propose(c, span_from(text, 1), request_id, on_done, &s), 0);
        assert_int_equal(s.committed_n, i + 1);
        assert_int_equal(s.committed[i], i + 1);
        assert_int_equal(s.first[i], 'a' + i);
        assert_int_equal(s.done_n, i + 1);
        assert_int_equal(s.done_index, i + 1);
        assert_int_equal(s.committed_when_done, i + 1);
        assert_int_equal(c->ops->index(c), i + 1);
    }
    c->ops->free(c);
}

/* What its owner has no memory for was never there. */
static void test_takes_back(void **state)
{
    struct seen s;
    struct cluster *c = start(&s);

    (void)state;
    s.is_unwilling = true;
    assert_int_equal(c->ops->propose(c, SPAN("a"), request_id, on_done, &s), WERR_NOMEM);
    assert_int_equal(s.done_n, 0);
    assert_int_equal(c->ops->index(c), 0);
    s.is_unwilling = false;
    assert_int_equal(c->ops->propose(c, SPAN("b"), request_id, on_done, &s), 0);
    assert_int_equal(s.committed[0], 1);
    c->ops->free(c);
}

static void test_is_leader_of_itself(void **state)
{
    const struct cluster_member other = {.id = 2};
    struct cluster_member member;
    struct seen s;
    struct cluster *c = start(&s);

    (void)state;
    assert_int_equal(s.role_n, 1);
    assert_int_equal(s.settled_n, 1);
    assert_int_equal(c->ops->role(c), CLUSTER_LEADER);
    assert_int_equal(c->ops->members(c, NULL, 0), 1);
    assert_int_equal(c->ops->members(c, &member, 1), 1);
    assert_true(member.is_self && member.is_leader && member.id == 1);
    assert_true(c->ops->leader(c, &member));
    assert_true(member.is_self);
    assert_int_equal(c->ops->add_member(c, &other, on_done, &s), WERR_UNSUPPORTED);
    assert_int_equal(c->ops->add_member(c, &member, on_done, &s), WERR_EXISTS);
    assert_int_equal(c->ops->remove_member(c, 1, on_done, &s), WERR_INVALID);
    assert_int_equal(c->ops->remove_member(c, 2, on_done, &s), WERR_NOT_FOUND);
    assert_int_equal(c->ops->transfer(c, 2, on_done, &s), WERR_NOT_FOUND);
    assert_int_equal(s.done_n, 0);
    assert_int_equal(c->ops->transfer(c, 1, on_done, &s), 0);
    assert_int_equal(c->ops->barrier(c, on_done, &s), 0);
    assert_int_equal(s.done_n, 2);
    c->ops->free(c);
}

static void on_text(void *arg, int error, struct span text)
{
    (void)arg;
    (void)error;
    (void)text;
    fail_msg("%s", "nobody is there who could do it");
}

static void test_nobody_to_give_an_order_to(void **state)
{
    struct cluster_member self;
    const struct cluster_hooks hooks = {0};
    struct cluster *c = cluster_solo_new(&hooks);

    (void)state;
    assert_int_equal(c->ops->members(c, &self, 1), 1);
    assert_int_equal(c->ops->order(c, self.id, SPAN("do"), on_text, NULL), WERR_INVALID);
    assert_int_equal(c->ops->order(c, self.id + 1, SPAN("do"), on_text, NULL), WERR_NOT_FOUND);
    c->ops->free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commits_at_once_in_order),
        cmocka_unit_test(test_takes_back),
        cmocka_unit_test(test_is_leader_of_itself),
        cmocka_unit_test(test_nobody_to_give_an_order_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
