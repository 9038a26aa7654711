/* Two ends of TLS in memory: handshake, bytes both ways however they are cut, ends and faults.
 */
#include "../base/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/tlsio.h"
#include "net/tlsio_context.h"
#include "net/tlsio_int.h"
#include "net/tlsio_sessions.h"
#include "tls_identity.h"

enum { PLAIN_BYTES = 256 * 1024, PIPE_BYTES = 1024 * 1024 };

/* What is under way to one end. */
struct pipe {
    char bytes[PIPE_BYTES];
    size_t n;
};

struct end {
    struct tlsio *t;
    struct pipe *in, *out;
    size_t cut; /* so many bytes at a time */
    char *got;  /* plain bytes received */
    size_t got_n;
};

static struct {
    struct identity authority, leaf, rsa, stranger, old, early;
    struct tlsio_shared *shared;
    struct identities identities;
    struct tlsio_context *server, *client;
    struct pipe there, back;
    struct end s, c;
} w;

static void drain(struct end *e)
{
    struct span out = tlsio_output(e->t);

    assert_true(e->out->n + out.len <= PIPE_BYTES);
    if (out.len > 0)
        memcpy(e->out->bytes + e->out->n, out.ptr, out.len);
    e->out->n += out.len;
    tlsio_output_taken(e->t);
}

static int take(struct end *e)
{
    int rc = 0;

    if (tlsio_state(e->t) == TLSIO_HANDSHAKE)
        rc = tlsio_handshake(e->t);
    struct span plain = SPAN_NONE;

    while (rc == 0) {
        rc = tlsio_read(e->t, &plain);
        if (plain.len == 0)
            break;
        memcpy(e->got + e->got_n, plain.ptr, plain.len);
        e->got_n += plain.len;
    }
    drain(e);
    return rc == WERR_AGAIN ? 0 : rc;
}

/* Gives an end what is there for it; true: there was something. */
static bool step(struct end *e)
{
    size_t n = e->in->n < e->cut ? e->in->n : e->cut;

    if (n == 0 || tlsio_state(e->t) == TLSIO_FAILED)
        return false;
    char *lent = malloc(n); /* so that ASan sees who reads it later */

    memcpy(lent, e->in->bytes, n);
    memmove(e->in->bytes, e->in->bytes + n, e->in->n - n);
    e->in->n -= n;
    tlsio_give(e->t, span_from(lent, n));
    (void)take(e);
    free(lent);
    return true;
}

static void run(void)
{
    bool is_moving = true;

    while (is_moving) {
        is_moving = step(&w.s);
        is_moving |= step(&w.c);
    }
}

static void begin_end(struct end *e, struct tlsio *t, struct pipe *in, struct pipe *out,
                      size_t cut)
{
    assert_non_null(t);
    *e = (struct end){t, in, out, cut, malloc(PIPE_BYTES), 0};
}

static void begin(const char *name, size_t cut)
{
    w.there.n = w.back.n = 0;
    begin_end(&w.s, tlsio_new_server(w.shared, w.server), &w.there, &w.back, cut);
    begin_end(&w.c,
              tlsio_new_client(w.shared, w.client, &(struct tlsio_peer_name){.name = name}),
              &w.back, &w.there, cut);
    (void)take(&w.c);
}

static void end(void)
{
    tlsio_free(w.s.t);
    tlsio_free(w.c.t);
    free(w.s.got);
    free(w.c.got);
}

static void make_identity(struct identity *id, enum identity_key kind, const char *name,
                          const struct identity *by, long begins_s, long ends_s)
{
    identity_make(id, &(struct identity_wish){kind, name, by, begins_s, ends_s});
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(tlsio_start(), 0);
    make_identity(&w.authority, KEY_P256, "authority", NULL, -DAY_S, DAY_S);
    make_identity(&w.stranger, KEY_P256, "stranger", NULL, -DAY_S, DAY_S);
    make_identity(&w.leaf, KEY_P256, "a.example", &w.authority, -DAY_S, DAY_S);
    make_identity(&w.rsa, KEY_RSA, "a.example", &w.authority, -DAY_S, DAY_S);
    make_identity(&w.old, KEY_P256, "a.example", &w.authority, -2 * DAY_S, -DAY_S);
    make_identity(&w.early, KEY_P256, "a.example", &w.authority, DAY_S, 2 * DAY_S);
    w.shared = tlsio_shared_new(PLAIN_BYTES);
    w.client = client_that_trusts(&w.authority);
    identities_add(&w.identities, &w.leaf);
    w.server = identities_server(&w.identities, TLSIO_INTERMEDIATE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tlsio_context_put(w.server);
    tlsio_context_put(w.client);
    identities_free(&w.identities);
    tlsio_shared_free(w.shared);
    identity_free(&w.authority);
    identity_free(&w.stranger);
    identity_free(&w.leaf);
    identity_free(&w.rsa);
    identity_free(&w.old);
    identity_free(&w.early);
    return 0;
}

/* ---- bytes ---- */

static void say(struct end *e, const char *bytes, size_t n, size_t piece)
{
    struct iovec iov[64];
    unsigned k = 0;

    for (size_t at = 0; at < n; at += piece, k++)
        iov[k] = (struct iovec){(char *)bytes + at, n - at < piece ? n - at : piece};
    assert_int_equal(tlsio_write(e->t, iov, k), 0);
    drain(e);
}

static void test_bytes_both_ways(void **state)
{
    static const size_t cuts[] = {1, 2, 5, 100, 16384, PIPE_BYTES};
    char *text = malloc(300000);

    (void)state;
    for (size_t i = 0; i < 300000; i++)
        text[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        begin("a.example", cuts[i]);
        run();
        assert_string_equal(tlsio_state_name(w.s.t), "OPEN");
        assert_string_equal(tlsio_state_name(w.c.t), "OPEN");
        say(&w.c, text, 1000, 100);
        run();
        say(&w.s, text, 200000, 5000);
        run();
        assert_int_equal(w.s.got_n, 1000);
        assert_memory_equal(w.s.got, text, 1000);
        assert_int_equal(w.c.got_n, 200000);
        assert_memory_equal(w.c.got, text, 200000);
        assert_string_equal(tlsio_facts(w.s.t).version, "TLSv1.3");
        assert_string_equal(tlsio_facts(w.s.t).name, "a.example");
        end();
    }
    free(text);
}

/* Pieces make full records, whatever their sizes are: 200 kB are 13 of them. */
static void test_pieces_share_records(void **state)
{
    static char text[200000];

    (void)state;
    begin("a.example", PIPE_BYTES);
    run();
    say(&w.s, text, 1, 1); /* with the ticket */
    run();
    w.c.cut = 0; /* what comes to the client stays where it can be counted */
    say(&w.s, text, sizeof(text), 3125);
    unsigned records = 0;

    for (size_t at = 0; at < w.back.n; records++)
        at += 5 + (size_t)((uint8_t)w.back.bytes[at + 3] << 8 | (uint8_t)w.back.bytes[at + 4]);
    assert_int_equal(records, (sizeof(text) + TLSIO_RECORD_BYTES - 1) / TLSIO_RECORD_BYTES);
    end();
}

/* What is written while another's records wait would go to the wrong peer. */
static void test_two_connections_take_turns(void **state)
{
    (void)state;
    begin("a.example", PIPE_BYTES);
    struct end s = w.s, c = w.c;
    struct pipe there = w.there;

    w.there.n = 0;
    begin("a.example", 7);
    run();
    say(&w.c, "second", 6, 6);
    run();
    assert_int_equal(w.s.got_n, 6);
    end();
    w.s = s;
    w.c = c;
    w.there = there;
    w.back.n = 0;
    run();
    say(&w.c, "first", 5, 5);
    run();
    assert_memory_equal(w.s.got, "first", 5);
    end();
}

/* ---- ends ---- */

static void test_close_notify(void **state)
{
    (void)state;
    begin("a.example", 3);
    run();
    say(&w.c, "bye", 3, 3);
    tlsio_shut(w.c.t);
    drain(&w.c);
    tlsio_shut(w.c.t); /* once */
    assert_int_equal(tlsio_output(w.c.t).len, 0);
    run();
    assert_string_equal(tlsio_state_name(w.s.t), "ENDED");
    assert_int_equal(w.s.got_n, 3);
    say(&w.s, "still", 5, 5); /* the other direction is open */
    run();
    assert_int_equal(w.c.got_n, 5);
    tlsio_shut(w.s.t);
    drain(&w.s);
    run();
    assert_string_equal(tlsio_state_name(w.c.t), "ENDED");
    end();
}

/* A byte of a record that is not as it was sent. */
static void test_a_changed_byte(void **state)
{
    (void)state;
    begin("a.example", PIPE_BYTES);
    run();
    say(&w.c, "secret", 6, 6);
    w.there.bytes[w.there.n - 1] ^= 1;
    run();
    assert_string_equal(tlsio_state_name(w.s.t), "FAILED");
    assert_string_equal(tlsio_fault(w.s.t).word, "bad_record_mac");
    assert_int_equal(tlsio_fault(w.s.t).error, WERR_CORRUPT);
    assert_int_equal(w.s.got_n, 0);
    run();
    assert_string_equal(tlsio_state_name(w.c.t), "FAILED"); /* by the alert */
    end();
}

/* ---- certificates ---- */

static void expect_fault(struct tlsio_context *server, const char *name, const char *word)
{
    struct tlsio_context *usual = w.server;

    w.server = server;
    begin(name, PIPE_BYTES);
    run();
    assert_string_equal(tlsio_state_name(w.c.t), "FAILED");
    assert_string_equal(tlsio_fault(w.c.t).word, word);
    assert_int_equal(tlsio_fault(w.c.t).error, WERR_DENIED);
    end();
    w.server = usual;
}

static void test_whom_a_client_believes(void **state)
{
    const struct {
        const struct identity *id;
        const char *name, *word;
    } cases[] = {
        {&w.leaf, "b.example", "certificate_name"},
        {&w.old, "a.example", "certificate_expired"},
        {&w.early, "a.example", "certificate_not_yet_valid"},
        {&w.stranger, "stranger", "certificate_self_signed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct identities identities = {.n = 0};

        identities_add(&identities, cases[i].id);
        struct tlsio_context *server = identities_server(&identities, TLSIO_INTERMEDIATE);

        expect_fault(server, cases[i].name, cases[i].word);
        tlsio_context_put(server);
        identities_free(&identities);
    }
}

static void expect_identity(struct span chain, struct span key, int rc)
{
    struct tlsio_identity *i;

    assert_int_equal(tlsio_identity_new(chain, key, SPAN_NONE, &i), rc);
    assert_true((i != NULL) == (rc == 0));
    tlsio_identity_put(i);
}

static void test_bad_pem(void **state)
{
    const struct span chain = span_from_str(w.leaf.chain), key = span_from_str(w.leaf.secret);
    const struct tlsio_client_settings nobody = {.authorities =
                                                     span_from_str("no certificate")};
    struct tlsio_context *c;

    (void)state;
    expect_identity(SPAN_NONE, key, WERR_SYNTAX);
    expect_identity(chain, SPAN_NONE, WERR_SYNTAX);
    expect_identity(key, chain, WERR_SYNTAX);
    expect_identity(span_first(chain, chain.len / 2), key, WERR_SYNTAX);
    expect_identity(chain, span_from_str(w.old.secret), WERR_INVALID);
    expect_identity(chain, key, 0);
    expect_identity(span_from_str(w.rsa.chain), span_from_str(w.rsa.secret), 0);
    assert_int_equal(tlsio_context_new_client(&nobody, &c), WERR_INVALID);
    assert_null(c);
}

/* ---- sessions ---- */

static bool is_resumed_with(struct tlsio_sessions *sessions)
{
    const struct tlsio_peer_name peer = {.name = "a.example", .sessions = sessions};

    begin("a.example", PIPE_BYTES);
    tlsio_free(w.c.t);
    w.there.n = 0;
    w.c.t = tlsio_new_client(w.shared, w.client, &peer);
    (void)take(&w.c);
    run();
    assert_int_equal(tlsio_state(w.c.t), TLSIO_OPEN);
    say(&w.s, "x", 1, 1); /* the ticket comes with it */
    run();
    const bool is_resumed = tlsio_facts(w.c.t).is_resumed;

    assert_int_equal(tlsio_facts(w.s.t).is_resumed, is_resumed);
    end();
    return is_resumed;
}

static void test_sessions(void **state)
{
    struct tlsio_sessions *sessions = tlsio_sessions_new();

    (void)state;
    assert_false(is_resumed_with(sessions));
    assert_true(is_resumed_with(sessions));
    assert_true(is_resumed_with(sessions)); /* by the ticket that the second one was given */
    assert_false(is_resumed_with(NULL));
    tlsio_sessions_clear(sessions);
    assert_false(is_resumed_with(sessions));
    tlsio_sessions_put(sessions);
}

/* ---- the first record ---- */

static void test_gate(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        int64_t rc;
    } cases[] = {
        {"", 0, 0},
        {"\x16", 1, 0},
        {"\x16\x03\x01\x00", 4, 0},
        {"\x16\x03\x01\x00\x02\x01\x00", 7, 7},
        {"\x16\x03\x01\x00\x02\x01\x00xx", 9, 7},
        {"\x16\x03\x01\x00\x05\x01\x00", 7, 0},
        {"\x16\x03\x01\x00\x00", 5, WERR_SYNTAX},
        {"\x16\x03\x01\x40\x01\x01", 6, WERR_TOO_BIG},
        {"\x16\x03\x01\x00\x02\x02", 6, WERR_SYNTAX},
        {"\x15\x03\x01", 3, WERR_SYNTAX},
        {"\x16\x02", 2, WERR_SYNTAX},
        {"GET / HTTP/1.1\r\n", 16, WERR_SYNTAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (tlsio_gate(span_from(cases[i].bytes, cases[i].n)) != cases[i].rc)
            fail_msg("case %zu: %ld", i,
                     (long)tlsio_gate(span_from(cases[i].bytes, cases[i].n)));
    begin("a.example", PIPE_BYTES);
    assert_int_equal(tlsio_gate(span_from(w.there.bytes, w.there.n)), w.there.n);
    assert_int_equal(tlsio_gate(span_from(w.there.bytes, w.there.n - 1)), 0);
    end();
}

/* Is the mapping that holds it left out of core files ("dd")? */
static bool is_withheld(const void *at)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool is_there = false, is_found = false;

    assert_non_null(maps);
    while (!is_found && fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            is_there = from <= (uintptr_t)at && (uintptr_t)at < to;
        is_found = is_there && strncmp(line, "VmFlags:", 8) == 0;
    }
    fclose(maps);
    assert_true(is_found);
    return strstr(line, " dd") != NULL;
}

/* A body with a private key passes here, and a response with the key of a cluster. */
static void test_plain_bytes_are_in_no_core_file(void **state)
{
    static const char secret[] = "the key of all keys";
    static const char none[sizeof(secret) - 1] = {0};
    const size_t n = sizeof(secret) - 1;

    (void)state;
    begin("a.example", PIPE_BYTES);
    run();
    say(&w.c, secret, n, n);
    run();
    assert_int_equal(w.s.got_n, n);
    assert_memory_equal(w.shared->plain, secret, n);
    assert_memory_equal(w.shared->record, secret, n);
    assert_true(is_withheld(w.shared->plain) && is_withheld(w.shared->record));
    tlsio_shared_wipe(w.shared);
    assert_memory_equal(w.shared->plain, none, n);
    assert_memory_equal(w.shared->record, none, n);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_both_ways),
        cmocka_unit_test(test_pieces_share_records),
        cmocka_unit_test(test_two_connections_take_turns),
        cmocka_unit_test(test_close_notify),
        cmocka_unit_test(test_a_changed_byte),
        cmocka_unit_test(test_whom_a_client_believes),
        cmocka_unit_test(test_bad_pem),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_plain_bytes_are_in_no_core_file),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
