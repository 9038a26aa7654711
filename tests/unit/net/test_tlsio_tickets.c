/* Sessions are resumed by whichever worker gets the connection, as long as its key is there and
 * the scope is the same. A worker is here what it has of its own: keys and contexts. */
#include "../base/cm.h"

#include <time.h>

#include "base/fault.h"
#include "net/tlsio_tickets.h"
#include "tls_talk.h"

enum { SCOPE = 7, KEYS_BYTES = TLSIO_TICKET_KEYS * TLSIO_TICKET_KEY_BYTES };

struct worker {
    struct tlsio_tickets *tickets;
    struct tlsio_context *server;
    struct tlsio_identity *identity;
};

static struct {
    struct made first, second;
    struct tlsio_shared *shared;
    struct worker one, two;
    char keys[4][TLSIO_TICKET_KEY_BYTES]; /* in the order of their making */
    const char *groups;                   /* of the client; NULL: the usual ones */
} w;

static int choose(void *arg, struct span name, struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX])
{
    (void)name;
    chosen[0] = ((const struct worker *)arg)->identity;
    return 1;
}

/* newest: index of the key that makes; it and the n - 1 before it are there. */
static void give_keys(struct worker *worker, int newest, int n)
{
    char keys[KEYS_BYTES];

    for (int i = 0; i < n; i++)
        memcpy(keys + i * TLSIO_TICKET_KEY_BYTES, w.keys[newest - i], TLSIO_TICKET_KEY_BYTES);
    assert_int_equal(
        tlsio_tickets_set(worker->tickets, span_from(keys, (size_t)n * TLSIO_TICKET_KEY_BYTES)),
        0);
}

static struct tlsio_context *make_server(struct worker *worker, uint64_t scope)
{
    const struct tlsio_server_settings settings = {
        .tickets = worker->tickets, .session_scope = scope, .choose = choose, .arg = worker};
    struct tlsio_context *c;

    assert_int_equal(tlsio_context_new_server(&settings, &c), 0);
    return c;
}

static void begin_worker(struct worker *worker, const struct made *id)
{
    worker->tickets = tlsio_tickets_new();
    assert_non_null(worker->tickets);
    worker->identity = talk_identity(id, SPAN_NONE);
    worker->server = make_server(worker, SCOPE);
}

static void end_worker(struct worker *worker)
{
    tlsio_context_put(worker->server);
    tlsio_identity_put(worker->identity);
    tlsio_tickets_free(worker->tickets);
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(tlsio_start(), 0);
    w.first = made_of((struct made_wish){.name = "first"});
    w.second = made_of((struct made_wish){.name = "second", .key = "rsa2048"});
    w.shared = tlsio_shared_new(TALK_PLAIN_BYTES);
    for (int i = 0; i < 4; i++)
        memset(w.keys[i], i + 1, sizeof(w.keys[i]));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tlsio_shared_free(w.shared);
    made_free(&w.first);
    made_free(&w.second);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    begin_worker(&w.one, &w.first);
    begin_worker(&w.two, &w.first);
    return 0;
}

static int end(void **state)
{
    (void)state;
    end_worker(&w.one);
    end_worker(&w.two);
    talk_forget();
    return 0;
}

static bool is_same_ticket(const SSL_SESSION *a, const SSL_SESSION *b)
{
    const unsigned char *ticket_a, *ticket_b;
    size_t n_a, n_b;

    SSL_SESSION_get0_ticket(a, &ticket_a, &n_a);
    SSL_SESSION_get0_ticket(b, &ticket_b, &n_b);
    return n_a == n_b && memcmp(ticket_a, ticket_b, n_a) == 0;
}

/* With TLS 1.2 the client is not called when a resumed session gets another ticket. */
static void keep_1_2(SSL *client, const SSL_SESSION *shown)
{
    SSL_SESSION *now = SSL_get1_session(client);
    const bool is_new =
        SSL_SESSION_has_ticket(now) == 1 && (shown == NULL || !is_same_ticket(now, shown));

    (void)talk_keep(client, now);
    talk_kept.new_n = is_new ? 1 : 0;
}

static void respond(struct talk *t)
{
    assert_int_equal(talk_kept.new_n, 0);
    talk_respond(t);
}

/* A connection that shows the session that the last one left, if any. True: it was resumed;
 * *renewed: so many tickets came. */
static bool connect_to(struct tlsio_context *server, int version, unsigned *renewed)
{
    SSL_SESSION *shown = talk_kept.session != NULL ? SSL_SESSION_dup(talk_kept.session) : NULL;
    SSL_CTX *client = talk_client(version);
    struct talk t;

    talk_kept.new_n = 0;
    if (w.groups != NULL)
        assert_int_equal(SSL_CTX_set1_groups_list(client, w.groups), 1);
    talk_begin(&t, w.shared, server, client);
    if (shown != NULL)
        assert_int_equal(SSL_set_session(t.client, shown), 1);
    talk_run(&t);
    talk_expect_open(&t);
    if (version == TLS1_3_VERSION)
        respond(&t);
    const bool is_resumed = tlsio_facts(t.server).is_resumed;

    assert_int_equal(SSL_session_reused(t.client), is_resumed);
    if (version == TLS1_2_VERSION)
        keep_1_2(t.client, shown);
    *renewed = talk_kept.new_n;
    talk_end(&t);
    SSL_SESSION_free(shown);
    SSL_CTX_free(client);
    return is_resumed;
}

/* Tickets of a full handshake: one. */
static void expect_full(struct tlsio_context *server, int version)
{
    unsigned renewed;

    assert_false(connect_to(server, version, &renewed));
    assert_int_equal(renewed, 1);
    /* No ticket invites to send before the handshake (RFC 8446 section 4.2.10). */
    assert_int_equal(SSL_SESSION_get_max_early_data(talk_kept.session), 0);
}

static void expect_resumed(struct tlsio_context *server, int version, unsigned expected)
{
    unsigned renewed;

    assert_true(connect_to(server, version, &renewed));
    assert_int_equal(renewed, expected);
}

/* With TLS 1.3 a ticket is used once, so that each resumption brings another one. */
static unsigned each(int version)
{
    return version == TLS1_3_VERSION ? 1 : 0;
}

/* ---- resumed ---- */

static void by_another_worker(int version)
{
    give_keys(&w.one, 0, 1);
    give_keys(&w.two, 0, 1);
    talk_forget();
    expect_full(w.one.server, version);
    expect_resumed(w.two.server, version, each(version));
    expect_resumed(w.one.server, version, each(version));
    expect_resumed(w.two.server, version, each(version));
}

static void test_by_another_worker(void **state)
{
    (void)state;
    by_another_worker(TLS1_3_VERSION);
    by_another_worker(TLS1_2_VERSION);
}

/* By a context that was made later, as after changed settings; with another certificate. */
static void across_changes(int version)
{
    struct tlsio_identity *usual = w.two.identity;

    talk_forget();
    expect_full(w.one.server, version);
    w.two.identity = talk_identity(&w.second, SPAN_NONE);
    struct tlsio_context *anew = make_server(&w.two, SCOPE);

    expect_resumed(anew, version, each(version));
    tlsio_context_put(anew);
    tlsio_identity_put(w.two.identity);
    w.two.identity = usual;
}

static void test_across_changes(void **state)
{
    (void)state;
    give_keys(&w.one, 0, 1);
    give_keys(&w.two, 0, 1);
    across_changes(TLS1_3_VERSION);
    across_changes(TLS1_2_VERSION);
}

/* The client's first guess at a group is none of ours, so that it has to say hello twice (RFC
 * 8446 section 4.1.4): resumed or not, and with another certificate meanwhile. */
static void test_after_a_second_hello(void **state)
{
    (void)state;
    w.groups = "P-521:X25519";
    give_keys(&w.one, 0, 1);
    give_keys(&w.two, 0, 1);
    expect_full(w.one.server, TLS1_3_VERSION);
    expect_resumed(w.one.server, TLS1_3_VERSION, 1);
    across_changes(TLS1_3_VERSION);
    give_keys(&w.one, 1, 1);
    expect_full(w.one.server, TLS1_3_VERSION);
    w.groups = NULL;
}

/* ---- rotation ---- */

/* A session with the ticket of key 0, as it was. */
static SSL_SESSION *first_session(int version)
{
    give_keys(&w.one, 0, 1);
    talk_forget();
    expect_full(w.one.server, version);
    return SSL_SESSION_dup(talk_kept.session);
}

static void show(const SSL_SESSION *session)
{
    talk_forget();
    talk_kept.session = SSL_SESSION_dup(session);
}

/* An old key's ticket is taken, and renewed with any version; the fourth key throws it out. */
static void rotate(int version)
{
    SSL_SESSION *old = first_session(version);

    for (int newest = 1; newest < TLSIO_TICKET_KEYS; newest++) {
        give_keys(&w.one, newest, newest + 1);
        show(old);
        expect_resumed(w.one.server, version, 1);
        expect_resumed(w.one.server, version, each(version)); /* the newest's by now */
    }
    give_keys(&w.one, 3, TLSIO_TICKET_KEYS);
    show(old);
    expect_full(w.one.server, version);
    SSL_SESSION_free(old);
}

static void test_rotation(void **state)
{
    (void)state;
    rotate(TLS1_3_VERSION);
    rotate(TLS1_2_VERSION);
}

/* The worker that makes has a newer key than the one that opens: a full handshake, no more. */
static void test_a_key_that_is_not_there_yet(void **state)
{
    (void)state;
    give_keys(&w.one, 1, 2);
    give_keys(&w.two, 0, 1);
    expect_full(w.one.server, TLS1_3_VERSION);
    expect_full(w.two.server, TLS1_3_VERSION);
    talk_forget();
    expect_full(w.one.server, TLS1_2_VERSION);
    expect_full(w.two.server, TLS1_2_VERSION);
}

/* ---- of several nodes: w.one and w.two have own keys and the same shared ones ---- */

/* first: the letter of the shared key that makes tickets; those behind it go on in order. */
static void give_shared(struct worker *worker, int own, char first)
{
    char keys[(1 + TLSIO_TICKET_SHARED_KEYS) * TLSIO_TICKET_KEY_BYTES];

    memcpy(keys, w.keys[own], TLSIO_TICKET_KEY_BYTES);
    for (int i = 0; i < TLSIO_TICKET_SHARED_KEYS; i++)
        memset(keys + (i + 1) * TLSIO_TICKET_KEY_BYTES, first + i, TLSIO_TICKET_KEY_BYTES);
    assert_int_equal(tlsio_tickets_set(worker->tickets, span_from(keys, sizeof(keys))), 0);
}

static void test_by_another_node(void **state)
{
    (void)state;
    give_shared(&w.one, 0, 'a');
    give_shared(&w.two, 1, 'a');
    expect_full(w.one.server, TLS1_3_VERSION);
    expect_resumed(w.two.server, TLS1_3_VERSION, 1);
    expect_resumed(w.one.server, TLS1_3_VERSION, 1);
    talk_forget();
    expect_full(w.one.server, TLS1_2_VERSION);
    expect_resumed(w.one.server, TLS1_2_VERSION, 0);
    expect_full(w.two.server, TLS1_2_VERSION);
}

/* What was recorded with TLS 1.2 must not open with a key that is kept. */
static void test_tls_1_2_has_own_keys(void **state)
{
    static const unsigned char *ticket;
    size_t n;

    (void)state;
    give_shared(&w.one, 2, 'a');
    expect_full(w.one.server, TLS1_2_VERSION);
    SSL_SESSION_get0_ticket(talk_kept.session, &ticket, &n);
    assert_memory_equal(ticket, w.keys[2], 16); /* the key's name */
    talk_forget();
    expect_full(w.one.server, TLS1_3_VERSION);
    SSL_SESSION_get0_ticket(talk_kept.session, &ticket, &n);
    assert_memory_equal(ticket, "aaaaaaaaaaaaaaaa", 16);
}

/* Who has the shared key could make up a session of any client. */
static void test_clients_with_certificates_have_own_keys(void **state)
{
    static const unsigned char *ticket;
    const struct tlsio_server_settings settings = {.tickets = w.one.tickets,
                                                   .session_scope = SCOPE,
                                                   .client_auth = TLSIO_CLIENT_OPTIONAL,
                                                   .client_ca = span_from_str(w.first.pem),
                                                   .choose = choose,
                                                   .arg = &w.one};
    struct tlsio_context *asking;
    size_t n;

    (void)state;
    give_shared(&w.one, 2, 'a');
    assert_int_equal(tlsio_context_new_server(&settings, &asking), 0);
    expect_full(w.one.server, TLS1_3_VERSION);
    expect_full(asking, TLS1_3_VERSION); /* with a ticket of the shared key */
    SSL_SESSION_get0_ticket(talk_kept.session, &ticket, &n);
    assert_memory_equal(ticket, w.keys[2], 16);
    expect_resumed(asking, TLS1_3_VERSION, 1);
    tlsio_context_put(asking);
}

/* Periods of two nodes differ, and go on: each of the others opens what the first has made. */
static void test_shared_keys_change(void **state)
{
    (void)state;
    for (int i = 0; i < TLSIO_TICKET_SHARED_KEYS; i++) {
        talk_forget();
        give_shared(&w.one, 0, (char)('a' + i));
        give_shared(&w.two, 1, 'a');
        expect_full(w.one.server, TLS1_3_VERSION);
        expect_resumed(w.two.server, TLS1_3_VERSION, 1);
    }
    talk_forget();
    give_shared(&w.one, 0, 'a' + TLSIO_TICKET_SHARED_KEYS);
    expect_full(w.one.server, TLS1_3_VERSION);
    expect_full(w.two.server, TLS1_3_VERSION);
}

/* ---- not resumed ---- */

static void other_scope(int version)
{
    struct tlsio_context *other = make_server(&w.one, SCOPE + 1);

    talk_forget();
    expect_full(w.one.server, version);
    expect_full(other, version);
    expect_resumed(other, version, each(version));
    tlsio_context_put(other);
}

static void test_other_scope(void **state)
{
    (void)state;
    give_keys(&w.one, 0, 1);
    other_scope(TLS1_3_VERSION);
    other_scope(TLS1_2_VERSION);
}

static void without_keys(struct tlsio_context *server, int version)
{
    unsigned renewed;

    talk_forget();
    assert_false(connect_to(server, version, &renewed));
    assert_int_equal(renewed, 0);
    assert_false(connect_to(server, version, &renewed));
}

static void test_without_keys(void **state)
{
    struct worker bare = {.identity = w.one.identity};

    (void)state;
    without_keys(w.one.server, TLS1_3_VERSION);
    without_keys(w.one.server, TLS1_2_VERSION);
    bare.server = make_server(&bare, SCOPE);
    without_keys(bare.server, TLS1_3_VERSION);
    without_keys(bare.server, TLS1_2_VERSION);
    tlsio_context_put(bare.server);
    give_keys(&w.one, 0, 1); /* the context need not be another one */
    by_another_worker(TLS1_3_VERSION);
}

/* A ticket that was changed on its way. */
static void test_a_changed_ticket(void **state)
{
    unsigned char *der = NULL;
    const unsigned char *ticket, *at;
    size_t n;

    (void)state;
    give_keys(&w.one, 0, 1);
    expect_full(w.one.server, TLS1_3_VERSION);
    SSL_SESSION_get0_ticket(talk_kept.session, &ticket, &n);
    const int der_n = i2d_SSL_SESSION(talk_kept.session, &der);
    unsigned char *place = memmem(der, (size_t)der_n, ticket, n);

    assert_non_null(place);
    place[n / 2] ^= 1;
    at = der;
    talk_forget();
    talk_kept.session = d2i_SSL_SESSION(NULL, &at, der_n);
    assert_non_null(talk_kept.session);
    OPENSSL_free(der);
    expect_full(w.one.server, TLS1_3_VERSION);
}

/* ---- keys ---- */

static void test_what_are_keys(void **state)
{
    enum { ONE = TLSIO_TICKET_KEY_BYTES };
    static const char keys[TLSIO_TICKETS_MAX_BYTES + ONE];
    static const size_t wrong[] = {0, 1, ONE - 1, ONE + 1, 4 * ONE, 5 * ONE - 1, sizeof(keys)};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(tlsio_tickets_set(w.one.tickets, span_from(keys, wrong[i])),
                         WERR_SYNTAX);
    for (size_t n = 1; n <= TLSIO_TICKET_KEYS; n++)
        assert_int_equal(tlsio_tickets_set(w.one.tickets, span_from(keys, n * ONE)), 0);
    for (size_t n = 5; n <= 7; n++)
        assert_int_equal(tlsio_tickets_set(w.one.tickets, span_from(keys, n * ONE)), 0);
    fault_set(1);
    assert_null(tlsio_tickets_new());
    assert_false(fault_is_armed());
    tlsio_tickets_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_by_another_worker, begin, end),
        cmocka_unit_test_setup_teardown(test_across_changes, begin, end),
        cmocka_unit_test_setup_teardown(test_after_a_second_hello, begin, end),
        cmocka_unit_test_setup_teardown(test_rotation, begin, end),
        cmocka_unit_test_setup_teardown(test_a_key_that_is_not_there_yet, begin, end),
        cmocka_unit_test_setup_teardown(test_by_another_node, begin, end),
        cmocka_unit_test_setup_teardown(test_tls_1_2_has_own_keys, begin, end),
        cmocka_unit_test_setup_teardown(test_clients_with_certificates_have_own_keys, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_shared_keys_change, begin, end),
        cmocka_unit_test_setup_teardown(test_other_scope, begin, end),
        cmocka_unit_test_setup_teardown(test_without_keys, begin, end),
        cmocka_unit_test_setup_teardown(test_a_changed_ticket, begin, end),
        cmocka_unit_test_setup_teardown(test_what_are_keys, begin, end),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
