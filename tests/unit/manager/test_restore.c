#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "fixture.h"
#include "manager/resolve.h"
#include "manager/restore.h"
#include "pool/pool_code.h"

/* A whole new state: a manager that had another one before is as one that begins with it. */

enum { SEEDS = 400, DUMP_BYTES = 64 * 1024, LONG_MS = 60000, IDS_MAX = 100 };

struct text {
    char *buf;
    size_t len;
};

static void print(struct text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void print(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->buf + t->len, DUMP_BYTES - t->len, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < DUMP_BYTES - t->len);
    t->len += (size_t)n;
}

static void print_addrs(struct text *t, const struct server_facts *f)
{
    const struct facts_addr *a;

    TAILQ_FOREACH (a, &f->addrs, entry) {
        char at[ADDR_TEXT_MAX];

        assert_ptr_equal(a->server, f);
        (void)addr_print(&a->addr, at);
        print(t, " addr=%s up=%d checked=%d due=%d", at, a->rule.up, a->checks != NULL,
              a->probe != NULL || a->is_waiting || timer_is_set(&a->timer));
    }
}

static void print_facts(struct text *t, const struct manager *m, const struct server_facts *f,
                        const struct pool_server *server)
{
    const uint64_t left_ms = facts_is_leaving(f) ? f->leave_until_ms - loop_now_ms(m->loop) : 0;

    print(t,
          "%llx %s state=%s admin=%u drain=%u leaving=%d left=%d cut=%d named=%d asked=%d "
          "up=%d untried=%d checked=%d settings=%llx n=%u error=%s",
          (unsigned long long)f->id, server->url, server_state_word(facts_state(f)), f->admin,
          f->drain_ms, facts_is_leaving(f), left_ms > LONG_MS / 2, f->leave == LEAVE_CUT,
          f->is_named, resolve_has(m->resolve, f->id), f->is_up, f->is_untried, f->is_checked,
          f->is_checked ? (unsigned long long)f->check_settings : 0, f->addr_n, f->name_error);
    print_addrs(t, f);
    print(t, "\n");
}

static void print_pool(struct text *t, const struct manager *m, const struct pool *p)
{
    const struct pool_facts *pf = facts_find_pool(&m->facts, p->id);

    assert_non_null(pf);
    print(t, "pool %llx %s open=%d slot=%d\n", (unsigned long long)p->id, p->name,
          pf->is_fail_open, stats_slot_find(m->stats, STATS_OF_POOL, p->id) != STATS_NO_SLOT);
    for (uint32_t i = 0; i < p->server_n; i++) {
        const struct server_facts *f = facts_find(&m->facts, p->servers[i]->id);

        assert_non_null(f);
        assert_int_equal(f->pool_id, p->id);
        print_facts(t, m, f, p->servers[i]);
    }
}

/* Where it listens, in the order of its addresses. */
static void print_listener(struct text *t, const struct manager *m, const struct listener *l)
{
    print(t, "listener %llx %s slot=%d rules=%u", (unsigned long long)l->id, l->name,
          stats_slot_find(m->stats, STATS_OF_LISTENER, l->id) != STATS_NO_SLOT, l->rule_n);
    for (unsigned i = 0; i < l->address_n; i++) {
        const struct listening *at =
            listening_find(&m->supervisor.listenings, span_from_str(l->name), &l->addresses[i]);
        char text[ADDR_TEXT_MAX];

        (void)addr_print(&l->addresses[i], text);
        print(t, " %s=%d", text, at != NULL ? at->state : -1);
        if (at != NULL)
            assert_int_equal(at->listener_id, l->id);
    }
    print(t, "\n");
}

static unsigned listening_n(const struct manager *m)
{
    const struct listening *l;
    unsigned n = 0;

    TAILQ_FOREACH (l, &m->supervisor.listenings.list, entry)
        n++;
    return n;
}

static unsigned slots_n(const struct manager *m, enum stats_kind kind)
{
    unsigned n = 0;

    for (uint64_t id = 0; id <= 2 * IDS_MAX; id++)
        n += stats_slot_find(m->stats, kind, id) != STATS_NO_SLOT;
    return n;
}

/* All that follows from the state, in the order of ids. */
static char *dump(const struct manager *m)
{
    struct text t = {malloc(DUMP_BYTES), 0};
    const struct pool_state *s = m->pool;

    assert_non_null(t.buf);
    print(&t,
          "index=%llu digest=%llx revision=%llu servers=%u facts=%u leaving=%u draining=%u "
          "pools=%u open=%u listening=%u slots=%u+%u\n",
          (unsigned long long)s->index, (unsigned long long)s->digest,
          (unsigned long long)m->revision, s->server_n, HASH_COUNT(m->facts.by_id),
          m->facts.leaving_n, m->facts.draining_n, HASH_COUNT(m->facts.pools),
          m->facts.fail_open_n, listening_n(m), slots_n(m, STATS_OF_POOL),
          slots_n(m, STATS_OF_LISTENER));
    for (uint32_t i = 0; i < s->pool_n; i++)
        print_pool(&t, m, s->pools[i]);
    for (uint32_t i = 0; i < s->listener_n; i++)
        print_listener(&t, m, s->listeners[i]);
    return t.buf;
}

static void check_slots(const struct manager *m)
{
    bool is_taken[STATS_SERVERS_MAX] = {false};
    const struct server_facts *f = NULL;

    while ((f = facts_next(&m->facts, f)) != NULL) {
        assert_true(f->stats_slot < STATS_SERVERS_MAX && !is_taken[f->stats_slot]);
        is_taken[f->stats_slot] = true;
    }
}

static void restore(struct manager *m, const struct pool_replica *r)
{
    char *bytes;
    size_t len;

    assert_int_equal(pool_replica_encode(r, &bytes, &len), 0);
    assert_int_equal(servers_on_restore(m, r->state->index, span_from(bytes, len)), 0);
    free(bytes);
}

/* Those that have left are quiet: nobody works here. */
static char *dump_settled(struct manager *m)
{
    leaving_sweep(m);
    check_slots(m);
    return dump(m);
}

/* Says the first line that differs. */
static void check_equal(const char *is, const char *should_be, uint64_t seed)
{
    if (strcmp(is, should_be) == 0)
        return;
    while (strncmp(is, should_be, strcspn(is, "\n") + 1) == 0) {
        is += strcspn(is, "\n") + 1;
        should_be += strcspn(should_be, "\n") + 1;
    }
    printf("seed %llu: is\n%.*s\nand should be\n%.*s\n", (unsigned long long)seed,
           (int)strcspn(is, "\n"), is, (int)strcspn(should_be, "\n"), should_be);
    fail();
}

static struct manager *begin(void)
{
    struct manager *m = fixture_new();

    fixture_run_engine(m, ENGINE_SOLO, NULL);
    return m;
}

static void test_as_if_begun_with_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pool_replica a, b;
        struct rand_state rand;
        struct manager *m = begin(), *other = begin();
        char *is, *should_be;

        rand_seed(&rand, seed);
        fixture_random_replica(&a, &rand);
        fixture_random_replica(&b, &rand);
        restore(m, &a);
        if (seed % 2 == 0)
            leaving_sweep(m); /* else some are on their way out, and may come back */
        restore(m, &b);
        restore(other, &b);
        is = dump_settled(m);
        should_be = dump_settled(other);
        check_equal(is, should_be, seed);
        free(is);
        free(should_be);
        pool_replica_fini(&a);
        pool_replica_fini(&b);
        fixture_stop(m);
        fixture_stop(other);
    }
}

/* Now and then back to what was before, while some are on their way out. */
static void random_change(struct manager *m, struct rand_state *rand)
{
    const uint32_t kept_n = pool_history_n(m->history);
    struct pool_command c;

    if (kept_n > 0 && rand_below(rand, 6) == 0) {
        pool_command_init(&c, POOL_RESTORE);
        c.restore = pool_history_at(m->history, (uint32_t)rand_below(rand, kept_n))->revision;
    } else {
        fixture_random_command(&c, m->pool, rand);
    }
    assert_int_not_equal(fixture_change(m, &c, NULL), WERR_NOMEM);
}

/* And the same as what entries lead to. */
static void test_as_if_followed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct manager *m = begin(), *other = begin();
        struct rand_state rand;
        char *is, *should_be, *bytes;
        size_t len;

        rand_seed(&rand, seed);
        for (unsigned i = 0; i < 60; i++)
            random_change(m, &rand);
        assert_int_equal(servers_on_snapshot(m, &bytes, &len), 0);
        assert_int_equal(servers_on_restore(other, m->pool->index, span_from(bytes, len)), 0);
        free(bytes);
        m->revision = m->pool->index; /* a snapshot does not say it */
        is = dump_settled(other);
        should_be = dump_settled(m);
        check_equal(is, should_be, seed);
        free(is);
        free(should_be);
        fixture_stop(m);
        fixture_stop(other);
    }
}

/* Whichever allocation fails: all of it, or nothing. */
static void test_without_memory(void **state)
{
    struct pool_replica a, b;
    struct rand_state rand;
    char *bytes;
    size_t len;
    bool is_over = false;

    (void)state;
    rand_seed(&rand, 7);
    fixture_random_replica(&a, &rand);
    fixture_random_replica(&b, &rand);
    assert_int_equal(pool_replica_encode(&b, &bytes, &len), 0);
    for (unsigned n = 1; !is_over; n++) {
        struct manager *m = begin();
        char *before, *after;
        int rc;

        restore(m, &a);
        before = dump_settled(m);
        fault_set(n);
        rc = servers_on_restore(m, b.state->index, span_from(bytes, len));
        is_over = fault_is_armed();
        fault_set(0);
        after = dump_settled(m);
        if (rc != 0) {
            assert_int_equal(rc, WERR_NOMEM);
            check_equal(after, before, n);
        }
        assert_int_equal(m->pool->digest, rc == 0 ? b.state->digest : a.state->digest);
        free(before);
        free(after);
        fixture_stop(m);
    }
    free(bytes);
    pool_replica_fini(&a);
    pool_replica_fini(&b);
}

/* Damaged bytes leave all as it is. */
static void test_damage(void **state)
{
    struct manager *m = begin();
    char *bytes;
    size_t len;

    (void)state;
    assert_int_equal(fixture_add(m, "{\"url\":\"http://127.0.0.1:1\"}", NULL), 0);
    assert_int_equal(servers_on_snapshot(m, &bytes, &len), 0);
    bytes[len / 2] ^= 1;
    assert_int_equal(servers_on_restore(m, 5, span_from(bytes, len)), WERR_CORRUPT);
    assert_int_equal(m->pool->server_n, 1);
    free(bytes);
    fixture_stop(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_if_begun_with_it),
        cmocka_unit_test(test_as_if_followed),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
