#include "../base/cm.h"
#include "../net/tls_identity.h"
#include "base/fault.h"
#include "net/tlsio_sessions.h"
#include "pool/pool.h"
#include "wire/frame.h"
#include "worker/addr_set.h"
#include "worker/origin_tls.h"

struct world {
    struct identity authority;
    struct authorities machine;
    struct pool pool;
    struct origin_tls tls;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    assert_int_equal(tlsio_start(), 0);
    identity_make(&w->authority,
                  &(struct identity_wish){KEY_P256, "authority", NULL, -DAY_S, DAY_S});
    w->pool.tls_settings.verify = true;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    origin_tls_fini(&w->tls);
    authorities_fini(&w->machine);
    identity_free(&w->authority);
    free(w);
    return 0;
}

static struct origin_tls_source source_of(struct world *w)
{
    return (struct origin_tls_source){&w->pool, &w->machine, 0};
}

static int follow(struct world *w)
{
    const struct origin_tls_source source = source_of(w);

    return origin_tls_follow(&w->tls, &source);
}

static int make(struct world *w)
{
    const struct origin_tls_source source = source_of(w);

    return origin_tls_make(&w->tls, &source, NULL);
}

static void use_authorities(struct world *w)
{
    assert_int_equal(authorities_set(&w->machine, span_from_str(w->authority.chain)), 0);
}

static void test_nobody_to_believe(void **state)
{
    struct world *w = *state;

    assert_int_equal(follow(w), 1);
    assert_int_equal(make(w), WERR_UNTRUSTED);
    w->pool.tls_settings.verify = false;
    assert_int_equal(follow(w), 1);
    assert_int_equal(make(w), 0);
    assert_non_null(w->tls.context);
}

static void test_what_can_not_be_read_is_not_believed(void **state)
{
    struct world *w = *state;

    assert_int_equal(authorities_set(&w->machine, SPAN("no certificate")), 0);
    assert_int_equal(follow(w), 1);
    assert_int_equal(make(w), WERR_UNTRUSTED);
    assert_null(w->tls.context);
}

/* Pools that believe the machine's share what was read of it. */
static void test_authorities_are_read_once(void **state)
{
    struct world *w = *state;
    struct origin_tls other = {0};
    const struct origin_tls_source source = source_of(w);

    use_authorities(w);
    assert_int_equal(follow(w), 1);
    assert_int_equal(make(w), 0);
    const struct tlsio_context *read = w->machine.read;
    assert_non_null(read);
    assert_int_equal(origin_tls_follow(&other, &source), 1);
    assert_int_equal(origin_tls_make(&other, &source, NULL), 0);
    assert_ptr_equal(w->machine.read, read);
    origin_tls_fini(&other);
    use_authorities(w);
    assert_null(w->machine.read);
}

/* A change, and nothing else, ends what was made. */
static void test_follows_changes(void **state)
{
    struct world *w = *state;
    char name[] = "app.test";

    use_authorities(w);
    assert_int_equal(follow(w), 1);
    assert_int_equal(make(w), 0);
    assert_int_equal(follow(w), 0);
    assert_non_null(w->tls.context);
    assert_int_equal(w->tls.version, 1);

    w->pool.tls.server_name = name;
    assert_int_equal(follow(w), 1);
    assert_null(w->tls.context);
    assert_string_equal(w->tls.server_name, name);
    assert_int_equal(w->tls.version, 2);

    use_authorities(w);
    assert_int_equal(follow(w), 1);
    w->pool.tls.ca = w->authority.chain; /* the machine's play no part now */
    assert_int_equal(follow(w), 1);
    use_authorities(w);
    assert_int_equal(follow(w), 0);
    assert_int_equal(make(w), 0);

    const struct origin_tls_source shows = {&w->pool, &w->machine, 4711};
    assert_int_equal(origin_tls_follow(&w->tls, &shows), 1);
}

static void test_no_memory_changes_nothing(void **state)
{
    struct world *w = *state;
    char name[] = "app.test";

    use_authorities(w);
    assert_int_equal(follow(w), 1);
    w->pool.tls.server_name = name;
    fault_set(1);
    assert_int_equal(follow(w), WERR_NOMEM);
    assert_null(w->tls.server_name);
    fault_set(1);
    assert_int_equal(authorities_set(&w->machine, SPAN("another")), WERR_NOMEM);
    fault_set(0);
    assert_int_equal(w->machine.version, 1);
    assert_int_equal(follow(w), 1);
}

/* Sessions are of an address: those that stay keep theirs, until the trust changes. */
static void test_sessions_of_addresses(void **state)
{
    const struct addr one = {.family = AF_INET, .port = 443, .ip = {10, 0, 0, 1}};
    struct frame_addrs found = {.n = 2, .addrs = {one, one}};
    struct addr_set *set = NULL;

    (void)state;
    assert_int_equal(addr_set_one(&set, &one), 0);
    struct tlsio_sessions *sessions = addr_set_sessions(set, &one);
    assert_non_null(sessions);
    assert_ptr_equal(addr_set_sessions(set, &one), sessions);
    found.addrs[1].ip[3] = 2;
    assert_int_equal(addr_set_replace(&set, &found), 0);
    assert_ptr_equal(addr_set_sessions(set, &one), sessions);
    assert_ptr_not_equal(addr_set_sessions(set, &found.addrs[1]), sessions);

    (void)tlsio_sessions_get(sessions);
    addr_set_forget_sessions(set);
    assert_ptr_not_equal(addr_set_sessions(set, &one), sessions);
    tlsio_sessions_put(sessions);
    found.addrs[1].ip[3] = 3;
    assert_int_equal(addr_set_one(&set, &found.addrs[1]), 0);
    assert_null(addr_set_sessions(set, &one));
    addr_set_free(set);
    addr_set_free(NULL);
    addr_set_forget_sessions(NULL);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(test_nobody_to_believe),         WITH(test_what_can_not_be_read_is_not_believed),
        WITH(test_authorities_are_read_once), WITH(test_follows_changes),
        WITH(test_no_memory_changes_nothing), cmocka_unit_test(test_sessions_of_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
