#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/cluster.h"

struct seen {
    uint64_t committed[8];
    char first[8];
    unsigned committed_n;
    uint64_t done_index;
    unsigned done_n;
    unsigned committed_when_done;
};

static void on_commit(void *arg, uint64_t index, struct span entry)
{
    struct seen *s = arg;

    s->first[s->committed_n] = entry.len > 0 ? entry.ptr[0] : '\0';
    s->committed[s->committed_n++] = index;
}

static void on_done(void *arg, int error, uint64_t index)
{
    struct seen *s = arg;

    assert_int_equal(error, 0);
    s->done_index = index;
    s->done_n++;
    s->committed_when_done = s->committed_n;
}

static void test_commits_at_once_in_order(void **state)
{
    struct seen s = {0};
    const struct cluster_hooks hooks = {.on_commit = on_commit, .arg = &s};
    struct cluster *c = cluster_solo_new(&hooks);

    (void)state;
    assert_non_null(c);
    assert_string_equal(c->ops->name, "solo");
    assert_int_equal(c->ops->index(c), 0);
    for (unsigned i = 0; i < 3; i++) {
        const char text[] = {(char)('a' + i)};

        assert_int_equal(c->ops->propose(c, span_from(text, 1), on_done, &s), 0);
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

static void test_is_leader_of_itself(void **state)
{
    const struct cluster_hooks hooks = {.on_commit = on_commit};
    struct cluster *c = cluster_solo_new(&hooks);

    (void)state;
    assert_non_null(c);
    assert_true(c->ops->is_leader(c));
    assert_int_equal(c->ops->members(c), 1);
    c->ops->free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commits_at_once_in_order),
        cmocka_unit_test(test_is_leader_of_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
