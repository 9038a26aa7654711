/* All servers of a pool at once: added, changed, removed; refused; without memory. */
#include "pool_fixture.h"

#include "base/fault.h"
#include "pool/pool_snapshot.h"

static int make_list(const struct pool_state *s, const char *body, struct pool_command *c)
{
    return pool_code_set_servers_from_json(span_from_str(body), pool_default(s), c, NULL);
}

static int set_list(struct pool_state *s, const char *body, struct pool_change *change)
{
    struct pool_command c;
    assert_int_equal(make_list(s, body, &c), 0);
    int rc = pool_apply(s, &c, s->index + 1, change);
    pool_command_fini(&c);
    assert_true(s->digest == pool_state_digest_recompute(s));
    return rc;
}

#define ONE   "{\"url\":\"http://1.1.1.1\",\"weight\":3}"
#define TWO   "{\"url\":\"http://2.2.2.2\"}"
#define THREE "{\"url\":\"http://3.3.3.3\"}"

static void test_add_change_remove(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_change change;
    uint64_t one = add_server(s, "{\"url\":\"http://1.1.1.1\"}");
    uint64_t two = add_server(s, TWO);
    assert_int_equal(set_list(s, "{\"servers\":[" THREE "," ONE "]}", &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_LIST);
    assert_int_equal(change.list_n, 3);
    assert_int_equal(change.list[0].type, POOL_CHANGE_ADDED);
    assert_true(change.list[0].id == pool_list_id(s->index, 0));
    assert_true(change.list[1].type == POOL_CHANGE_CHANGED && change.list[1].id == one);
    assert_true(change.list[2].type == POOL_CHANGE_REMOVED && change.list[2].id == two);
    assert_true(change.list[2].removed->id == two);
    pool_change_fini(&change);
    assert_int_equal(pool_default(s)->server_n, 2);
    assert_int_equal(s->server_n, 2);
    assert_int_equal(pool_find_server(pool_default(s), one)->weight, 3);
    assert_null(pool_find_server(pool_default(s), two));
    assert_null(pool_find_url(pool_default(s), SPAN("http://2.2.2.2:80")));
    assert_int_equal(set_list(s, "{\"servers\":[" ONE "," THREE "]}", &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_NONE);
    pool_change_fini(&change);
    assert_int_equal(set_list(s, "{\"servers\":[]}", &change), 0);
    assert_int_equal(change.list_n, 2);
    pool_change_fini(&change);
    assert_int_equal(s->server_n, 0);
    pool_state_free(s);
}

/* One that is new comes as it stood, one that is there stays as it stands; who is out is no use
 * to min_active. */
static void test_admin(void **state)
{
    static const char *const lists[] = {
        "{\"servers\":[{\"url\":\"http://1.1.1.1\",\"admin\":\"maintenance\",\"drain_ms\":9},"
        "{\"url\":\"http://2.2.2.2\",\"admin\":\"enabled\",\"drain_ms\":9}]}",
        "{\"servers\":[{\"url\":\"http://1.1.1.1\",\"admin\":\"draining\",\"drain_ms\":8},"
        "{\"url\":\"http://2.2.2.2\",\"admin\":\"draining\"}]}",
    };
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_change change;
    struct pool_command c;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(set_list(s, lists[i], &change), 0);
        assert_int_equal(change.type, i == 0 ? POOL_CHANGE_LIST : POOL_CHANGE_NONE);
        pool_change_fini(&change);
        const struct pool_server *one =
            pool_find_url(pool_default(s), SPAN("http://1.1.1.1:80"));
        const struct pool_server *two =
            pool_find_url(pool_default(s), SPAN("http://2.2.2.2:80"));
        assert_true(one->admin == POOL_ADMIN_MAINTENANCE && one->drain_ms == 9);
        assert_true(two->admin == POOL_ADMIN_ENABLED && two->drain_ms == 0);
    }
    pool_default(s)->min_active = 1;
    assert_int_equal(make_list(s,
                               "{\"servers\":[{\"url\":\"http://3.3.3.3\",\"admin\":"
                               "\"draining\"}]}",
                               &c),
                     0);
    c.has_guard = true;
    assert_int_equal(pool_apply(s, &c, s->index + 1, &change), WERR_GUARD);
    pool_change_fini(&change);
    pool_command_fini(&c);
    pool_state_free(s);
}

/* set_list computes the digest anew: a member that is left behind makes another one. */
static void test_every_member_is_taken_over(void **state)
{
    static const char *const full =
        "{\"servers\":[{\"url\":\"http://1.1.1.1\",\"weight\":3,\"map_host\":true,"
        "\"proxy_protocol\":2,\"max_requests\":7,\"check\":{\"path\":\"/up\"},"
        "\"meta\":{\"a\":\"b\"}}]}";
    static const char *const plain = "{\"servers\":[{\"url\":\"http://1.1.1.1\"}]}";
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_change change;
    uint64_t id = add_server(s, "{\"url\":\"http://1.1.1.1\"}");
    uint64_t digest = s->digest;
    assert_int_equal(set_list(s, full, &change), 0);
    assert_true(change.list_n == 1 && change.list[0].type == POOL_CHANGE_CHANGED);
    pool_change_fini(&change);
    const struct pool_server *server = pool_find_server(pool_default(s), id);
    assert_true(server->weight == 3 && server->map_host && server->proxy_protocol == 2);
    assert_true(server->max_requests == 7 && server->meta_n == 1);
    assert_int_equal(set_list(s, plain, &change), 0);
    pool_change_fini(&change);
    assert_true(s->digest == digest);
    pool_state_free(s);
}

/* Ids above the index of the entry go through a snapshot, and later ones differ from them. */
static void test_ids(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new(), *copy = NULL;
    struct pool_change change;
    assert_int_equal(set_list(s, "{\"servers\":[" ONE "," TWO "," THREE "]}", &change), 0);
    pool_change_fini(&change);
    uint64_t later = add_server(s, "{\"url\":\"http://4.4.4.4\"}");
    const struct pool *p = pool_default(s);
    for (uint32_t i = 1; i < p->server_n; i++)
        assert_true(p->servers[i - 1]->id < p->servers[i]->id);
    assert_non_null(pool_find_server(p, later));
    assert_int_equal(pool_state_copy(s, &copy), 0);
    assert_true(copy->digest == s->digest && copy->server_n == 4);
    pool_state_free(copy);
    pool_state_free(s);
}

static void test_refusals(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    assert_int_equal(make_list(s, "{\"servers\":[" ONE "," TWO "," ONE "]}", &c), 0);
    assert_int_equal(pool_check(s, &c, NULL), WERR_EXISTS);
    assert_int_equal(pool_apply(s, &c, 5, &change), WERR_EXISTS);
    assert_int_equal(s->server_n, 0);
    strcpy(c.pool, "none");
    assert_int_equal(pool_check(s, &c, NULL), WERR_NOT_FOUND);
    pool_command_fini(&c);
    pool_state_free(s);
}

/* Each allocation fails in turn: nothing has changed then. */
static void test_out_of_memory(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    int rc = WERR_NOMEM;
    add_server(s, "{\"url\":\"http://1.1.1.1\",\"meta\":{\"a\":\"b\"}}");
    add_server(s, TWO);
    assert_int_equal(make_list(s, "{\"servers\":[" THREE "," ONE "]}", &c), 0);
    for (unsigned n = 1; rc == WERR_NOMEM; n++) {
        uint64_t before = s->digest;
        fault_set(n);
        rc = pool_apply(s, &c, s->index + 1, &change);
        fault_set(0);
        pool_change_fini(&change);
        assert_true(rc == 0 || (s->digest == before && s->server_n == 2));
        assert_true(s->digest == pool_state_digest_recompute(s));
    }
    assert_int_equal(rc, 0);
    pool_command_fini(&c);
    pool_state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_change_remove),
        cmocka_unit_test(test_every_member_is_taken_over),
        cmocka_unit_test(test_admin),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
