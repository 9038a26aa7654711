#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manager/keyring.h"
#include "manager/publish.h"
#include "net/loop_sim.h"
#include "pool/pool_apply.h"

/* Keys by chance, on a clock that jumps. Nobody runs: what would go to workers is what publish
 * keeps for those that are started. */

enum { HOUR_MS = 60 * 60 * 1000 };

static struct loop *loop;
static struct supervisor supervisor;
static struct publish publish;
static struct facts facts;
static struct pool_state *pool;
static struct keyring keyring;

static int setup(void **state)
{
    (void)state;
    loop = loop_sim_new(1, NULL);
    pool = pool_state_new();
    assert_true(loop != NULL && pool != NULL);
    supervisor.slots.loop = loop;
    facts_init(&facts);
    publish_init(&publish, &supervisor, &facts, pool);
    assert_int_equal(keyring_init(&keyring, loop, &publish, NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    keyring_fini(&keyring);
    publish_fini(&publish);
    facts_fini(&facts);
    pool_state_free(pool);
    loop_free(loop);
    return 0;
}

static void on_time(struct timer *t)
{
    (void)t;
    loop_stop(loop);
}

static void pass(uint64_t ms)
{
    struct timer t;

    timer_init(&t, on_time);
    loop_timer_in(loop, &t, ms);
    loop_run(loop);
}

static struct span kept(uint16_t type)
{
    return publish.kept[type - FRAME_SEAL];
}

static struct span ticket_key(unsigned n)
{
    return span_first(span_skip(kept(FRAME_TICKETS), (size_t)n * TLSIO_TICKET_KEY_BYTES),
                      TLSIO_TICKET_KEY_BYTES);
}

static void keys_are_made_at_the_start(void **state)
{
    static const char zeros[TLSIO_TICKET_KEY_BYTES];

    (void)state;
    assert_int_equal(kept(FRAME_SEAL).len, SEAL_KEY_BYTES);
    assert_int_equal(kept(FRAME_TICKETS).len, TLSIO_TICKET_KEY_BYTES);
    assert_memory_not_equal(kept(FRAME_SEAL).ptr, zeros, SEAL_KEY_BYTES);
    assert_memory_not_equal(ticket_key(0).ptr, zeros, sizeof(zeros));
}

static void tickets_get_a_new_key_every_twelve_hours(void **state)
{
    char first[TLSIO_TICKET_KEY_BYTES], second[TLSIO_TICKET_KEY_BYTES];
    uint64_t seq;

    (void)state;
    memcpy(first, ticket_key(0).ptr, sizeof(first));
    pass(12 * HOUR_MS - 1);
    assert_int_equal(kept(FRAME_TICKETS).len, TLSIO_TICKET_KEY_BYTES);
    seq = publish.seq;
    pass(2);
    assert_int_equal(publish.seq, seq + 1);
    assert_int_equal(kept(FRAME_TICKETS).len, 2 * TLSIO_TICKET_KEY_BYTES);
    memcpy(second, ticket_key(0).ptr, sizeof(second));
    assert_memory_not_equal(second, first, sizeof(first));
    assert_memory_equal(ticket_key(1).ptr, first, sizeof(first));
    pass(12 * HOUR_MS);
    assert_int_equal(kept(FRAME_TICKETS).len, 3 * TLSIO_TICKET_KEY_BYTES);
    assert_memory_equal(ticket_key(1).ptr, second, sizeof(second));
    assert_memory_equal(ticket_key(2).ptr, first, sizeof(first));
}

static void the_oldest_of_three_is_forgotten(void **state)
{
    char first[TLSIO_TICKET_KEY_BYTES];

    (void)state;
    memcpy(first, ticket_key(0).ptr, sizeof(first));
    pass(36 * HOUR_MS + 1);
    assert_int_equal(kept(FRAME_TICKETS).len, 3 * TLSIO_TICKET_KEY_BYTES);
    for (unsigned i = 0; i < 3; i++)
        assert_memory_not_equal(ticket_key(i).ptr, first, sizeof(first));
}

static void the_seal_key_stays(void **state)
{
    char before[SEAL_KEY_BYTES];

    (void)state;
    memcpy(before, kept(FRAME_SEAL).ptr, sizeof(before));
    pass(25 * HOUR_MS);
    assert_memory_equal(kept(FRAME_SEAL).ptr, before, sizeof(before));
}

static void what_is_closed_opens_with_the_published_key(void **state)
{
    const struct span plain = SPAN("-----BEGIN PRIVATE KEY-----");
    struct seal_opened opened;
    char *one, *two;

    (void)state;
    assert_int_equal(keyring_close(&keyring, plain, &one), 0);
    assert_int_equal(keyring_close(&keyring, plain, &two), 0);
    assert_string_not_equal(one, two); /* a nonce is used once */
    assert_null(strstr(one, "PRIVATE"));
    assert_int_equal(
        seal_open((const unsigned char *)kept(FRAME_SEAL).ptr, span_from_str(two), &opened), 0);
    assert_int_equal(opened.len, plain.len);
    assert_memory_equal(opened.ptr, plain.ptr, plain.len);
    seal_opened_free(&opened);
    assert_true(keyring_opens(&keyring, one));
    one[strlen(one) / 2] ^= 1; /* as of another key */
    assert_false(keyring_opens(&keyring, one));
    free(one);
    free(two);
}

static void what_is_too_long_is_not_closed(void **state)
{
    char *closed, *text = calloc(1, SEAL_PLAIN_MAX + 1);

    (void)state;
    assert_non_null(text);
    assert_int_equal(keyring_close(&keyring, span_from(text, SEAL_PLAIN_MAX + 1), &closed),
                     WERR_TOO_BIG);
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(keys_are_made_at_the_start),
        TEST(tickets_get_a_new_key_every_twelve_hours),
        TEST(the_oldest_of_three_is_forgotten),
        TEST(the_seal_key_stays),
        TEST(what_is_closed_opens_with_the_published_key),
        TEST(what_is_too_long_is_not_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
