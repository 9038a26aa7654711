/* Clients that speak TLS, from their connection on: what becomes of handshakes, and of who does
 * not speak it. */
#include "secure.h"
#include "worker/ends.h"

#define GET "GET /len/5/7 HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK                                                                           \
    "HTTP/1.1 200 OK\r\nDate: D\r\nX-Id: 7\r\nVia: 1.1 weldr\r\nX-Request-Id: *\r\n" \
    "Content-Length: 5\r\n\r\n7.7.7"

static uint64_t failed(const struct world *w, enum stats_tls_failure why)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < STATS_TLS_FAILURES; i++)
        all += w->stats->tls_failed[i];
    CHECK(all == w->stats->tls_failed[why]);
    return all;
}

static bool is_gone(const struct world_client *c)
{
    return c->peer.has_fin || c->peer.has_reset;
}

static void test_a_request(void **state)
{
    struct world *w = secure_open(NULL);
    struct secure_client *c = secure_client(w, "h");

    (void)state;
    world_run_ms(w, 5);
    secure_say(c, GET);
    world_run_ms(w, 5);
    CHECK_TEXT(secure_got(c), OK);
    CHECK_TEXT(world_origin_got(w, 0, 0),
               "GET /len/5/7 HTTP/1.1\r\nHost: h\r\nVia: 1.1 weldr\r\n"
               "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: h\r\n"
               "X-Forwarded-Proto: https\r\nX-Request-Id: *\r\n\r\n");
    secure_say(c, GET GET);
    world_run_ms(w, 5);
    CHECK_TEXT(secure_got(c), OK OK OK);
    CHECK(failed(w, STATS_TLS_OTHER) == 0);
    CHECK(world_stat(w, STATS_client_connections) == 1);
    secure_end(w);
}

/* What comes of it in pieces of any size, with gaps. */
static void test_in_pieces(void **state)
{
    (void)state;
    for (uint32_t piece = 1; piece < 300; piece = piece * 3 / 2 + 1) {
        struct world *w = secure_open(NULL);
        struct secure_client *c = secure_client(w, "h");

        c->at->peer.send_piece = c->at->peer.read_piece = piece;
        c->at->peer.send_gap_ms = c->at->peer.read_gap_ms = 1;
        world_run_ms(w, 4000);
        secure_say(c, GET);
        world_run_ms(w, 2000);
        CHECK_TEXT(secure_got(c), OK);
        secure_end(w);
    }
}

/* An end in good order is one that close_notify says. */
static void test_ends_are_said(void **state)
{
    (void)state;
    for (unsigned drains = 0; drains < 2; drains++) {
        struct world *w = secure_open(NULL);
        struct secure_client *c = secure_client(w, "h");

        world_run_ms(w, 5);
        secure_say(c, GET);
        world_run_ms(w, 5);
        if (drains)
            world_drain(w, 5000);
        world_run_ms(w, drains ? 4000 : 80000);
        CHECK(is_gone(c->at) && tlsio_state(c->tls) == TLSIO_ENDED);
        CHECK_TEXT(secure_got(c), OK);
        if (drains)
            CHECK(w->is_drained);
        secure_end(w);
    }
}

static void test_plain_http(void **state)
{
    static const char *const said[] = {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "P",
                                       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(said); i++) {
        struct world *w = secure_open(NULL);
        struct world_client *c = world_ask(w, said[i]);

        world_run_ms(w, 5);
        CHECK_TEXT(world_got(c),
                   "HTTP/1.1 400 Bad Request\r\nDate: *\r\nContent-Type: text/plain\r\n"
                   "Weldr-Error: plain_http\r\nX-Request-Id: *\r\nContent-Length: 58\r\n"
                   "Connection: close\r\n\r\n"
                   "This port speaks HTTPS, and the request came without TLS.\n");
        CHECK(c->peer.has_fin && failed(w, STATS_TLS_NOT_TLS) == 1);
        CHECK(w->stats->end[END_PLAIN_HTTP] == 1);
        secure_end(w);
    }
}

static void test_no_http_either(void **state)
{
    static const char *const said[] = {"\x80\x2e\x01", "x", "\n",
                                       "\x16"
                                       "GET"};

    (void)state;
    for (size_t i = 0; i < COUNT(said); i++) {
        struct world *w = secure_open(NULL);
        struct world_client *c = world_ask(w, said[i]);

        world_run_ms(w, 5);
        CHECK(is_gone(c) && c->peer.in.len == 0 && failed(w, STATS_TLS_NOT_TLS) == 1);
        secure_end(w);
    }
}

/* An alert says what is wrong with a hello that is none, or longer than one may be. */
static void test_hellos_that_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        char alert;
    } said[] = {{"\x16\x03\x01\x7f\xff\x01", 6, 22},
                {"\x16\x03\x01\x00\x05\x02", 6, 10},
                {"\x17\x03\x03\x00\x05", 5, 10}};

    (void)state;
    for (size_t i = 0; i < COUNT(said); i++) {
        struct world *w = secure_open(NULL);
        struct world_client *c = world_client(w);

        peer_say(&c->peer, span_from(said[i].bytes, said[i].n));
        world_run_ms(w, 5);
        CHECK(c->peer.has_fin && failed(w, STATS_TLS_NOT_TLS) == 1 && c->peer.in.len == 7);
        CHECK(memcmp(c->peer.in.ptr, "\x15\x03\x03\x00\x02\x02", 6) == 0);
        CHECK(c->peer.in.ptr[6] == said[i].alert);
        secure_end(w);
    }
}

/* What the client says on meets no reset, which could overtake the alert. */
static void test_alerts_are_not_overtaken(void **state)
{
    (void)state;
    for (unsigned is_open = 0; is_open < 2; is_open++) {
        struct world *w = secure_open(NULL);
        struct secure_client *c = secure_client(w, "h");

        if (is_open)
            world_run_ms(w, 5);
        else
            peer_say(&c->at->peer, SPAN("\x17\x03\x03\x00\x01x"));
        peer_say(&c->at->peer,
                 SPAN("\x17\x03\x03\x00\x20 this was encrypted by nobody at all"));
        world_run_ms(w, 5);
        CHECK(c->is_failed && c->at->peer.has_fin && w->worker.clients_slab.in_use == 1);
        peer_say(&c->at->peer, SPAN("more"));
        world_run_ms(w, 5);
        CHECK(!c->at->peer.has_reset && w->worker.clients_slab.in_use == 1);
        peer_close(&c->at->peer, false);
        world_run_ms(w, 5);
        CHECK(w->worker.clients_slab.in_use == 0);
        secure_end(w);
    }
}

static void test_time_limit(void **state)
{
    struct world *w = secure_open(NULL);

    (void)state;
    secure_listener(w)->settings.tls_settings.handshake_ms = 300;
    CHECK(secure_tell(w) == 0);
    struct world_client *silent = world_client(w);
    struct world_client *halfway = world_ask(w, "\x16\x03\x01");
    struct secure_client *deaf = secure_client(w, "h"); /* sends nothing after its hello */

    deaf->at->peer.on_bytes = NULL;
    world_run_ms(w, 280);
    CHECK(!is_gone(silent) && !is_gone(halfway) && !is_gone(deaf->at));
    world_run_ms(w, 40);
    CHECK(is_gone(silent) && is_gone(halfway) && is_gone(deaf->at));
    CHECK(failed(w, STATS_TLS_TIMEOUT) == 3);
    secure_end(w);
}

static void test_leaves_in_the_middle(void **state)
{
    struct world *w = secure_open(NULL);

    (void)state;
    for (unsigned resets = 0; resets < 2; resets++) {
        struct secure_client *c = secure_client(w, "h");

        c->at->peer.on_bytes = NULL;
        world_run_ms(w, 5);
        peer_close(&c->at->peer, resets == 1);
        world_run_ms(w, 5);
        CHECK(failed(w, STATS_TLS_CUT) == resets + 1);
    }
    /* A look whether the port is open is none. */
    peer_close(&world_client(w)->peer, false);
    world_run_ms(w, 5);
    CHECK(failed(w, STATS_TLS_CUT) == 2 && w->worker.clients_slab.in_use == 0);
    secure_end(w);
}

static void test_names_that_nobody_has(void **state)
{
    (void)state;
    for (unsigned is_strict = 0; is_strict < 2; is_strict++) {
        struct world *w = secure_open(NULL);

        secure_listener(w)->settings.tls_settings.strict_sni = is_strict;
        CHECK(secure_tell(w) == 0);
        struct secure_client *c = secure_client(w, "other.example");
        struct secure_client *known = secure_client(w, "h");

        world_run_ms(w, 5);
        CHECK(c->is_failed && tlsio_state(known->tls) == TLSIO_OPEN);
        CHECK_TEXT(tlsio_fault(c->tls).word,
                   is_strict ? "peer_unrecognized_name" : "certificate_name");
        CHECK(failed(w, is_strict ? STATS_TLS_NAME : STATS_TLS_ALERT) == 1);
        secure_end(w);
    }
}

/* Without any certificate no handshake succeeds, with or without strict_sni. */
static void test_without_certificate(void **state)
{
    struct world *w = secure_open(NULL);

    (void)state;
    certificates_forget(&w->worker, w->pool->certificates[0]->id);
    struct secure_client *c = secure_client(w, "h");

    world_run_ms(w, 5);
    CHECK(c->is_failed && failed(w, STATS_TLS_NAME) == 1);
    secure_end(w);
}

static void test_what_the_listener_says(void **state)
{
    struct world *w = secure_open(NULL);
    struct listener_tls_settings *tls = &secure_listener(w)->settings.tls_settings;

    (void)state;
    tls->hsts_max_age_s = 60;
    tls->hsts_include_subdomains = true;
    CHECK(secure_tell(w) == 0);
    struct secure_client *c = secure_client(w, "h");

    world_run_ms(w, 5);
    secure_say(c, GET "GET / HTTP/1.1\r\n\r\n");
    world_run_ms(w, 5);
    const char *const first =
        strstr(secure_got(c), "\r\nStrict-Transport-Security: max-age=60; "
                              "includeSubDomains\r\n");

    CHECK(first != NULL);
    CHECK(strstr(first + 2, "\r\nStrict-Transport-Security: ") != NULL); /* of Weldr's own */
    struct world_client *plain = world_ask(w, GET);

    world_run_ms(w, 5);
    CHECK(strstr(world_got(plain), "Strict-Transport-Security") == NULL);
    secure_end(w);
}

static void test_redirect(void **state)
{
    struct world *w = world_open(NULL);

    (void)state;
    secure_listener(w)->settings.tls_settings.redirect = true;
    CHECK(secure_tell(w) == 0);
    struct world_client *c = world_ask(w, "POST /a/b?c=d HTTP/1.1\r\nHost: h:8080\r\n"
                                          "Content-Length: 0\r\n\r\n");

    world_run_ms(w, 5);
    CHECK_TEXT(world_got(c),
               "HTTP/1.1 308 Permanent Redirect\r\nLocation: https://h/a/b?c=d\r\n"
               "Date: *\r\nX-Request-Id: *\r\nContent-Length: 0\r\n\r\n");
    CHECK(w->stats->end[END_REDIRECT] == 1 && w->origins[0].accepted_n == 0);
    world_end(w);
}

/* Connections go on when the listener changes, newcomers get what holds now. */
static void test_changes(void **state)
{
    struct world *w = secure_open(NULL);
    struct secure_client *old = secure_client(w, "h");

    (void)state;
    world_run_ms(w, 5);
    secure_listener(w)->tls.profile = LISTENER_TLS_MODERN;
    CHECK(secure_tell(w) == 0);
    struct secure_client *next = secure_client(w, "h");

    world_run_ms(w, 5);
    CHECK_TEXT(tlsio_facts(next->tls).version, "TLSv1.3");
    secure_listener(w)->protocol = LISTENER_HTTP;
    CHECK(secure_tell(w) == 0);
    struct world_client *plain = world_ask(w, GET);

    secure_say(old, GET);
    secure_say(next, GET);
    world_run_ms(w, 5);
    CHECK_TEXT(secure_got(old), OK);
    CHECK_TEXT(secure_got(next), OK);
    CHECK_TEXT(world_got(plain), OK);
    CHECK(strstr(world_origin_got(w, 0, 0), "X-Forwarded-Proto: http") != NULL);
    secure_end(w);
}

/* Whatever there is no memory for: the client has its response, or its end; nothing is left. */
static void test_no_memory(void **state)
{
    bool was_armed = true;

    (void)state;
    for (unsigned at = 1; was_armed && at < 200; at++) {
        struct world *w = secure_open(NULL);
        struct secure_client *c = secure_client(w, "h");

        fault_set(at);
        world_run_ms(w, 5);
        if (tlsio_state(c->tls) == TLSIO_OPEN && !is_gone(c->at))
            secure_say(c, GET);
        world_run_ms(w, 5);
        was_armed = !fault_is_armed();
        fault_set(0);
        CHECK(is_gone(c->at) || c->got.len > 0);
        secure_end(w);
    }
    CHECK(!was_armed);
}

static void test_many_at_once(void **state)
{
    enum { MANY = 60 };
    struct world *w = secure_open(NULL);
    struct secure_client *c[MANY];

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        c[i] = secure_client(w, "h");
    world_run_ms(w, 100);
    for (unsigned i = 0; i < MANY; i++)
        CHECK(tlsio_state(c[i]->tls) == TLSIO_OPEN);
    CHECK(failed(w, STATS_TLS_REFUSED) == 0);
    secure_end(w);
}

/* Clients that say hello and no more. */
static void add_deaf(struct world *w, const struct text *hello, unsigned n)
{
    while (n-- > 0)
        peer_say(&world_client(w)->peer, text_span(hello));
    world_run_ms(w, 200);
}

/* As many are in progress as there is memory for, as many wait as fit in the line; who comes
 * then is refused, and who waits comes in when one is done. Connections that are open go on. */
static void test_more_than_there_is_memory_for(void **state)
{
    enum { PROGRESS_N = 64, LINE_N = 1024 };
    struct world *w = secure_open(NULL);
    struct secure_client *open = secure_client(w, "h");
    struct text hello = {0};

    (void)state;
    world_set(w, "limits.queue_bytes", 1048576); /* half of it is less than the least */
    secure_listener(w)->settings.tls_settings.handshake_ms = 1000000;
    CHECK(secure_tell(w) == 0);
    text_add(&hello, text_span(&open->at->peer.out));
    world_run_ms(w, 5);
    add_deaf(w, &hello, PROGRESS_N);
    struct secure_client *waits = secure_client(w, "h");

    world_run_ms(w, 100);
    CHECK(tlsio_state(waits->tls) == TLSIO_HANDSHAKE && waits->taken == 0);
    secure_say(open, GET);
    world_run_ms(w, 5);
    CHECK_TEXT(secure_got(open), OK);
    peer_close(&LIST_NEXT(waits->at, entry)->peer, false);
    world_run_ms(w, 100);
    CHECK(tlsio_state(waits->tls) == TLSIO_OPEN && failed(w, STATS_TLS_CUT) == 1);
    text_free(&hello);
    secure_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_ends_are_said),
        cmocka_unit_test(test_plain_http),
        cmocka_unit_test(test_no_http_either),
        cmocka_unit_test(test_hellos_that_are_refused),
        cmocka_unit_test(test_alerts_are_not_overtaken),
        cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_leaves_in_the_middle),
        cmocka_unit_test(test_names_that_nobody_has),
        cmocka_unit_test(test_without_certificate),
        cmocka_unit_test(test_what_the_listener_says),
        cmocka_unit_test(test_redirect),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_more_than_there_is_memory_for),
    };

    return cmocka_run_group_tests(tests, secure_init, secure_fini);
}
