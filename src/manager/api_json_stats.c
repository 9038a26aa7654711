#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "manager/api_json.h"
#include "manager/api_links.h"
#include "stats/histogram.h"

static void put_outcomes(struct jtext *t, const char *key, uint64_t success, uint64_t failed)
{
    jtext_open(t, key, '{');
    jtext_number(t, "success", success);
    jtext_number(t, "failed", failed);
    jtext_close(t, '}');
}

static void put_connections(struct jtext *t, const struct api_json_stats_view *v)
{
    jtext_open(t, "connections", '{');
    jtext_number(t, "client", v->client_connections);
    jtext_number(t, "client_open", v->client_open);
    jtext_number(t, "server", v->server_connections);
    jtext_number(t, "server_idle", v->server_idle);
    jtext_close(t, '}');
}

static void put_requests(struct jtext *t, const struct api_json_stats_view *v)
{
    jtext_number(t, "requests", v->requests);
    jtext_number(t, "in_flight", v->in_flight);
    jtext_number(t, "retries", v->retries);
    jtext_number(t, "bad_requests", v->bad_requests);
    jtext_number(t, "client_aborts", v->client_aborts);
    jtext_number(t, "access_log_lost", v->access_log_lost);
    jtext_number(t, "queued_bytes", v->queued_bytes);
    jtext_number(t, "proxy_refused", v->proxy_refused);
    jtext_number(t, "explain_refused", v->explain_refused);
    jtext_number(t, "certificates_unusable", v->certificates_unusable);
    jtext_number(t, "forbidden_calls", v->forbidden_calls);
    jtext_open(t, "bytes", '{');
    jtext_number(t, "in", v->bytes_in);
    jtext_number(t, "out", v->bytes_out);
    jtext_close(t, '}');
}

static void put_results(struct jtext *t, const struct api_json_stats_view *v)
{
    jtext_open(t, "results", '{');
    for (unsigned i = 0; i < v->result_n; i++)
        jtext_number(t, v->results[i].word, v->results[i].n);
    jtext_close(t, '}');
}

static void put_tls_failures(struct jtext *t, const struct api_json_stats_view *v)
{
    jtext_open(t, "tls_failures", '{');
    for (unsigned i = 0; i < STATS_TLS_FAILURES; i++)
        jtext_number(t, stats_tls_failure_word((enum stats_tls_failure)i), v->tls_failures[i]);
    jtext_close(t, '}');
}

/* Empty groups are left out. */
static void put_latency(struct jtext *t, const struct histogram *h)
{
    jtext_open(t, "latency_us", '{');
    jtext_number(t, "count", h->n);
    jtext_number(t, "sum", h->sum_us);
    jtext_open(t, "below", '{');
    for (unsigned i = 0; i < HISTOGRAM_GROUPS; i++) {
        const uint64_t n = histogram_group(h, i);
        char key[24];

        (void)snprintf(key, sizeof(key), "%" PRIu64, histogram_below_us(i));
        if (n > 0)
            jtext_number(t, key, n);
    }
    jtext_close(t, '}');
    jtext_close(t, '}');
}

static void put_counts(struct jtext *t, const char *key, const struct api_json_counts *c,
                       unsigned n)
{
    jtext_open(t, key, '{');
    for (unsigned i = 0; i < n; i++) {
        jtext_open(t, c[i].name, '{');
        for (unsigned k = 0; k < c[i].word_n; k++)
            jtext_number(t, c[i].words[k], c[i].n[k]);
        jtext_close(t, '}');
    }
    jtext_close(t, '}');
}

/* Asked for often, and long with many pools: written as text. */
char *api_json_stats(const struct api_json_stats_view *v, const char *base)
{
    static const struct api_link links[] = {{"self", "/stats", "GET"},
                                            {"detail", "/stats/detail", "GET"}};
    char since[32];
    struct jtext t;

    (void)clock_print_wall(v->counting_since_us, since);
    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    put_outcomes(&t, "client", v->client_success, v->client_failed);
    put_outcomes(&t, "server", v->server_success, v->server_failed);
    put_connections(&t, v);
    put_requests(&t, v);
    put_results(&t, v);
    put_tls_failures(&t, v);
    put_latency(&t, v->latency_us);
    jtext_str(&t, "counting_since", since);
    jtext_number(&t, "workers", v->workers);
    jtext_bool(&t, "fail_open", v->fail_open);
    jtext_number(&t, "revision", v->revision);
    put_counts(&t, "pools", v->pools, v->pool_n);
    put_counts(&t, "listeners", v->listeners, v->listener_n);
    api_links_put(&t, base, links, sizeof(links) / sizeof(links[0]));
    jtext_close(&t, '}');
    return jtext_take(&t);
}
