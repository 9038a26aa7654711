#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/jtext.h"
#include "base/num.h"
#include "manager/api.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "manager/sampler.h"

/* GET /stats/samples: what was served in the last time, for pages that draw it. Compact, for
 * such a page asks once a second. */

enum { LINES_MAX = 64, US_PER_S = 1000000, US_PER_MS = 1000 };

struct asked {
    enum samples_step step;
    uint64_t limit; /* the newest so many */
    struct span pools, servers;
    char pool_text[API_QUERY_TEXT_MAX], server_text[API_QUERY_TEXT_MAX];
};

/* ---- the query ---- */

static bool refuse(struct api_conn *ac, const char *field, const char *why)
{
    struct pool_error error = {.code = "invalid_value"};

    (void)snprintf(error.field, sizeof(error.field), "%s", field);
    (void)snprintf(error.detail, sizeof(error.detail), "%s", why);
    api_problem_of(ac, &error);
    return false;
}

static struct span value_of(const struct api_conn *ac, struct span key)
{
    return api_route_query(span_from_str(ac->query.text), key);
}

static bool read_step(struct api_conn *ac, struct asked *q)
{
    const struct span text = value_of(ac, SPAN("step"));
    uint64_t step_s = SAMPLES_LINE_STEP_S;

    q->step = SAMPLES_STEPS;
    if (text.ptr == NULL || num_from_dec(text, 60, &step_s) == 0)
        for (unsigned i = 0; i < SAMPLES_STEPS; i++)
            if (samples_step_s((enum samples_step)i) == step_s)
                q->step = (enum samples_step)i;
    return q->step < SAMPLES_STEPS || refuse(ac, "step", "step must be 1, 10 or 60 seconds");
}

static bool read_limit(struct api_conn *ac, struct asked *q)
{
    const struct span text = value_of(ac, SPAN("limit"));

    q->limit = UINT64_MAX;
    if (text.ptr == NULL || (num_from_dec(text, 1000, &q->limit) == 0 && q->limit > 0))
        return true;
    return refuse(ac, "limit", "limit must be a whole number from 1 to 1000");
}

static unsigned count_words(struct span text)
{
    unsigned n = text.len > 0;

    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == ',';
    return n;
}

/* ptr NULL: not there. */
static bool read_names(struct api_conn *ac, const char *key, char *buf, struct span *out)
{
    const struct span value = value_of(ac, span_from_str(key));
    char why[80];

    *out = SPAN_NONE;
    if (value.ptr == NULL)
        return true;
    (void)snprintf(why, sizeof(why), "%s must be at most %d, separated by commas", key,
                   LINES_MAX);
    if (api_query_decode(value, buf, API_QUERY_TEXT_MAX, out) < 0 ||
        count_words(*out) > LINES_MAX)
        return refuse(ac, key, why);
    return true;
}

static struct span next_word(struct span *rest)
{
    const struct span word = span_first(*rest, span_find(*rest, ','));

    *rest = span_skip(*rest, word.len < rest->len ? word.len + 1 : word.len);
    return word;
}

static bool check_servers(struct api_conn *ac, struct span rest)
{
    uint64_t id;

    while (rest.len > 0)
        if (pool_id_from_text(next_word(&rest), &id) < 0)
            return refuse(ac, "servers", "servers must be ids, separated by commas: s-1f,s-20");
    return true;
}

static bool asks_for_lines(const struct asked *q)
{
    return q->pools.ptr != NULL || q->servers.ptr != NULL;
}

static bool read_asked(struct api_conn *ac, struct asked *q)
{
    if (!read_step(ac, q) || !read_limit(ac, q) ||
        !read_names(ac, "pools", q->pool_text, &q->pools) ||
        !read_names(ac, "servers", q->server_text, &q->servers) ||
        !check_servers(ac, q->servers))
        return false;
    if (asks_for_lines(q) && q->step != SAMPLES_OF_10S)
        return refuse(ac, "step", "step must be 10 for pools and servers");
    return true;
}

/* ---- the node ---- */

/* Numbers of these samples, none of them when nothing is sampled yet. */
struct range {
    const struct samples *s;
    enum samples_step step;
    uint64_t first, end;
};

static void put_sums(struct jtext *t, const char *key, const struct range *r,
                     uint64_t (*get)(const struct sample *one))
{
    jtext_open(t, key, '[');
    for (uint64_t i = r->first; i < r->end; i++)
        jtext_number(t, NULL, get(samples_at(r->s, r->step, i)));
    jtext_close(t, ']');
}

static uint64_t get_requests(const struct sample *one)
{
    return one->requests;
}

static uint64_t get_failed(const struct sample *one)
{
    return one->failed;
}

static uint64_t get_in(const struct sample *one)
{
    return one->bytes_in;
}

static uint64_t get_out(const struct sample *one)
{
    return one->bytes_out;
}

static void put_row(struct jtext *t, const uint32_t *row, unsigned n)
{
    while (n > 0 && row[n - 1] == 0)
        n--;
    jtext_open(t, NULL, '[');
    for (unsigned i = 0; i < n; i++)
        jtext_number(t, NULL, row[i]);
    jtext_close(t, ']');
}

static void put_rows(struct jtext *t, const struct range *r)
{
    jtext_open(t, "statuses", '[');
    for (uint64_t i = r->first; i < r->end; i++)
        put_row(t, samples_at(r->s, r->step, i)->classes, STATS_CLASSES);
    jtext_close(t, ']');
    jtext_open(t, "latency_below_us", '[');
    for (unsigned i = 0; i < SAMPLES_LATENCIES - 1; i++)
        jtext_number(t, NULL, samples_below_us(i));
    jtext_close(t, ']');
    jtext_open(t, "latency", '[');
    for (uint64_t i = r->first; i < r->end; i++)
        put_row(t, samples_at(r->s, r->step, i)->latency, SAMPLES_LATENCIES);
    jtext_close(t, ']');
}

/* When that sample began, by the wall clock as it is now. */
static uint64_t wall_us_of(const struct manager *m, const struct range *r)
{
    const uint64_t ago_us =
        loop_now_ms(m->loop) * US_PER_MS - r->first * samples_step_s(r->step) * US_PER_S;

    return loop_wall_us(m->loop) - ago_us;
}

static char *tell_node(const struct manager *m, const struct asked *q)
{
    struct range r = {.s = m->sampler->node, .step = q->step};
    const uint64_t step_s = samples_step_s(q->step);
    char at[32];
    struct jtext t;

    if (r.s != NULL)
        samples_span(r.s, r.step, &r.first, &r.end);
    MUST(r.first <= r.end);
    if (r.end - r.first > q->limit)
        r.first = r.end - q->limit;
    (void)clock_print_wall(r.s != NULL ? wall_us_of(m, &r) : loop_wall_us(m->loop), at);
    jtext_init_compact(&t);
    jtext_open(&t, NULL, '{');
    jtext_number(&t, "step", step_s);
    jtext_number(&t, "first", r.first);
    jtext_str(&t, "at", at);
    jtext_number(&t, "seconds", r.s != NULL ? r.s->now_s % step_s + 1 : 0);
    put_sums(&t, "requests", &r, get_requests);
    put_sums(&t, "failed", &r, get_failed);
    put_sums(&t, "bytes_in", &r, get_in);
    put_sums(&t, "bytes_out", &r, get_out);
    put_rows(&t, &r);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

/* ---- pools and servers ---- */

struct line {
    uint64_t id;
    const char *name;
    uint64_t in_flight;
    const struct samples_line *points; /* NULL: it has served nothing */
    uint64_t newest;
    uint64_t n; /* so many of the newest */
};

static uint32_t point_requests(struct samples_point p)
{
    return p.requests;
}

static uint32_t point_failed(struct samples_point p)
{
    return p.failed;
}

static uint32_t point_mean(struct samples_point p)
{
    return p.mean_us;
}

static void put_points(struct jtext *t, const char *key, const struct line *l,
                       uint32_t (*get)(struct samples_point p))
{
    jtext_open(t, key, '[');
    for (uint64_t i = 0; l->points != NULL && i < l->n; i++)
        jtext_number(t, NULL, get(samples_line_at(l->points, l->newest + 1 + i - l->n)));
    jtext_close(t, ']');
}

static void put_line(struct jtext *t, const struct line *l)
{
    char id[24];

    (void)pool_id_print(l->id, id);
    jtext_open(t, NULL, '{');
    jtext_str(t, "id", id);
    jtext_str(t, "name", l->name);
    jtext_number(t, "in_flight", l->in_flight);
    put_points(t, "requests", l, point_requests);
    put_points(t, "failed", l, point_failed);
    put_points(t, "mean_us", l, point_mean);
    jtext_close(t, '}');
}

static struct line begin_line(const struct manager *m, const struct asked *q, uint32_t slot)
{
    struct line l = {.n = q->limit < SAMPLES_LINE_POINTS ? q->limit : SAMPLES_LINE_POINTS};
    const struct samples *node = m->sampler->node;

    if (node != NULL)
        l.newest = sampler_newest_at(slot, node->now_s);
    if (l.n > l.newest)
        l.n = l.newest; /* the clock is as young as that */
    return l;
}

static void put_pool(const struct manager *m, const struct asked *q, struct span name,
                     struct jtext *t)
{
    const struct pool *p = pool_find(m->pool, name);

    if (p == NULL)
        return;
    const uint32_t slot = stats_slot_find(m->stats, STATS_OF_POOL, p->id);
    struct line l = begin_line(m, q, slot);

    l.id = p->id;
    l.name = p->name;
    l.in_flight = stats_sum_pool(m->stats, slot, STATS_POOL_in_flight);
    l.points = slot < STATS_POOLS_MAX ? m->sampler->pools[slot] : NULL;
    put_line(t, &l);
}

static void put_server(const struct manager *m, const struct asked *q, struct span word,
                       struct jtext *t)
{
    uint64_t id = 0;
    struct pool *p = NULL;

    if (pool_id_from_text(word, &id) < 0)
        return;
    const struct pool_server *server = pool_find_any_server(m->pool, id, &p);
    const struct server_facts *f = facts_find(&m->facts, id);

    if (server == NULL || f == NULL)
        return;
    struct line l = begin_line(m, q, f->stats_slot);

    l.id = id;
    l.name = server->url;
    l.in_flight = stats_sum_server(m->stats, f->stats_slot, STATS_SERVER_in_flight);
    l.points = f->stats_slot < STATS_SERVERS_MAX ? m->sampler->servers[f->stats_slot] : NULL;
    put_line(t, &l);
}

static void put_lines(const struct manager *m, const struct asked *q, const char *key,
                      struct span rest,
                      void (*put)(const struct manager *m, const struct asked *q,
                                  struct span word, struct jtext *t),
                      struct jtext *t)
{
    jtext_open(t, key, '[');
    while (rest.len > 0)
        put(m, q, next_word(&rest), t);
    jtext_close(t, ']');
}

static char *tell_lines(const struct manager *m, const struct asked *q)
{
    struct jtext t;

    jtext_init_compact(&t);
    jtext_open(&t, NULL, '{');
    jtext_number(&t, "step", SAMPLES_LINE_STEP_S);
    put_lines(m, q, "pools", q->pools, put_pool, &t);
    put_lines(m, q, "servers", q->servers, put_server, &t);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

void api_samples_get(struct api_conn *ac)
{
    static struct asked q; /* large; nobody else runs meanwhile */

    if (!read_asked(ac, &q))
        return;
    api_respond(ac, 200, asks_for_lines(&q) ? tell_lines(ac->m, &q) : tell_node(ac->m, &q));
}
