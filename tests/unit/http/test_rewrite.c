/* What goes and what comes in a head on its way; the first cases are those of the original
 * Weldr. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/rewrite.h"
#include "msg_make.h"

static const struct rewrite_facts facts = {
    .client_ip = {"10.0.0.9", 8},
    .scheme = {"http", 4},
    .server_host = {"s:1", 3},
    .request_id = {"id1", 3},
    .date = {"Sun, 06 Nov 1994 08:49:37 GMT", 29},
    .trust = REWRITE_TRUSTED,
};

struct rewrite_case {
    const char *name;
    uint8_t version;
    const char *authority;
    const char *map_host;
    const char *in;
    const char *out;
};

#define VIA  "Via: 1.1 weldr\n"
#define XFF  "X-Forwarded-For: 10.0.0.9\n"
#define MADE "X-Forwarded-Host: a\nX-Forwarded-Proto: http\nX-Request-Id: id1\n"

static const struct rewrite_case requests[] = {
    {"plain", 11, "", "", "Host: a\nB: c\n", "Host: a\nB: c\n" VIA XFF MADE},
    {"via of a 1.0 client", 10, "", "", "Host: a\n", "Host: a\nVia: 1.0 weldr\n" XFF MADE},
    {"via of an h2 client", 20, "", "", "Host: a\n", "Host: a\nVia: 2 weldr\n" XFF MADE},
    {"via is appended", 11, "", "", "Host: a\nVia: 1.0 proxy\n",
     "Host: a\nVia: 1.0 proxy, 1.1 weldr\n" XFF MADE},
    {"via lines are joined in order", 11, "", "",
     "Via: 1.0 p, 1.1 q\nHost: a\nvia: 1.1 r\nVIA: \n",
     "Host: a\nVia: 1.0 p, 1.1 q, 1.1 r, 1.1 weldr\n" XFF MADE},
    {"hop-by-hop fields", 11, "", "",
     "Connection: Foo, close\nFoo: 1\nFoo: 2\nKeep-Alive: timeout=5\nTE: trailers\n"
     "Proxy-Authorization: x\nTrailer: X\nUpgrade: h2c\nProxy-Connection: y\nHost: a\nBar: 3\n",
     "Trailer: X\nHost: a\nBar: 3\n" VIA XFF MADE},
    {"connection names in any case, in several lines", 11, "", "",
     "connection: fOO\nHost: a\nFoo: 1\nConnection: , bar ,\nBAR: 2\nFool: 3\n",
     "Host: a\nFool: 3\n" VIA XFF MADE},
    {"connection can't name what the message needs", 11, "", "",
     "Connection: host, content-length, transfer-encoding\nHost: a\nContent-Length: 3\n",
     "Host: a\nContent-Length: 3\n" VIA XFF MADE},
    {"connection names known fields", 11, "", "",
     "Connection: authorization, via, x-forwarded-for\nHost: a\nAuthorization: x\nVia: 1.0 p\n"
     "X-Forwarded-For: 6.6.6.6\n",
     "Host: a\n" VIA XFF MADE},
    {"x-forwarded-for is appended", 11, "", "",
     "X-Forwarded-For: 1.1.1.1\nHost: a\nX-Forwarded-For: 2.2.2.2, 3.3.3.3\n",
     "Host: a\n" VIA "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.9\n" MADE},
    {"what the client sent is kept", 11, "", "",
     "Host: a\nX-Forwarded-Proto: https\nX-Forwarded-Host: z\nX-Request-Id: q\n",
     "Host: a\nX-Forwarded-Proto: https\nX-Forwarded-Host: z\nX-Request-Id: q\n" VIA XFF},
    {"map_host", 11, "", "10.1.1.1:80", "Host: a\n", VIA XFF MADE "Host: 10.1.1.1:80\n"},
    {"authority wins over host", 11, "a", "", "Host: b\n", VIA XFF MADE "Host: a\n"},
    {"host from the authority", 10, "a", "", "B: c\n",
     "B: c\nVia: 1.0 weldr\n" XFF MADE "Host: a\n"},
    {"an empty id is none", 11, "", "", "Host: a\nX-Request-Id: \n", "Host: a\n" VIA XFF MADE},
    {"an id that connection names is none", 11, "", "",
     "X-Request-Id: q\nHost: a\nConnection: close, X-REQUEST-ID\n", "Host: a\n" VIA XFF MADE},
    {"of several ids the first one that says something", 11, "", "",
     "X-Request-Id: \nHost: a\nx-request-id: q\nX-Request-Id: r\nX-Request-Id: q\n",
     "Host: a\nx-request-id: q\n" VIA XFF "X-Forwarded-Host: a\nX-Forwarded-Proto: http\n"},
    {"no host at all", 10, "", "", "",
     "Via: 1.0 weldr\n" XFF "X-Forwarded-Proto: http\nX-Request-Id: id1\nHost: s:1\n"},
    {"no host, and one is mapped", 10, "", "m:1", "",
     "Via: 1.0 weldr\n" XFF "X-Forwarded-Proto: http\nX-Request-Id: id1\nHost: m:1\n"},
    {"an empty host is one", 10, "", "", "Host: \n",
     "Host: \nVia: 1.0 weldr\n" XFF "X-Forwarded-Proto: http\nX-Request-Id: id1\n"},
    {"expect passes", 11, "", "", "Host: a\nExpect: 100-continue\n",
     "Host: a\nExpect: 100-continue\n" VIA XFF MADE},
    {"expect of a 1.0 client is ignored", 10, "", "", "Host: a\nExpect: 100-continue\n",
     "Host: a\nVia: 1.0 weldr\n" XFF MADE},
};

/* Who is believed, and Forwarded (RFC 7239). */
static const struct forwarding_case {
    const char *name;
    enum rewrite_trust trust;
    bool forwarded;
    const char *ip, *authority, *in, *out;
} forwarding[] = {
    {"strangers' words go", REWRITE_STRANGER, false, "10.0.0.9", "",
     "X-Forwarded-For: 6.6.6.6\nHost: a\nX-Forwarded-Proto: https\nX-FORWARDED-HOST: z\n"
     "X-Forwarded-Port: 1\nx-forwarded-for: 7.7.7.7\nForwarded: for=6.6.6.6\n"
     "X-Forwarded: y\nX-Request-Id: q\n",
     "Host: a\nX-Forwarded: y\nX-Request-Id: q\n" VIA XFF
     "X-Forwarded-Host: a\nX-Forwarded-Proto: http\n"},
    {"of unknown clients only X-Forwarded-For stays", REWRITE_UNKNOWN, false, "10.0.0.9", "",
     "X-Forwarded-For: 6.6.6.6\nHost: a\nX-Forwarded-Proto: https\nX-FORWARDED-HOST: z\n"
     "X-Forwarded-Port: 1\nx-forwarded-for: 7.7.7.7\nForwarded: for=6.6.6.6\n"
     "x_forwarded_proto: https\nX_Forwarded_For: 8.8.8.8\nX-Forwarded: y\nX-Request-Id: q\n",
     "Host: a\nX-Forwarded: y\nX-Request-Id: q\n" VIA
     "X-Forwarded-For: 6.6.6.6, 7.7.7.7, 10.0.0.9\n"
     "X-Forwarded-Host: a\nX-Forwarded-Proto: http\n"},
    {"nobody says what certificate was shown", REWRITE_TRUSTED, false, "10.0.0.9", "",
     "X-Client-Cert-Subject: CN=me\nHost: a\nx_client_cert-san: DNS:me\nX-CLIENT-CERT: 1\n"
     "X-Client-Cent: 2\nX-Forwarded-Port: 1\nAccept-Encoding: br\n",
     "Host: a\nX-Client-Cent: 2\nX-Forwarded-Port: 1\nAccept-Encoding: br\n" VIA XFF MADE},
    {"nor does a stranger", REWRITE_STRANGER, false, "10.0.0.9", "",
     "Host: a\nX_CLIENT_CERT_Fingerprint: 00\nX-Forwarded-Port: 1\n", "Host: a\n" VIA XFF MADE},
    {"forwarded of unknown clients is begun anew", REWRITE_UNKNOWN, true, "10.0.0.9", "",
     "Host: a\nForwarded: for=6.6.6.6\nforwarded: for=7.7.7.7\n",
     "Host: a\n" VIA XFF "Forwarded: for=10.0.0.9;host=a;proto=http\n" MADE},
    {"a trusted peer's stay", REWRITE_TRUSTED, false, "10.0.0.9", "",
     "Host: a\nX-Forwarded-Port: 1\nForwarded: for=6.6.6.6\n",
     "Host: a\nX-Forwarded-Port: 1\nForwarded: for=6.6.6.6\n" VIA XFF MADE},
    {"forwarded is made", REWRITE_TRUSTED, true, "10.0.0.9", "", "Host: a\n",
     "Host: a\n" VIA XFF "Forwarded: for=10.0.0.9;host=a;proto=http\n" MADE},
    {"a port is quoted", REWRITE_TRUSTED, true, "10.0.0.9", "", "Host: a:80\n",
     "Host: a:80\n" VIA XFF "Forwarded: for=10.0.0.9;host=\"a:80\";proto=http\n"
     "X-Forwarded-Host: a:80\nX-Forwarded-Proto: http\nX-Request-Id: id1\n"},
    {"ip6 is quoted", REWRITE_TRUSTED, true, "2001:db8::1", "", "Host: [::1]\n",
     "Host: [::1]\n" VIA "X-Forwarded-For: 2001:db8::1\n"
     "Forwarded: for=\"[2001:db8::1]\";host=\"[::1]\";proto=http\n"
     "X-Forwarded-Host: [::1]\nX-Forwarded-Proto: http\nX-Request-Id: id1\n"},
    {"no string can be left", REWRITE_TRUSTED, true, "10.0.0.9", "a\"b\\c", "Host: x\n",
     VIA XFF "Forwarded: for=10.0.0.9;host=\"a\\\"b\\\\c\";proto=http\n"
             "X-Forwarded-Host: a\"b\\c\nX-Forwarded-Proto: http\nX-Request-Id: id1\n"
             "Host: a\"b\\c\n"},
    {"forwarded without a host", REWRITE_TRUSTED, true, "10.0.0.9", "", "Host: \n",
     "Host: \n" VIA XFF "Forwarded: for=10.0.0.9;proto=http\n"
     "X-Forwarded-Proto: http\nX-Request-Id: id1\n"},
    {"forwarded is appended", REWRITE_TRUSTED, true, "10.0.0.9", "",
     "Forwarded: for=1.1.1.1;by=_x\nHost: a\nforwarded: for=2.2.2.2, for=_3\n",
     "Host: a\n" VIA XFF "Forwarded: for=1.1.1.1;by=_x, for=2.2.2.2, for=_3, "
     "for=10.0.0.9;host=a;proto=http\n" MADE},
    {"forwarded is begun anew", REWRITE_STRANGER, true, "10.0.0.9", "",
     "Forwarded: for=1.1.1.1\nHost: a\n",
     "Host: a\n" VIA XFF "Forwarded: for=10.0.0.9;host=a;proto=http\n" MADE},
    {"the target's authority counts", REWRITE_TRUSTED, true, "10.0.0.9", "b", "Host: a\n",
     VIA XFF "Forwarded: for=10.0.0.9;host=b;proto=http\n"
             "X-Forwarded-Host: b\nX-Forwarded-Proto: http\nX-Request-Id: id1\nHost: b\n"},
};

#define ID   "X-Request-Id: id1\n"
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\n"

static const struct rewrite_case responses[] = {
    {"plain", 11, "", "", "Server: x\n", "Server: x\n" VIA DATE ID},
    {"own date stays", 11, "", "", "Date: z\n", "Date: z\n" VIA ID},
    {"via with the origin's version", 10, "", "", "Via: 1.1 p\n",
     "Via: 1.1 p, 1.0 weldr\n" DATE ID},
    {"hop-by-hop fields", 11, "", "",
     "Connection: Foo\nFoo: 1\nKeep-Alive: x\nProxy-Authenticate: y\nTrailer: t\nUpgrade: u\n"
     "Set-Cookie: a\nSet-Cookie: b\n",
     "Trailer: t\nSet-Cookie: a\nSet-Cookie: b\n" VIA DATE ID},
    {"another id goes", 11, "", "", "X-Request-Id: o\nB: c\nx-request-id: id\n",
     "B: c\n" VIA DATE ID},
    {"the id that came back stays", 11, "", "", "X-Request-Id: id1\nB: c\nX-Request-Id: o\n",
     "X-Request-Id: id1\nB: c\n" VIA DATE},
};

typedef int (*rewrite_fn)(struct msg *m, const struct rewrite_facts *facts,
                          struct arena *arena);

/* The client's id, or ours. */
static struct span choose_id(const struct msg *m)
{
    struct span id = rewrite_request_id(m);
    return id.len > 0 ? id : facts.request_id;
}

static int rewrite_with_chosen_id(struct msg *m, const struct rewrite_facts *given,
                                  struct arena *arena)
{
    struct rewrite_facts now = *given;
    now.request_id = choose_id(m);
    return rewrite_request(m, &now, arena);
}

/* As a reader says that has looked at all lines. */
static uint32_t absent_in(const struct msg *m)
{
    uint32_t seen = 0;
    for (unsigned i = 0; i < m->field_n; i++) {
        uint8_t token = m->fields[i].token;
        const struct span name = msg_field_name(m, &m->fields[i]);

        if (token != FIELD_OTHER || field_is_forwarding(name) ||
            field_is_client_certificate(name))
            seen |= 1U << token;
    }
    return ~seen;
}

static void check_case(const struct rewrite_case *c, rewrite_fn rewrite, struct arena *arena,
                       bool is_read)
{
    struct made_msg made;
    char text[MADE_TEXT_MAX];
    struct msg *m = msg_make(&made, c->in);
    struct rewrite_facts now = facts;
    m->version = c->version;
    m->authority = span_from_str(c->authority);
    now.map_host = span_from_str(c->map_host);
    if (is_read)
        m->absent = absent_in(m);
    assert_int_equal(rewrite(m, &now, arena), 0);
    if (strcmp(msg_show(m, text), c->out) != 0)
        fail_msg("%s:\n%s--- expected:\n%s", c->name, text, c->out);
    arena_reset(arena);
}

static void check_tables(bool is_read)
{
    struct arena_store *store = arena_store_new(4096, 1);
    struct arena arena;
    arena_init(&arena, store, 4096);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        check_case(&requests[i], rewrite_with_chosen_id, &arena, is_read);
    for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++)
        check_case(&responses[i], rewrite_response, &arena, is_read);
    arena_store_free(store);
}

/* What the reader knows of the lines spares a walk and changes nothing. */
static void test_tables(void **state)
{
    (void)state;
    check_tables(false);
    check_tables(true);
}

static void check_forwarding(const struct forwarding_case *c, struct arena *arena, bool is_read)
{
    struct made_msg made;
    char text[MADE_TEXT_MAX];
    struct msg *m = msg_make(&made, c->in);
    struct rewrite_facts now = facts;
    now.client_ip = span_from_str(c->ip);
    now.trust = c->trust;
    now.forwarded = c->forwarded;
    m->authority = span_from_str(c->authority);
    if (is_read)
        m->absent = absent_in(m);
    assert_int_equal(rewrite_with_chosen_id(m, &now, arena), 0);
    if (strcmp(msg_show(m, text), c->out) != 0)
        fail_msg("%s:\n%s--- expected:\n%s", c->name, text, c->out);
    arena_reset(arena);
}

static void test_forwarding(void **state)
{
    (void)state;
    struct arena_store *store = arena_store_new(4096, 1);
    struct arena arena;
    arena_init(&arena, store, 4096);
    for (size_t i = 0; i < sizeof(forwarding) / sizeof(forwarding[0]); i++) {
        check_forwarding(&forwarding[i], &arena, false);
        check_forwarding(&forwarding[i], &arena, true);
    }
    arena_store_free(store);
}

/* What is added must not lean on the facts, which are gone when a request that waited is sent;
 * the id is not. */
static void test_facts_are_copied(void **state)
{
    (void)state;
    struct arena_store *store = arena_store_new(4096, 1);
    struct arena arena;
    arena_init(&arena, store, 4096);
    char ip[] = "10.0.0.9";
    char scheme[] = "http";
    char id[] = "id1";
    char host[] = "o:1";
    struct rewrite_facts now = {span_from_str(ip),   span_from_str(scheme),
                                span_from_str(host), SPAN_NONE,
                                span_from_str(id),   SPAN_NONE,
                                REWRITE_TRUSTED,     false};
    struct made_msg made;
    char text[MADE_TEXT_MAX];
    struct msg *m = msg_make(&made, "Host: a\n");
    assert_int_equal(rewrite_request(m, &now, &arena), 0);
    memset(ip, '#', sizeof(ip));
    memset(scheme, '#', sizeof(scheme));
    memset(host, '#', sizeof(host));
    assert_string_equal(msg_show(m, text), VIA XFF MADE "Host: o:1\n");
    arena_reset(&arena);
    arena_store_free(store);
}

/* Who tells clients nothing leaves what the server says alone. */
static void test_answer_without_an_id(void **state)
{
    (void)state;
    struct arena_store *store = arena_store_new(4096, 1);
    struct arena arena;
    struct made_msg made;
    char text[MADE_TEXT_MAX];
    struct rewrite_facts now = {.date = facts.date};
    arena_init(&arena, store, 4096);
    struct msg *m = msg_make(&made, "X-Request-Id: o\nX-Request-Id: p\n");
    assert_int_equal(rewrite_response(m, &now, &arena), 0);
    assert_string_equal(msg_show(m, text), "X-Request-Id: o\nX-Request-Id: p\n" VIA DATE);
    m = msg_make(&made, "B: c\n");
    assert_int_equal(rewrite_response(m, &now, &arena), 0);
    assert_string_equal(msg_show(m, text), "B: c\n" VIA DATE);
    arena_reset(&arena);
    arena_store_free(store);
}

static void test_shortage(void **state)
{
    (void)state;
    struct arena_store *store = arena_store_new(4096, 1);
    struct arena arena;
    struct made_msg made;
    arena_init(&arena, store, 8);
    assert_int_equal(rewrite_request(msg_make(&made, "Host: a\n"), &facts, &arena), WERR_NOMEM);
    assert_int_equal(rewrite_response(msg_make(&made, "A: b\n"), &facts, &arena), WERR_NOMEM);
    arena_reset(&arena);

    arena_init(&arena, store, 4096);
    struct msg *m = msg_make(&made, "Host: a\n");
    m->added_n = MSG_ADDED_MAX - 1;
    assert_int_equal(rewrite_request(m, &facts, &arena), WERR_TOO_BIG);
    arena_reset(&arena);
    arena_store_free(store);
}

static void test_drop_hop_by_hop_adds_nothing(void **state)
{
    (void)state;
    struct made_msg made;
    char text[MADE_TEXT_MAX];
    struct msg *m = msg_make(&made, "Connection: x\nX: y\nVia: 1.1 z\nTE: q\nB: c\n");
    rewrite_drop_hop_by_hop(m);
    assert_string_equal(msg_show(m, text), "Via: 1.1 z\nB: c\n");
}

/* The first line stands for the method, which the field list knows nothing of. */
static void test_max_forwards(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *value;
        bool may;
        const char *left;
    } cases[] = {
        {"TRACE", "1", true, "Max-Forwards: 0\n"},
        {"OPTIONS", "010", true, "Max-Forwards: 9\n"},
        {"TRACE", "99999999999999999999999", true, "Max-Forwards: 9223372036854775806\n"},
        {"TRACE", "0", false, ""},
        {"OPTIONS", "00", false, ""},
        {"GET", "0", true, ""},
        {"TRACE", "-1", true, ""},
        {"TRACE", "", true, ""},
    };
    struct arena_store *store = arena_store_new(4096, 1);
    struct arena arena;
    arena_init(&arena, store, 4096);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char lines[128], text[MADE_TEXT_MAX];
        struct made_msg made;
        snprintf(lines, sizeof(lines), "M: %s\nHost: a\nMax-Forwards: %s\n", cases[i].method,
                 cases[i].value);
        struct msg *m = msg_make(&made, lines);
        m->method_off = m->fields[0].value_off;
        m->method_len = m->fields[0].value_len;
        m->fields[0].flags |= MSG_FIELD_DROP;
        assert_int_equal(rewrite_may_forward(m), cases[i].may);
        assert_int_equal(rewrite_request(m, &facts, &arena), 0);
        const char *tail = strstr(msg_show(m, text), "X-Request-Id: id1\n");
        assert_non_null(tail);
        assert_string_equal(tail + strlen("X-Request-Id: id1\n"), cases[i].left);
        arena_reset(&arena);
    }
    arena_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_forwarding),
        cmocka_unit_test(test_facts_are_copied),
        cmocka_unit_test(test_answer_without_an_id),
        cmocka_unit_test(test_shortage),
        cmocka_unit_test(test_drop_hop_by_hop_adds_nothing),
        cmocka_unit_test(test_max_forwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
