/* Which certificates a handshake gets, and when they are opened. */
#include "lone_worker.h"

#include "../net/tls_identity.h"
#include "base/seal.h"
#include "pool/certificate.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"
#include "worker/certificates.h"

static const unsigned char seal_key[SEAL_KEY_BYTES] = {1, 2, 3};
static const unsigned char other_key[SEAL_KEY_BYTES] = {9};

static const struct certificate_set all_of_them = {.has_all = true};

/* Made once: a key of RSA takes its time. */
static struct {
    struct identity authority, ec, rsa;
} made;

static int make_all(void **state)
{
    (void)state;
    assert_int_equal(tlsio_start(), 0);
    identity_make(&made.authority,
                  &(struct identity_wish){KEY_P256, "authority", NULL, -DAY_S, DAY_S});
    identity_make(&made.ec,
                  &(struct identity_wish){KEY_P256, "ec", &made.authority, -DAY_S, DAY_S});
    identity_make(&made.rsa,
                  &(struct identity_wish){KEY_RSA, "rsa", &made.authority, -DAY_S, DAY_S});
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    identity_free(&made.authority);
    identity_free(&made.ec);
    identity_free(&made.rsa);
    return 0;
}

static struct span key_span(const unsigned char *key)
{
    return span_from((const char *)key, SEAL_KEY_BYTES);
}

static void open_worker(struct lone_worker *l)
{
    lone_worker_init(l);
    assert_int_equal(lone_worker_take_snapshot(l), 0);
    assert_int_equal(certificates_set_seal(&l->worker, key_span(seal_key)), 0);
}

/* Times are of the loop, which begins its wall clock somewhere: now is known here. */
struct wish {
    const char *name, *names[3];
    bool is_rsa;
    long ends_s; /* from now; 0: a day */
};

static void fill(const struct lone_worker *l, struct pool_command *c, const struct wish *wish)
{
    static unsigned char nonce[SEAL_NONCE_BYTES];
    const struct identity *id = wish->is_rsa ? &made.rsa : &made.ec;
    const int64_t now_s = (int64_t)(loop_wall_us(l->loop) / 1000000);
    struct certificate *k = &c->certificate;
    char text[80];

    nonce[0]++;
    k->name = strdup(wish->name);
    k->chain = strdup(id->chain);
    k->key = seal_close(seal_key, nonce, span_from_str(id->secret));
    k->facts.names = calloc(3, sizeof(char *));
    for (unsigned i = 0; i < 3 && wish->names[i] != NULL; i++)
        k->facts.names[k->facts.name_n++] = strdup(wish->names[i]);
    k->facts.subject = strdup("CN=x");
    k->facts.issuer = strdup("CN=y");
    k->facts.serial = strdup("01");
    snprintf(text, sizeof(text), "%064x", nonce[0]);
    k->facts.fingerprint = strdup(text);
    k->facts.not_before_s = now_s - DAY_S;
    k->facts.not_after_s = now_s + (wish->ends_s != 0 ? wish->ends_s : DAY_S);
    k->facts.key_type = wish->is_rsa ? CERTIFICATE_RSA : CERTIFICATE_ECDSA;
    k->facts.key_bits = wish->is_rsa ? 2048 : 256;
}

/* In both copies, as the manager does it; the command goes. */
static int tell(struct lone_worker *l, struct pool_command *c)
{
    struct pool_change change;
    char *bytes;
    size_t n;
    const uint64_t index = l->pool->index + 1;

    assert_int_equal(pool_code_encode(c, &bytes, &n), 0);
    assert_int_equal(pool_apply(l->pool, c, index, &change), 0);
    const int rc = worker_apply(&l->worker, index, span_from(bytes, n));

    pool_change_fini(&change);
    pool_command_fini(c);
    free(bytes);
    return rc;
}

static uint64_t add(struct lone_worker *l, const struct wish *wish)
{
    struct pool_command c;

    pool_command_init(&c, POOL_ADD_CERTIFICATE);
    fill(l, &c, wish);
    assert_int_equal(tell(l, &c), 0);
    return l->pool->index;
}

static void set(struct lone_worker *l, uint64_t id, const struct wish *wish)
{
    struct pool_command c;

    pool_command_init(&c, POOL_SET_CERTIFICATE);
    fill(l, &c, wish);
    free(c.certificate.name);
    c.certificate.name = NULL;
    c.certificate_id = id;
    assert_int_equal(tell(l, &c), 0);
}

static void drop(struct lone_worker *l, uint64_t id)
{
    struct pool_command c;

    pool_command_init(&c, POOL_REMOVE_CERTIFICATE);
    c.certificate_id = id;
    assert_int_equal(tell(l, &c), 0);
}

static struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX];

static int choose(struct lone_worker *l, const char *name)
{
    chosen[0] = chosen[1] = NULL;
    return certificates_choose(&l->worker, &all_of_them, span_from_str(name), chosen);
}

static struct tlsio_identity *only(struct lone_worker *l, const char *name)
{
    assert_int_equal(choose(l, name), 1);
    assert_non_null(chosen[0]);
    return chosen[0];
}

/* A manager of before took any base64 for a response. */
static void test_a_bad_staple_costs_no_certificate(void **state)
{
    static const char *const staples[] = {"AB==", "AAAA", "no base64"};

    (void)state;
    for (size_t i = 0; i < sizeof(staples) / sizeof(staples[0]); i++) {
        struct pool_command c;
        struct lone_worker l;

        open_worker(&l);
        pool_command_init(&c, POOL_ADD_CERTIFICATE);
        fill(&l, &c, &(struct wish){"a", {"a.example"}, false, 0});
        c.certificate.staple = strdup(staples[i]);
        assert_int_equal(tell(&l, &c), 0);
        assert_ptr_equal(only(&l, "a.example"),
                         certificates_identity(&l.worker, l.pool->index));
        assert_false(certificates_is_bad(&l.worker, l.pool->index));
        lone_worker_fini(&l);
    }
}

static void test_names(void **state)
{
    struct lone_worker l;

    (void)state;
    open_worker(&l);
    const uint64_t a = add(&l, &(struct wish){"a", {"a.example", "*.a.example"}, false, 0});
    const uint64_t b = add(&l, &(struct wish){"b", {"b.a.example", "10.0.0.1"}, false, 0});
    struct tlsio_identity *of_a = certificates_identity(&l.worker, a);
    struct tlsio_identity *of_b = certificates_identity(&l.worker, b);

    assert_ptr_equal(only(&l, "a.example"), of_a);
    assert_ptr_equal(only(&l, "x.a.example"), of_a);
    assert_ptr_equal(only(&l, "b.a.example"), of_b);  /* before the wildcard */
    assert_int_equal(choose(&l, "x.y.a.example"), 0); /* one label alone */
    assert_int_equal(choose(&l, ".a.example"), 0);
    assert_int_equal(choose(&l, "example"), 0);
    assert_int_equal(choose(&l, "*"), 0);
    assert_int_equal(choose(&l, "A.example"), 0); /* asked in small letters */
    drop(&l, b);
    assert_ptr_equal(only(&l, "b.a.example"), of_a);
    drop(&l, a);
    assert_int_equal(choose(&l, "a.example"), 0);
    assert_null(l.worker.certificates.names);
    lone_worker_fini(&l);
}

static void test_both_kinds_of_keys(void **state)
{
    struct lone_worker l;

    (void)state;
    open_worker(&l);
    const uint64_t ec = add(&l, &(struct wish){"ec", {"a.example"}, false, 0});
    const uint64_t rsa = add(&l, &(struct wish){"rsa", {"a.example", "b.example"}, true, 0});

    assert_int_equal(choose(&l, "a.example"), 2);
    assert_ptr_equal(chosen[0], certificates_identity(&l.worker, ec));
    assert_ptr_equal(chosen[1], certificates_identity(&l.worker, rsa));
    assert_ptr_equal(only(&l, "b.example"), chosen[1]);
    assert_int_equal(certificates_choose_beside(&l.worker, &all_of_them, rsa, chosen), 2);
    assert_ptr_equal(chosen[0], certificates_identity(&l.worker, rsa));
    assert_int_equal(certificates_choose_beside(&l.worker, &all_of_them, 99, chosen), 0);
    lone_worker_fini(&l);
}

/* What a listener names is all that it shows. */
static void test_sets(void **state)
{
    struct lone_worker l;

    (void)state;
    open_worker(&l);
    const uint64_t exact = add(&l, &(struct wish){"exact", {"x.example"}, false, 0});
    uint64_t wild = add(&l, &(struct wish){"wild", {"*.example"}, false, 0});
    const struct certificate_set set = {.n = 1, .ids = &wild};

    assert_int_equal(certificates_choose(&l.worker, &set, SPAN("x.example"), chosen), 1);
    assert_ptr_equal(chosen[0], certificates_identity(&l.worker, wild));
    assert_int_equal(certificates_choose_beside(&l.worker, &set, exact, chosen), 0);
    assert_ptr_equal(only(&l, "x.example"), certificates_identity(&l.worker, exact));
    lone_worker_fini(&l);
}

static void test_the_one_that_lasts(void **state)
{
    struct lone_worker l;

    (void)state;
    open_worker(&l);
    const uint64_t longer = add(&l, &(struct wish){"longer", {"a.example"}, false, 9 * DAY_S});
    const uint64_t gone = add(&l, &(struct wish){"gone", {"a.example"}, false, -5});

    assert_ptr_equal(only(&l, "a.example"), certificates_identity(&l.worker, longer));
    (void)add(&l, &(struct wish){"shorter", {"a.example"}, false, 3 * DAY_S});
    assert_ptr_equal(only(&l, "a.example"), certificates_identity(&l.worker, longer));
    const uint64_t newer = add(&l, &(struct wish){"newer", {"a.example"}, false, 9 * DAY_S});
    assert_ptr_equal(only(&l, "a.example"), certificates_identity(&l.worker, newer));
    set(&l, newer, &(struct wish){"newer", {"b.example"}, false, 9 * DAY_S});
    drop(&l, longer);
    drop(&l, newer);
    assert_int_equal(choose(&l, "b.example"), 0);
    assert_ptr_not_equal(only(&l, "a.example"), certificates_identity(&l.worker, gone));
    lone_worker_fini(&l);
}

/* An outdated one is not shown beside a valid one of the other kind of key, which a client
 * might not take; nor before a valid one for the wildcard. Of outdated ones alone all are
 * shown. */
static void test_outdated_ones(void **state)
{
    (void)state;
    for (int is_rsa = 0; is_rsa < 2; is_rsa++) {
        struct lone_worker l;

        open_worker(&l);
        const uint64_t gone = add(&l, &(struct wish){"gone", {"a.b"}, is_rsa == 1, -5});
        const uint64_t wild = add(&l, &(struct wish){"wild", {"*.b"}, is_rsa == 1, 0});

        assert_ptr_equal(only(&l, "a.b"), certificates_identity(&l.worker, wild));
        const uint64_t good = add(&l, &(struct wish){"good", {"a.b"}, is_rsa == 0, 0});
        struct tlsio_identity *of_good = certificates_identity(&l.worker, good);

        assert_ptr_equal(only(&l, "a.b"), of_good);
        for (int i = 0; i < 2; i++) {
            const uint64_t id = i == 0 ? gone : good;

            assert_int_equal(certificates_choose_beside(&l.worker, &all_of_them, id, chosen),
                             1);
            assert_ptr_equal(chosen[0], of_good);
        }
        drop(&l, wild);
        set(&l, good, &(struct wish){"good", {"a.b"}, is_rsa == 0, -9});
        assert_int_equal(choose(&l, "a.b"), 2);
        assert_int_equal(certificates_choose_beside(&l.worker, &all_of_them, gone, chosen), 2);
        lone_worker_fini(&l);
    }
}

/* Want of memory is no unknown name. */
static void test_no_memory_to_open(void **state)
{
    struct lone_worker l;

    (void)state;
    open_worker(&l);
    const uint64_t id = add(&l, &(struct wish){"a", {"a.example"}, false, 0});

    for (int beside = 0; beside < 2; beside++) {
        fault_set(1);
        const int n = beside ? certificates_choose_beside(&l.worker, &all_of_them, id, chosen)
                             : choose(&l, "a.example");

        fault_set(0);
        assert_int_equal(n, WERR_NOMEM);
    }
    assert_non_null(only(&l, "a.example"));
    lone_worker_fini(&l);
}

/* Opened at the first use, kept until it changes; a snapshot that says the same changes
 * nothing. */
static void test_opened_once(void **state)
{
    struct lone_worker l;

    (void)state;
    open_worker(&l);
    const uint64_t id = add(&l, &(struct wish){"a", {"a.example"}, false, 0});
    struct tlsio_identity *before = tlsio_identity_get(only(&l, "a.example"));

    assert_int_equal(lone_worker_take_snapshot(&l), 0);
    assert_ptr_equal(only(&l, "a.example"), before);
    set(&l, id, &(struct wish){"a", {"a.example", "b.example"}, true, 0});
    assert_ptr_not_equal(only(&l, "a.example"), before);
    assert_ptr_equal(only(&l, "b.example"), certificates_identity(&l.worker, id));
    tlsio_identity_put(before);
    lone_worker_fini(&l);
}

static void test_one_that_cannot_be_opened(void **state)
{
    struct lone_worker l;
    const uint64_t *unusable;

    (void)state;
    open_worker(&l);
    unusable = &l.stats->value[STATS_certificates_unusable];
    assert_int_equal(certificates_set_seal(&l.worker, key_span(other_key)), 0);
    const uint64_t id = add(&l, &(struct wish){"a", {"a.example"}, false, 9 * DAY_S});

    assert_int_equal(choose(&l, "a.example"), 0);
    assert_int_equal(choose(&l, "a.example"), 0);
    assert_null(certificates_identity(&l.worker, id));
    assert_int_equal(*unusable, 1);
    assert_int_equal(certificates_set_seal(&l.worker, key_span(seal_key)), 0);
    assert_non_null(only(&l, "a.example"));
    assert_int_equal(certificates_set_seal(&l.worker, SPAN("short")), WERR_CORRUPT);

    /* Another one of that name is shown instead. */
    const uint64_t good = add(&l, &(struct wish){"b", {"a.example"}, false, 0});
    struct tlsio_identity *of_good = certificates_identity(&l.worker, good);
    assert_int_equal(certificates_set_seal(&l.worker, key_span(other_key)), 0);
    set(&l, id, &(struct wish){"a", {"a.example"}, false, 9 * DAY_S});
    assert_ptr_equal(only(&l, "a.example"), of_good);
    assert_int_equal(*unusable, 2);
    lone_worker_fini(&l);
}

static void test_without_a_key(void **state)
{
    struct lone_worker l;

    (void)state;
    lone_worker_init(&l);
    assert_int_equal(lone_worker_take_snapshot(&l), 0);
    (void)add(&l, &(struct wish){"a", {"a.example"}, false, 0});
    assert_int_equal(choose(&l, "a.example"), 0);
    lone_worker_fini(&l);
}

/* Short of memory at any place: a snapshot makes it good. */
static void test_no_memory(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 1000; at++) {
        struct lone_worker l;
        bool was_armed;

        open_worker(&l);
        (void)add(&l, &(struct wish){"a", {"a.example", "*.example", "c.example"}, false, 0});
        fault_set(at);
        int rc = lone_worker_take_snapshot(&l);
        const int n = choose(&l, "a.example");
        was_armed = fault_is_armed();
        fault_set(0);
        assert_true(rc == 0 || rc == WERR_NOMEM);
        assert_true(n == 1 || !was_armed);
        rc = lone_worker_take_snapshot(&l);
        assert_int_equal(rc, 0);
        assert_non_null(only(&l, "a.example"));
        lone_worker_fini(&l);
        if (was_armed)
            return;
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_a_bad_staple_costs_no_certificate),
        cmocka_unit_test(test_both_kinds_of_keys),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_the_one_that_lasts),
        cmocka_unit_test(test_opened_once),
        cmocka_unit_test(test_one_that_cannot_be_opened),
        cmocka_unit_test(test_without_a_key),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_outdated_ones),
        cmocka_unit_test(test_no_memory_to_open),
    };

    return cmocka_run_group_tests(tests, make_all, free_all);
}
