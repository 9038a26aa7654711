/* Servers over a TLS that is at its worst (toy_tlsio.h), for clients in clear: a whole response
 * comes whole, byte for byte, and one that its server breaks off never looks whole; that an end
 * without close_notify is such a break is seen where the body ends with the connection. */
#include <stdlib.h>

#include "secure.h"
#include "toy_tlsio.h"

enum { ACTORS = 5, WANTS = 4, SEEDS = 300, RUN_MS = 20000, CONNS_MAX = 256 };

/* ---- the server ---- */

/* What a request asks for by its first segment. */
static const struct behaviour {
    const char *word;
    bool has_length, says_half, says_bye, is_whole;
} behaviours[] = {
    {"len", true, false, true, true},         {"until", false, false, true, true},
    {"half", true, true, true, false},        {"halfcut", true, true, false, false},
    {"untilcut", false, false, false, false},
};

struct toy_conn {
    struct peer peer; /* first */
    struct tlsio *tls;
    size_t taken, at; /* of peer.in; of plain */
    struct text plain;
    bool is_over;
};

static struct {
    struct world *world;
    struct sock listener;
    struct identities identities;
    struct tlsio_context *context;
    struct toy_conn conns[CONNS_MAX];
    unsigned conn_n;
} server;

static void push_out(struct toy_conn *c)
{
    const struct span out = tlsio_output(c->tls);

    if (out.len > 0 && !c->peer.is_closed && sock_is_open(&c->peer.sock))
        peer_say(&c->peer, out);
    tlsio_output_taken(c->tls);
}

static void say(struct toy_conn *c, struct span bytes)
{
    while (bytes.len > 0) {
        const size_t n = 1 + (size_t)rand_below(&server.world->rand, bytes.len);
        const struct iovec iov = {(void *)(uintptr_t)bytes.ptr, n};

        CHECK(tlsio_write(c->tls, &iov, 1) == 0);
        push_out(c);
        bytes = span_skip(bytes, n);
    }
}

static void answer(struct toy_conn *c, const struct behaviour *b, size_t n, unsigned long id)
{
    struct text body = {0}, head = {0};
    const bool ends = !b->has_length || b->says_half;

    fake_body(&body, id, n);
    text_addf(&head, "HTTP/1.1 200 OK\r\n");
    if (b->has_length)
        text_addf(&head, "Content-Length: %zu\r\n", n);
    text_addf(&head, "\r\n");
    say(c, text_span(&head));
    say(c, span_first(text_span(&body), b->says_half ? n / 2 : n));
    text_free(&head);
    text_free(&body);
    if (!ends)
        return;
    c->is_over = true;
    if (b->says_bye)
        tlsio_shut(c->tls);
    push_out(c);
    peer_say_end(&c->peer, PEER_CLOSES);
}

/* One request; false: more must come. */
static bool serve(struct toy_conn *c)
{
    const struct span in = span_skip(text_span(&c->plain), c->at);
    const char *end = in.len > 0 ? memmem(in.ptr, in.len, "\r\n\r\n", 4) : NULL;
    char kind[16];
    size_t n;
    unsigned long id;

    if (end == NULL || c->is_over)
        return false;
    CHECK(sscanf(in.ptr, "GET /%15[^/]/%zu/%lu", kind, &n, &id) == 3);
    c->at += (size_t)(end + 4 - in.ptr);
    for (size_t i = 0; i < COUNT(behaviours); i++)
        if (strcmp(behaviours[i].word, kind) == 0)
            answer(c, &behaviours[i], n, id);
    return true;
}

static void read_plain(struct toy_conn *c)
{
    struct span plain;

    do {
        CHECK(tlsio_read(c->tls, &plain) == 0);
        text_add(&c->plain, plain);
        push_out(c);
    } while (plain.len > 0);
}

static void on_bytes(struct peer *p)
{
    struct toy_conn *c = (struct toy_conn *)p;
    const struct span in = span_skip(text_span(&p->in), c->taken);

    c->taken += in.len;
    if (c->is_over || tlsio_state(c->tls) == TLSIO_ENDED)
        return;
    tlsio_give(c->tls, in);
    if (tlsio_state(c->tls) == TLSIO_HANDSHAKE) {
        const int rc = tlsio_handshake(c->tls);

        CHECK(rc == 0 || rc == WERR_AGAIN);
        push_out(c);
    }
    if (tlsio_state(c->tls) == TLSIO_OPEN)
        read_plain(c);
    while (tlsio_state(c->tls) == TLSIO_OPEN && serve(c)) {
    }
}

static void on_end(struct peer *p)
{
    peer_close(p, false);
}

static void on_accept(struct sock *s, struct accepted *a)
{
    struct toy_conn *c = &server.conns[server.conn_n++];
    struct rand_state *r = &server.world->rand;

    (void)s;
    CHECK(server.conn_n < CONNS_MAX);
    c->peer.on_bytes = on_bytes;
    c->peer.on_end = on_end;
    c->peer.send_piece = rand_below(r, 2) == 0 ? 1 + (uint32_t)rand_below(r, 3000) : 0;
    c->peer.send_gap_ms = c->peer.send_piece > 500 ? (uint32_t)rand_below(r, 4) : 0;
    c->tls = tlsio_new_server(secure.shared, server.context);
    peer_accept(&c->peer, server.world->loop, a);
}

static void on_closed(struct sock *s)
{
    (void)s;
}

static void open_server(struct world *w)
{
    static const struct sock_ops ops = {.on_accept = on_accept, .on_closed = on_closed};
    const struct addr at = {.family = AF_INET, .port = 443, .ip = {10, 0, 0, 1}};

    server.world = w;
    identities_add(&server.identities, &secure.leaf);
    server.context = identities_server(&server.identities, TLSIO_INTERMEDIATE);
    sock_accept_start(w->loop, &server.listener, &ops, loop_sim_listen(w->loop, &at));
    CHECK(world_describe(w, POOL_SET_POOL, "default", "{\"tls\":{\"verify\":false}}", NULL) ==
          0);
    CHECK(world_describe(w, POOL_ADD_SERVER, "default", "{\"url\":\"https://10.0.0.1\"}",
                         &w->server_id[0]) == 0);
    CHECK(world_set_up(w, 0, true) == 0);
}

static void close_server(struct world *w)
{
    sock_close(&server.listener, false);
    for (unsigned i = 0; i < server.conn_n; i++)
        peer_close(&server.conns[i].peer, false);
    world_run_ms(w, 10);
    for (unsigned i = 0; i < server.conn_n; i++) {
        tlsio_free(server.conns[i].tls);
        text_free(&server.conns[i].plain);
        peer_free_texts(&server.conns[i].peer);
    }
    tlsio_context_put(server.context);
    identities_free(&server.identities);
    memset(&server, 0, sizeof(server));
}

/* ---- clients ---- */

struct want {
    const struct behaviour *behaviour;
    size_t n;
};

struct actor {
    struct world_client *client;
    struct want wants[WANTS];
    unsigned long id;
    unsigned said_n, seen_n;
    size_t at; /* of what came */
    bool is_over;
};

/* Over all seeds: a test in which nothing happens proves nothing. */
static uint64_t whole_n[COUNT(behaviours)], broken_n[COUNT(behaviours)];

/* The plain bytes of a chunked body; the bytes it took, 0: it is not whole. */
static size_t read_chunks(struct span in, struct text *body)
{
    size_t at = 0;

    for (;;) {
        const char *line = memmem(in.ptr + at, in.len - at, "\r\n", 2);
        const size_t n = line != NULL ? strtoul(in.ptr + at, NULL, 16) : 0;
        const size_t from = line != NULL ? (size_t)(line + 2 - in.ptr) : 0;

        if (line == NULL || in.len < from + n + 2)
            return 0;
        text_add(body, span_from(in.ptr + from, n));
        at = from + n + 2;
        if (n == 0)
            return at;
    }
}

/* Of a response: the bytes it took, 0: it is not whole. */
static size_t read_response(struct span in, struct text *body)
{
    const char *end = in.len > 0 ? memmem(in.ptr, in.len, "\r\n\r\n", 4) : NULL;

    if (end == NULL)
        return 0;
    const size_t head_n = (size_t)(end + 4 - in.ptr);
    const char *length = memmem(in.ptr, head_n, "Content-Length: ", 16);

    CHECK(memcmp(in.ptr, "HTTP/1.1 200 OK\r\n", 17) == 0);
    if (length == NULL) {
        const size_t n = read_chunks(span_skip(in, head_n), body);

        return n > 0 ? head_n + n : 0;
    }
    const size_t n = strtoul(length + 16, NULL, 10);

    if (in.len < head_n + n)
        return 0;
    text_add(body, span_from(in.ptr + head_n, n));
    return head_n + n;
}

static void check_body(const struct actor *a, const struct text *body)
{
    struct text wanted = {0};

    fake_body(&wanted, a->id, a->wants[a->seen_n].n);
    CHECK(body->len == wanted.len && memcmp(body->ptr, wanted.ptr, wanted.len) == 0);
    text_free(&wanted);
}

static void see(struct actor *a)
{
    struct text body = {0};
    const struct peer *p = &a->client->peer;
    const struct behaviour *b = a->wants[a->seen_n].behaviour;
    const size_t n = read_response(span_skip(text_span(&p->in), a->at), &body);

    if (n > 0) {
        CHECK(b->is_whole);
        check_body(a, &body);
        whole_n[b - behaviours]++;
        a->at += n;
        a->seen_n++;
    } else if (p->has_fin || p->has_reset) {
        CHECK(!b->is_whole);
        broken_n[b - behaviours]++;
        a->is_over = true;
    }
    text_free(&body);
}

static void play(struct actor *a)
{
    char text[100];

    if (a->is_over)
        return;
    if (a->said_n > a->seen_n) {
        see(a);
        return;
    }
    a->is_over = a->seen_n == WANTS;
    if (a->is_over)
        return;
    const struct want *want = &a->wants[a->said_n++];

    snprintf(text, sizeof(text), "GET /%s/%zu/%lu HTTP/1.1\r\nHost: h\r\n\r\n",
             want->behaviour->word, want->n, a->id);
    world_say(a->client, text);
}

static void cast(struct world *w, struct actor *a, unsigned long id)
{
    static const size_t sizes[] = {2, 5, 1000, 20000};
    struct rand_state *r = &w->rand;

    *a = (struct actor){.client = world_client(w), .id = id};
    for (unsigned i = 0; i < WANTS; i++)
        a->wants[i] = (struct want){&behaviours[rand_below(r, COUNT(behaviours))],
                                    sizes[rand_below(r, COUNT(sizes))]};
}

static struct world *open_world(uint64_t seed)
{
    static const uint32_t delays_us[] = {0, 100, 5000};
    static const uint32_t buffers[] = {0, 300, 4096};
    struct world_setup setup = {.seed = seed};
    struct rand_state r;

    rand_seed(&r, seed * 7 + 1);
    toy_tlsio_seed(seed);
    setup.faults.max_delay_us = delays_us[rand_below(&r, COUNT(delays_us))];
    setup.faults.buffer_bytes = buffers[rand_below(&r, COUNT(buffers))];
    setup.faults.short_reads = rand_below(&r, 2) == 0;
    setup.faults.short_sends = rand_below(&r, 2) == 0;
    return world_open(&setup);
}

static void run_seed(uint64_t seed)
{
    struct world *w = open_world(seed);
    struct actor actors[ACTORS];
    bool is_all_over = false;

    open_server(w);
    for (unsigned i = 0; i < ACTORS; i++)
        cast(w, &actors[i], i + 1);
    for (unsigned ms = 0; ms < RUN_MS && !is_all_over; ms++) {
        is_all_over = true;
        world_run_ms(w, 1);
        for (unsigned i = 0; i < ACTORS; i++) {
            play(&actors[i]);
            is_all_over = is_all_over && actors[i].is_over;
        }
    }
    CHECK(is_all_over);
    close_server(w);
    world_end(w);
}

static void test_seeds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
    for (size_t i = 0; i < COUNT(behaviours); i++) {
        print_message("%s: %lu whole, %lu broken off\n", behaviours[i].word,
                      (unsigned long)whole_n[i], (unsigned long)broken_n[i]);
        assert_true((behaviours[i].is_whole ? whole_n : broken_n)[i] > SEEDS / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
    };

    return cmocka_run_group_tests(tests, secure_init, secure_fini);
}
