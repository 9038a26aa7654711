#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "manager/listeners_health.h"
#include "net/listen.h"
#include "pool/pool_code.h"

/* Which addresses of listeners clients can't reach. */

static struct manager *m;

static int setup(void **state)
{
    (void)state;
    m = fixture_start(ENGINE_SOLO, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close_listeners(m);
    fixture_stop(m);
    return 0;
}

/* As if it came from another node: nobody has tried the addresses here before. */
static void add(const char *name, const struct addr *a, const struct addr *b)
{
    struct pool_command c;
    struct pool_outcome outcome;

    pool_command_init(&c, POOL_ADD_LISTENER);
    (void)strcpy(c.listener, name);
    c.set = POOL_SET_ADDRESSES;
    c.wanted.addresses[0] = *a;
    c.wanted.addresses[1] = *b;
    c.wanted.address_n = 2;
    assert_int_equal(fixture_change(m, &c, &outcome), 0);
    pool_command_fini(&c);
}

static struct addr at(const char *text)
{
    struct addr a = {0};

    assert_int_equal(addr_from_text(span_from_str(text), &a), 0);
    return a;
}

static void test_failed_lost_and_back(void **state)
{
    const struct addr loopback = at("127.0.0.1:0"), nowhere = at("192.0.2.1:80");
    struct listeners_missing missing[4];
    struct addr taken, bound;
    struct listening *l;
    unsigned of = 9;
    const int fd = listen_open(&loopback, false, false, &taken);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(listeners_find_missing(m, missing, 4, &of), 0);
    assert_int_equal(of, 0);
    add("two", &taken, &loopback);
    assert_int_equal(listeners_find_missing(m, missing, 4, &of), 1);
    assert_int_equal(of, 2);
    assert_string_equal(missing[0].listener, "two");
    assert_true(addr_is_equal(&missing[0].address, &taken));
    assert_string_equal(missing[0].state, "failed");
    assert_string_equal(missing[0].reason, "address in use");
    (void)close(fd);

    l = listening_find(&m->supervisor.listenings, SPAN("two"), &loopback);
    bound = l->bound;
    l->bound = nowhere;
    m->listeners->looked_ms = 0;
    listeners_look(m);
    assert_int_equal(listeners_find_missing(m, missing, 4, &of), 2);
    assert_string_equal(missing[1].state, "lost");
    assert_string_equal(listening_word(l), "lost");
    l->bound = bound;
    listeners_look(m); /* too soon */
    assert_true(l->is_lost);
    m->listeners->looked_ms = 0;
    listeners_look(m);
    assert_string_equal(listening_word(l), "open");
    assert_null(listening_reason(l));
    assert_int_equal(listeners_find_missing(m, missing, 0, &of), 1);
}

static void add_vip(const char *address)
{
    struct pool_command c;
    struct pool_error error;

    assert_int_equal(
        pool_code_add_vip_from_json(SPAN("{}"), span_from_str(address), &c, &error), 0);
    assert_int_equal(fixture_change(m, &c, NULL), 0);
    pool_command_fini(&c);
}

/* A VIP is bound, and counts as there, whichever node has it; also by a listener that was
 * described before it, once it is tried again. */
static void test_vips_count_as_there(void **state)
{
    const struct addr loopback = at("127.0.0.1:0");
    struct addr vip = at("198.51.100.1:1"), later = at("198.51.100.2:1"), taken;
    struct listeners_missing missing[4];
    unsigned of = 9;
    const int fd = listen_open(&loopback, false, false, &taken);

    (void)state;
    assert_true(fd >= 0);
    vip.port = later.port = taken.port; /* nobody else's on all addresses */
    add_vip("198.51.100.1");
    add("early", &vip, &later);
    assert_int_equal(listeners_find_missing(m, missing, 4, &of), 1);
    assert_int_equal(of, 2);
    assert_true(addr_is_equal(&missing[0].address, &later));
    assert_string_equal(missing[0].state, "failed");
    assert_string_equal(missing[0].reason, "address not available");
    add_vip("198.51.100.2");
    listeners_follow(m, "early", listener_find(m->pool, SPAN("early")));
    assert_int_equal(listeners_find_missing(m, missing, 4, &of), 0);
    m->listeners->looked_ms = 0;
    listeners_look(m);
    assert_int_equal(listeners_find_missing(m, missing, 4, &of), 0);
    (void)close(fd);
}

static void test_addresses_of_this_host(void **state)
{
    const struct addr any = at("*:80"), v4 = at("0.0.0.0:80"), local = at("127.0.0.1:80"),
                      nowhere = at("192.0.2.1:80");

    (void)state;
    assert_true(listen_has_address(&any) && listen_has_address(&v4));
    assert_true(listen_has_address(&local));
    assert_false(listen_has_address(&nowhere));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_failed_lost_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vips_count_as_there, setup, teardown),
        cmocka_unit_test(test_addresses_of_this_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
