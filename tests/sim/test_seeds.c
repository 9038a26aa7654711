#include <inttypes.h>
#include <stdlib.h>

#include "../unit/base/cm.h"
#include "header.h"
#include "limits_by_chance.h"
#include "response.h"
#include "worker/ends.h"

enum {
    ACTORS = 6,
    WANTS = 6,
    SCENE_IDS = ACTORS * WANTS + 1,
    SEEDS = 300,
    SETTLE_MS = 1000000
};

/* What a kind of request comes to when nothing else goes wrong. */
struct fault_kind {
    const char *word;
    const char *method;
    bool is_calm;    /* answered well, and leaves no trouble behind */
    bool has_answer; /* of the origin's, whole */
    uint16_t status;
    size_t fixed_bytes; /* of the response; 0: as asked */
};

static const struct fault_kind kinds[] = {
    {"len", "GET", true, true, 200, 0},           {"len", "HEAD", true, true, 200, 0},
    {"chunked", "GET", true, true, 200, 0},       {"chunked", "HEAD", true, true, 200, 0},
    {"until", "GET", true, true, 200, 0},         {"old", "GET", true, true, 200, 0},
    {"error", "GET", true, true, 500, 0},         {"204", "GET", true, true, 204, 0},
    {"304", "GET", true, true, 304, 0},           {"late", "GET", true, true, 200, 10},
    {"info", "GET", true, true, 200, 0},          {"bye", "GET", true, true, 200, 0},
    {"echo", "POST", true, true, 200, 0},         {"echo", "PUT", true, true, 200, 0},
    {"once", "GET", false, true, 200, 0},         {"stale", "GET", false, true, 200, 0},
    {"early", "POST", false, true, 413, 0},       {"earlyclose", "POST", false, true, 413, 0},
    {"lenreset", "GET", false, true, 200, 0},     {"chunkedreset", "GET", false, true, 200, 0},
    {"lenreset", "POST", false, true, 200, 0},    {"earlyreset", "POST", false, true, 200, 0},
    {"earlypolite", "POST", false, true, 200, 0}, {"stall", "GET", false, false, 0, 0},
    {"half", "GET", false, false, 0, 0},          {"cut", "GET", false, false, 0, 0},
    {"cutchunk", "GET", false, false, 0, 0},      {"reset", "GET", false, false, 0, 0},
    {"end", "GET", false, false, 0, 0},           {"reset0", "GET", false, false, 0, 0},
    {"halfhead", "GET", false, false, 0, 0},      {"garbage", "GET", false, false, 0, 0},
    {"badhead", "GET", false, false, 0, 0},       {"badchunk", "GET", false, false, 0, 0},
};

struct want {
    const struct fault_kind *kind;
    unsigned long id;
    size_t number; /* of bytes, up or down */
    bool is_chunked;
};

/* What an origin does with a connection that was switched. */
struct tunnel {
    const char *word;
    const char *says; /* NULL: echoes */
    bool is_cut;      /* by a reset */
};

static const struct tunnel tunnels[] = {
    {"tunnel", NULL, false},
    {"tunnel", NULL, false},
    {"tunnelshut", "bye", false},
    {"tunnelreset", "half", true},
};

struct actor {
    struct world_client *client;
    char ip[48];                 /* whom Weldr takes it for */
    const struct tunnel *tunnel; /* NULL: asks for answers */
    struct text words;           /* what it says in the tunnel */
    bool is_hasty;               /* says them before the switch */
    bool has_words;              /* said */
    struct want want[WANTS];
    unsigned want_n, said_n;
    bool is_patient; /* asks the next when it has the response */
    bool leaves;     /* before it has all */
    uint64_t leaves_at_ms;
};

struct scene {
    struct world *world;
    struct actor actor[ACTORS];
    unsigned actor_n;
    bool is_calm;              /* nothing may fail */
    bool is_killing;           /* an origin was killed */
    uint32_t named;            /* bit n: server n is given by name */
    unsigned asked[SCENE_IDS]; /* times that an origin has seen the id */
};

/* Over all seeds: a test in which nothing happens proves nothing. */
static uint64_t wants_n, answers_n, retries_n, aborts_n, waits_n, tunnels_n, whole_tunnels_n;
static uint64_t headers_n, ends_n[STATS_ENDS_MAX];

static uint64_t roll(struct scene *s, uint64_t n)
{
    return rand_below(&s->world->rand, n);
}

static bool chance(struct scene *s, unsigned percent)
{
    return roll(s, 100) < percent;
}

/* ---- making a scene ---- */

static struct world_setup make_setup(uint64_t seed, bool *is_calm)
{
    static const uint32_t delays_us[] = {0, 100, 5000, 50000};
    static const uint32_t buffers[] = {0, 300, 4096, 20000};
    static const uint32_t resets[] = {0, 300, 3000};
    struct world_setup setup = {.seed = seed};
    struct rand_state r;

    rand_seed(&r, seed * 7 + 1);
    *is_calm = rand_below(&r, 3) == 0;
    setup.faults.max_delay_us = delays_us[rand_below(&r, COUNT(delays_us))];
    setup.faults.buffer_bytes = buffers[rand_below(&r, COUNT(buffers))];
    setup.faults.short_reads = rand_below(&r, 2) == 0;
    setup.faults.short_sends = rand_below(&r, 2) == 0;
    if (!*is_calm)
        setup.faults.reset_per_million = resets[rand_below(&r, COUNT(resets))];
    setup.server_n = 1 + (unsigned)rand_below(&r, 4);
    for (unsigned n = 0; n < setup.server_n; n++)
        setup.weight[n] = 1 + (uint16_t)rand_below(&r, 3);
    /* What is in the network's buffers moves unseen: where all must go well, it gets time. */
    setup.timeouts.connect_ms = 1000;
    setup.timeouts.response_head_ms = *is_calm ? 60000 : 4000;
    setup.timeouts.idle_ms = *is_calm ? 60000 : 4000;
    setup.timeouts.tunnel_ms = *is_calm ? 60000 : 4000;
    setup.is_behind_proxy = rand_below(&r, 3) == 0;
    setup.tells_client = rand_below(&r, 4) == 0;
    return setup;
}

static struct want make_want(struct scene *s, unsigned long id)
{
    static const size_t sizes[] = {2, 10, 300, 3000, 20000, 70000};
    struct want want = {.id = id, .is_chunked = chance(s, 50)};

    do {
        want.kind = &kinds[roll(s, COUNT(kinds))];
    } while (s->is_calm && !want.kind->is_calm);
    want.number = 2 + roll(s, sizes[roll(s, COUNT(sizes))]);
    if (strcmp(want.kind->word, "late") == 0)
        want.number %= 1000;
    return want;
}

static void pace(struct scene *s, uint32_t *piece, uint32_t *gap_ms)
{
    if (chance(s, 60))
        return;
    *piece = 200 + (uint32_t)roll(s, 2000);
    *gap_ms = (uint32_t)roll(s, 8);
}

static void say_header(struct scene *s, struct actor *a, unsigned char n)
{
    struct text t = {0};

    (void)snprintf(a->ip, sizeof(a->ip), "127.0.0.1");
    if (!s->world->setup.is_behind_proxy)
        return;
    header_add(&t, (enum header_kind)roll(s, HEADER_KINDS), n, a->ip);
    peer_say(&a->client->peer, text_span(&t));
    text_free(&t);
    headers_n++;
}

static void make_tunnel(struct scene *s, struct actor *a)
{
    static const size_t sizes[] = {1, 300, 20000, 200000};

    do {
        a->tunnel = &tunnels[roll(s, COUNT(tunnels))];
    } while (s->is_calm && a->tunnel->is_cut);
    a->is_hasty = chance(s, 30);
    a->want_n = 1;
    fake_body(&a->words, a->want[0].id, roll(s, sizes[roll(s, COUNT(sizes))]));
}

static void make_actor(struct scene *s, unsigned n)
{
    struct actor *a = &s->actor[n];
    struct peer *p;

    a->want_n = 1 + (unsigned)roll(s, WANTS);
    a->is_patient = chance(s, 50);
    a->leaves = !s->is_calm && chance(s, 20);
    a->leaves_at_ms = world_now_ms(s->world) + roll(s, 300);
    for (unsigned i = 0; i < a->want_n; i++)
        a->want[i] = make_want(s, n * WANTS + i + 1);
    a->client = world_client(s->world);
    p = &a->client->peer;
    pace(s, &p->send_piece, &p->send_gap_ms);
    pace(s, &p->read_piece, &p->read_gap_ms);
    if (chance(s, 10)) {
        p->send_piece = 1;
        p->send_gap_ms = 0;
    }
    say_header(s, a, (unsigned char)(n + 1));
    if (chance(s, 20))
        make_tunnel(s, a);
}

static void put_upload(struct scene *s, const struct want *want, struct text *say)
{
    struct text body = {0};
    struct span rest;

    fake_body(&body, want->id, want->number);
    rest = text_span(&body);
    if (!want->is_chunked) {
        text_addf(say, "Content-Length: %zu\r\n\r\n", rest.len);
        text_add(say, rest);
        text_free(&body);
        return;
    }
    text_addf(say, "Transfer-Encoding: chunked\r\n\r\n");
    while (rest.len > 0) {
        struct span part = span_first(rest, 1 + roll(s, rest.len));

        text_addf(say, "%zx\r\n", part.len);
        text_add(say, part);
        text_addf(say, "\r\n");
        rest = span_skip(rest, part.len);
    }
    text_addf(say, "0\r\n\r\n");
    text_free(&body);
}

static bool has_upload(const struct fault_kind *k)
{
    return k->method[0] == 'P';
}

static bool is_post(const struct fault_kind *k)
{
    return strcmp(k->method, "POST") == 0;
}

static bool has_switched(const struct actor *a)
{
    const struct text *in = &a->client->peer.in;

    return in->len > 13 && memcmp(in->ptr, "HTTP/1.1 101 ", 13) == 0;
}

/* All that there is to say, and then half a close. */
static void say_words(struct actor *a)
{
    a->has_words = true;
    peer_say(&a->client->peer, text_span(&a->words));
    peer_say_end(&a->client->peer, PEER_SHUTS);
}

static void move_tunnel(struct actor *a)
{
    struct text say = {0};

    if (a->said_n == 0) {
        a->said_n = 1;
        text_addf(&say,
                  "GET /%s/0/%lu HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n"
                  "Upgrade: echo\r\n\r\n",
                  a->tunnel->word, a->want[0].id);
        peer_say(&a->client->peer, text_span(&say));
        text_free(&say);
    }
    if (!a->has_words && (a->is_hasty || has_switched(a)))
        say_words(a);
}

static void ask_next(struct scene *s, struct actor *a)
{
    const struct want *want = &a->want[a->said_n++];
    struct text say = {0};

    text_addf(&say, "%s /%s/%zu/%lu HTTP/1.1\r\nHost: h\r\n", want->kind->method,
              want->kind->word, want->number, want->id);
    if (has_upload(want->kind))
        put_upload(s, want, &say);
    else
        text_addf(&say, "\r\n");
    peer_say(&a->client->peer, text_span(&say));
    text_free(&say);
}

/* ---- judging ---- */

static void check_body(const struct want *want, const struct response *got)
{
    struct text wanted = {0};
    bool is_bare =
        want->kind->method[0] == 'H' || want->kind->status == 204 || want->kind->status == 304;
    size_t n = want->kind->fixed_bytes ? want->kind->fixed_bytes : want->number;

    if (!is_bare)
        fake_body(&wanted, want->id, n);
    CHECK(got->body.len == wanted.len);
    CHECK(wanted.len == 0 || memcmp(got->body.ptr, wanted.ptr, wanted.len) == 0);
    text_free(&wanted);
}

/* What is there of a response that will never be whole must be the begin of the right one. */
static void check_part(const struct want *want, const struct response *got)
{
    struct text wanted = {0};

    if (!got->has_head || got->is_ours || strcmp(want->kind->word, "badchunk") == 0)
        return;
    CHECK(got->id == (long)want->id);
    fake_body(&wanted, want->id, want->number + 10);
    CHECK(got->body.len <= wanted.len);
    CHECK(got->body.len == 0 || memcmp(got->body.ptr, wanted.ptr, got->body.len) == 0);
    text_free(&wanted);
}

static void check_answer(const struct scene *s, const struct want *want, const char *ip,
                         const struct response *got)
{
    if (got->is_ours) {
        CHECK(!s->is_calm);
        CHECK(got->status >= 500 || got->status == 408);
        return;
    }
    CHECK(want->kind->has_answer);
    CHECK(got->id == (long)want->id);
    CHECK(got->status == want->kind->status);
    CHECK(!got->client[0] || strcmp(got->client, ip) == 0);
    check_body(want, got);
}

/* What came through a tunnel is the begin of what was said; if it ends with a FIN, all of it.
 */
static bool check_switched(const struct scene *s, const struct actor *a)
{
    const struct peer *p = &a->client->peer;
    const char *at = memmem(p->in.ptr, p->in.len, "\r\n\r\n", 4);
    struct span want = a->tunnel->says ? span_from_str(a->tunnel->says) : text_span(&a->words);
    struct span got;

    if (!at)
        return false;
    at += 4;
    got = span_from(at, (size_t)(p->in.ptr + p->in.len - at));
    CHECK(got.len <= want.len && (got.len == 0 || memcmp(got.ptr, want.ptr, got.len) == 0));
    CHECK(got.len == want.len || !p->has_fin || s->is_killing);
    return got.len == want.len && p->has_fin;
}

/* 1 when its tunnel was switched and has come to its end whole. */
static unsigned check_tunnel(const struct scene *s, const struct actor *a)
{
    const struct peer *p = &a->client->peer;
    struct response got;

    if (has_switched(a))
        return check_switched(s, a);
    if (response_read(text_span(&p->in), false, p->has_fin, &got) == RESPONSE_WHOLE)
        check_answer(s, &a->want[0], a->ip, &got);
    text_free(&got.body);
    return 0;
}

/* Whole answers so far, each checked against its request. */
static unsigned check_actor(const struct scene *s, const struct actor *a, bool is_over)
{
    const struct peer *p = &a->client->peer;
    struct span in = text_span(&p->in);
    enum response_result rc = RESPONSE_WHOLE;
    unsigned n = 0;

    if (a->tunnel)
        return check_tunnel(s, a);
    while (rc == RESPONSE_WHOLE && n < a->said_n) {
        struct response got;

        rc = response_read(in, a->want[n].kind->method[0] == 'H', p->has_fin, &got);
        CHECK(rc != RESPONSE_BROKEN);
        if (rc == RESPONSE_WHOLE) {
            check_answer(s, &a->want[n++], a->ip, &got);
            in = span_skip(in, got.bytes);
        } else if (is_over) {
            check_part(&a->want[n], &got);
        }
        text_free(&got.body);
    }
    CHECK(n < a->said_n || in.len == 0); /* nothing that was not asked for */
    return n;
}

/* ---- playing ---- */

static void move_actor(struct scene *s, struct actor *a)
{
    struct peer *p = &a->client->peer;

    if (a->leaves && world_now_ms(s->world) >= a->leaves_at_ms) {
        peer_close(p, chance(s, 50));
        return;
    }
    if (a->tunnel)
        move_tunnel(a);
    while (a->said_n < a->want_n && (!a->is_patient || check_actor(s, a, false) == a->said_n))
        ask_next(s, a);
    if (p->has_fin || p->has_reset)
        peer_close(p, false);
}

/* Two addresses that can't be reached, one of them without a word. Not the first: it is one of
 * every name, and is a server that stays when nothing may fail. */
static void break_addresses(struct scene *s)
{
    static const int results[] = {WERR_REFUSED, WERR_UNREACHABLE, WERR_ADDR_UNAVAILABLE,
                                  WERR_DENIED};

    world_route(s->world, 1 + (unsigned)roll(s, WORLD_ORIGINS - 1), results[roll(s, 4)]);
    world_route(s->world, 1 + (unsigned)roll(s, WORLD_ORIGINS - 1), WERR_AGAIN);
}

static void change_addresses(struct scene *s, unsigned n)
{
    const uint32_t origins = 1 | (uint32_t)roll(s, 1U << WORLD_ORIGINS);

    CHECK(world_set_addrs(s->world, n, origins, (uint32_t)roll(s, 256) & ~1U) == 0);
}

static void add_server(struct scene *s, unsigned n)
{
    const bool is_named = chance(s, 40);

    s->named = (s->named & ~(1U << n)) | (uint32_t)is_named << n;
    if (is_named)
        CHECK(world_add_named(s->world, n) == 0);
    else
        CHECK(world_add_server(s->world, n, 1 + (uint16_t)roll(s, 3)) == 0);
    if (is_named)
        change_addresses(s, n);
}

static void change_pool(struct scene *s)
{
    static const uint32_t facts[] = {0, FRAME_LOCAL_UNTRIED, FRAME_LOCAL_PASSED};
    struct world *w = s->world;
    unsigned n = (unsigned)roll(s, WORLD_ORIGINS);
    uint64_t id = w->server_id[n];

    if (!id) {
        add_server(s, n);
    } else if ((s->named >> n & 1) && chance(s, 50)) {
        change_addresses(s, n);
    } else if (chance(s, 20)) {
        CHECK(world_tell(w, n, FRAME_LOCAL_UP | facts[roll(s, 3)]) == 0);
    } else if (chance(s, 30)) {
        CHECK(world_set_weight(w, n, (uint16_t)(s->is_calm + roll(s, 4))) == 0);
    } else if (!s->is_calm) {
        int rc = chance(s, 50) ? world_set_up(w, n, chance(s, 50)) : world_remove_server(w, n);

        CHECK(rc == 0);
        if (!w->server_id[n] && chance(s, 70))
            CHECK(world_forget(w, id) == 0);
    }
}

static void play(struct scene *s)
{
    for (unsigned step = 0; step < 60; step++) {
        for (unsigned i = 0; i < s->actor_n; i++)
            move_actor(s, &s->actor[i]);
        if (chance(s, 10))
            change_pool(s);
        if (!s->is_calm && chance(s, 1)) {
            s->is_killing = true;
            fake_origin_close(&s->world->origins[roll(s, WORLD_ORIGINS)]);
        }
        if (!s->is_calm && step > 20 && chance(s, 1))
            world_drain(s->world, 1000);
        world_run_ms(s->world, roll(s, 30));
    }
    for (unsigned step = 0; step < 100; step++) {
        for (unsigned i = 0; i < s->actor_n; i++)
            move_actor(s, &s->actor[i]);
        world_run_ms(s->world, SETTLE_MS / 100);
    }
}

/* For whoever reruns a seed. */
static void print_actor(const struct scene *s, const struct actor *a, unsigned answered)
{
    const struct peer *p = &a->client->peer;

    for (unsigned k = 0; k < a->want_n; k++)
        print_error("%s %s /%s/%zu/%lu%s: %u times at an origin\n",
                    k < answered ? "answered" : "not answered", a->want[k].kind->method,
                    a->want[k].kind->word, a->want[k].number, a->want[k].id,
                    a->want[k].is_chunked ? " chunked" : "", s->asked[a->want[k].id]);
    print_error("said %u, unsent %zu, got %zu bytes%s%s\n%s\n", a->said_n,
                p->out.len - p->out_at, p->in.len, a->is_patient ? ", patient" : "",
                s->is_calm ? ", calm" : "", world_got(a->client));
}

static void check_scene(const struct scene *s)
{
    CHECK(s->world->worker.exchanges_slab.in_use == 0);
    CHECK(world_stat(s->world, STATS_in_flight) == 0);
    CHECK(s->world->held_max_bytes <= 1024 * 1024);
    for (unsigned i = 0; i < s->actor_n; i++) {
        const struct actor *a = &s->actor[i];
        const struct peer *p = &a->client->peer;
        unsigned answered = check_actor(s, a, true);

        if (answered < a->want_n && !a->leaves && !p->is_closed)
            print_actor(s, a, answered);
        CHECK(answered == a->want_n || a->leaves || p->is_closed);
        CHECK(answered == a->want_n || !s->is_calm);
        for (unsigned k = 0; k < a->want_n; k++)
            CHECK(s->asked[a->want[k].id] <=
                  (is_post(a->want[k].kind) && !a->tunnel ? 1U : 2U));
    }
}

static void count_scene(const struct scene *s)
{
    for (unsigned i = 0; i < s->actor_n; i++) {
        if (s->actor[i].tunnel) {
            tunnels_n++;
            whole_tunnels_n += check_tunnel(s, &s->actor[i]);
            continue;
        }
        wants_n += s->actor[i].said_n;
        answers_n += check_actor(s, &s->actor[i], true);
    }
    retries_n += world_stat(s->world, STATS_retries);
    aborts_n += world_stat(s->world, STATS_client_aborts);
    waits_n += world_pool(s->world)->queue.left_n;
    for (unsigned i = 0; i < STATS_ENDS_MAX; i++)
        ends_n[i] += s->world->stats->end[i];
}

static void run_seed(uint64_t seed)
{
    struct scene s = {0};
    struct world_setup setup = make_setup(seed, &s.is_calm);

    s.world = world_open(&setup);
    limit_by_chance(s.world, seed, s.is_calm);
    for (unsigned n = 0; n < WORLD_ORIGINS; n++) {
        struct fake_origin *o = &s.world->origins[n];

        o->asked = s.asked;
        o->asked_n = SCENE_IDS;
        o->names_client = true;
        pace(&s, &o->send_piece, &o->send_gap_ms);
        pace(&s, &o->read_piece, &o->read_gap_ms);
    }
    if (chance(&s, 50))
        break_addresses(&s);
    s.actor_n = 1 + (unsigned)roll(&s, ACTORS);
    for (unsigned n = 0; n < s.actor_n; n++)
        make_actor(&s, n);
    play(&s);
    check_scene(&s);
    count_scene(&s);
    for (unsigned n = 0; n < s.actor_n; n++)
        text_free(&s.actor[n].words);
    world_end(s.world);
}

static void test_seeds(void **state)
{
    const char *text = getenv("SIM_SEEDS");
    uint64_t n = text ? strtoull(text, NULL, 10) : SEEDS / world_stride();
    bool given;
    uint64_t first = world_seed(1, &given);

    (void)state;
    for (uint64_t seed = first; seed < first + (given ? 1 : n); seed++)
        run_seed(seed);
    print_message("tunnels %" PRIu64 ", whole %" PRIu64 ", PROXY headers %" PRIu64 "\n",
                  tunnels_n, whole_tunnels_n, headers_n);
    print_message("asked %" PRIu64 ", answered %" PRIu64 ", retries %" PRIu64
                  ", aborts %" PRIu64 ", waits for a place %" PRIu64 "\n",
                  wants_n, answers_n, retries_n, aborts_n, waits_n);
    for (unsigned i = 0; i < ENDS; i++)
        print_message("%s %" PRIu64 "\n", end_facts(i)->word, ends_n[i]);
    CHECK(given || n < SEEDS || (whole_tunnels_n > tunnels_n / 4 && headers_n > SEEDS / 2));
    CHECK(given || n < SEEDS || (answers_n > wants_n / 2 && retries_n > 0));
    CHECK(given || n < SEEDS || (aborts_n > 0 && waits_n > 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
