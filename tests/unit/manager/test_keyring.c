#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../cluster/disk_fixture.h"
#include "cluster/data_dir.h"
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
    assert_int_equal(keyring_init(&keyring, loop, &publish, NULL, NULL), 0);
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

/* Of TLS 1.2 come first, the newest before the others; the shared ones behind. */
static unsigned own_n(void)
{
    return (unsigned)(kept(FRAME_TICKETS).len / TLSIO_TICKET_KEY_BYTES) -
           TLSIO_TICKET_SHARED_KEYS;
}

static struct span own_key(unsigned n)
{
    return span_first(span_skip(kept(FRAME_TICKETS), (size_t)n * TLSIO_TICKET_KEY_BYTES),
                      TLSIO_TICKET_KEY_BYTES);
}

/* Of now, of the next period, of the last one, of the one before. */
static struct span shared_key(unsigned n)
{
    return own_key(own_n() + n);
}

static void copy_shared(char *keys)
{
    memcpy(keys, shared_key(0).ptr, TLSIO_TICKET_SHARED_KEYS * TLSIO_TICKET_KEY_BYTES);
}

/* To the moment before the period is over. */
static void pass_to_the_end_of_a_period(void)
{
    const uint64_t period_us = (uint64_t)KEYRING_PERIOD_MS * 1000;

    pass((period_us - loop_wall_us(loop) % period_us) / 1000 - 1);
}

static void keys_are_made_at_the_start(void **state)
{
    static const char zeros[TLSIO_TICKET_KEY_BYTES];

    (void)state;
    assert_int_equal(kept(FRAME_SEAL).len, SEAL_KEY_BYTES);
    assert_int_equal(own_n(), 1);
    assert_true(tlsio_tickets_are_keys(kept(FRAME_TICKETS)));
    assert_memory_not_equal(kept(FRAME_SEAL).ptr, zeros, SEAL_KEY_BYTES);
    for (unsigned i = 0; i < 1 + TLSIO_TICKET_SHARED_KEYS; i++)
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(own_key(i).ptr, own_key(j).ptr, 16);
    assert_memory_not_equal(own_key(0).ptr, zeros, sizeof(zeros));
}

static void tickets_get_a_new_key_every_twelve_hours(void **state)
{
    char first[TLSIO_TICKET_KEY_BYTES], second[TLSIO_TICKET_KEY_BYTES];
    uint64_t seq;

    (void)state;
    memcpy(first, own_key(0).ptr, sizeof(first));
    pass_to_the_end_of_a_period();
    assert_int_equal(own_n(), 1);
    seq = publish.seq;
    pass(3);
    assert_int_equal(publish.seq, seq + 1);
    assert_int_equal(own_n(), 2);
    memcpy(second, own_key(0).ptr, sizeof(second));
    assert_memory_not_equal(second, first, sizeof(first));
    assert_memory_equal(own_key(1).ptr, first, sizeof(first));
    pass(12 * HOUR_MS);
    assert_int_equal(publish.seq, seq + 2);
    assert_int_equal(own_n(), 3);
    assert_memory_equal(own_key(1).ptr, second, sizeof(second));
    assert_memory_equal(own_key(2).ptr, first, sizeof(first));
}

static void the_oldest_of_three_is_forgotten(void **state)
{
    char first[TLSIO_TICKET_KEY_BYTES];

    (void)state;
    memcpy(first, own_key(0).ptr, sizeof(first));
    pass(36 * HOUR_MS + 1);
    assert_int_equal(own_n(), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_memory_not_equal(own_key(i).ptr, first, sizeof(first));
}

/* What makes tickets now opens them for two periods more, and did so in the one before. */
static void shared_keys_go_on_with_the_clock(void **state)
{
    enum { ONE = TLSIO_TICKET_KEY_BYTES };
    char before[TLSIO_TICKET_SHARED_KEYS * ONE];

    (void)state;
    copy_shared(before);
    pass_to_the_end_of_a_period();
    assert_memory_equal(shared_key(0).ptr, before, sizeof(before));
    pass(3);
    assert_memory_equal(shared_key(0).ptr, before + ONE, ONE); /* the next of then */
    assert_memory_equal(shared_key(2).ptr, before, ONE);
    assert_memory_equal(shared_key(3).ptr, before + (size_t)2 * ONE, ONE);
    pass(12 * HOUR_MS);
    assert_memory_equal(shared_key(3).ptr, before, ONE);
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

/* ---- the cluster's key ---- */

struct node {
    struct disk disk;
    struct data_dir dir;
    struct keyring keyring;
};

static int open_node(struct node *n)
{
    assert_int_equal(data_dir_open(&n->dir, n->disk.path, disk_wrong(&n->disk)), 0);
    return keyring_init(&n->keyring, loop, &publish, &n->dir, NULL);
}

static void make_node(struct node *n)
{
    *n = (struct node){0};
    disk_make(&n->disk);
    assert_int_equal(open_node(n), 0);
    assert_int_equal(data_dir_settle(&n->dir, disk_wrong(&n->disk)), 0);
}

static void close_node(struct node *n)
{
    keyring_fini(&n->keyring);
    data_dir_close(&n->dir);
}

static void remove_node(struct node *n)
{
    close_node(n);
    disk_remove(&n->disk);
}

static char *closed_by(struct node *n)
{
    char *text;

    assert_int_equal(keyring_close(&n->keyring, SPAN("secret"), &text), 0);
    return text;
}

static int open_at(struct node *n, const char *text)
{
    struct seal_opened opened;
    const int rc = seal_open(n->keyring.seal, span_from_str(text), &opened);

    if (rc == 0)
        assert_string_equal(opened.ptr, "secret");
    seal_opened_free(&opened);
    return rc;
}

/* So a restart ends no session of TLS 1.3 either. */
static void a_directory_keeps_the_key(void **state)
{
    char shared[TLSIO_TICKET_SHARED_KEYS * TLSIO_TICKET_KEY_BYTES];
    struct node n;

    (void)state;
    make_node(&n);
    char *text = closed_by(&n);
    copy_shared(shared);
    close_node(&n);
    assert_int_equal(open_node(&n), 0);
    assert_int_equal(open_at(&n, text), 0);
    assert_memory_equal(shared_key(0).ptr, shared, sizeof(shared));
    free(text);
    remove_node(&n);
}

/* The node's own key, which no other node has, closes the file alone. */
static void it_is_not_the_node_s_own(void **state)
{
    struct node n;
    size_t len;
    char hex[2 * SEAL_KEY_BYTES + 1];

    (void)state;
    make_node(&n);
    for (unsigned i = 0; i < SEAL_KEY_BYTES; i++)
        (void)snprintf(hex + (size_t)2 * i, 3, "%02x", n.keyring.seal[i]);
    uint8_t *line = disk_get(n.dir.fd, "node.key", &len);
    assert_null(memmem(line, len, hex, sizeof(hex) - 1));
    free(line);
    remove_node(&n);
}

static void a_key_that_cant_be_read_ends_the_start(void **state)
{
    struct node n;

    (void)state;
    make_node(&n);
    close_node(&n);
    disk_flip(n.disk.fd, "member", 20);
    assert_int_equal(open_node(&n), WERR_CORRUPT);
    assert_null(n.keyring.seal);
    data_dir_close(&n.dir);
    assert_int_equal(unlinkat(n.disk.fd, "member", 0), 0);
    assert_int_equal(open_node(&n), WERR_CORRUPT);
    remove_node(&n);
}

/* As a node does that joins: the place stays, for others look there. */
static void the_key_of_another_cluster_is_taken(void **state)
{
    char of_other[TLSIO_TICKET_SHARED_KEYS * TLSIO_TICKET_KEY_BYTES];
    char own_of_other[TLSIO_TICKET_KEY_BYTES];
    struct node n, other;

    (void)state;
    make_node(&n);
    make_node(&other);
    copy_shared(of_other);
    memcpy(own_of_other, own_key(0).ptr, sizeof(own_of_other));
    char *text = closed_by(&other);
    const unsigned char *before = n.keyring.seal;
    assert_int_equal(open_at(&n, text), WERR_SYNTAX);
    const uint64_t seq = publish.seq;

    keyring_take(&n.keyring, other.keyring.seal);
    assert_ptr_equal(n.keyring.seal, before);
    assert_int_equal(open_at(&n, text), 0);
    assert_true(publish.seq > seq);
    assert_memory_equal(kept(FRAME_SEAL).ptr, other.keyring.seal, SEAL_KEY_BYTES);
    assert_memory_equal(shared_key(0).ptr, of_other, sizeof(of_other));
    assert_memory_not_equal(own_key(0).ptr, own_of_other, sizeof(own_of_other));
    free(text);
    text = closed_by(&n);
    assert_int_equal(open_at(&other, text), 0);
    free(text);
    remove_node(&n);
    remove_node(&other);
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
        TEST(shared_keys_go_on_with_the_clock),
        TEST(the_seal_key_stays),
        TEST(what_is_closed_opens_with_the_published_key),
        TEST(a_directory_keeps_the_key),
        TEST(it_is_not_the_node_s_own),
        TEST(a_key_that_cant_be_read_ends_the_start),
        TEST(the_key_of_another_cluster_is_taken),
        TEST(what_is_too_long_is_not_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
