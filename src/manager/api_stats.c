#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_pages.h"
#include "manager/manager.h"
#include "manager/usable.h"

static const char *const end_words[] = {
#define END(name, word, status, blame, retry, text) word,
#include "stats/ends.def"
#undef END
};
enum { ENDS_N = sizeof(end_words) / sizeof(end_words[0]) };

void api_stats_get(struct api_conn *ac)
{
    const struct stats *s = ac->m->stats;
    struct api_json_end ends[ENDS_N];
    struct histogram latency;
    struct api_json_stats_view view = {
        .client_success = stats_sum(s, STATS_client_success),
        .client_failed = stats_sum(s, STATS_client_failed),
        .server_success = stats_sum(s, STATS_server_success),
        .server_failed = stats_sum(s, STATS_server_failed),
        .client_connections = stats_sum(s, STATS_client_connections),
        .client_open = stats_sum(s, STATS_client_open),
        .server_connections = stats_sum(s, STATS_server_connections),
        .server_idle = stats_sum(s, STATS_server_idle),
        .requests = stats_sum(s, STATS_requests),
        .in_flight = stats_sum(s, STATS_in_flight),
        .retries = stats_sum(s, STATS_retries),
        .bad_requests = stats_sum(s, STATS_bad_requests),
        .client_aborts = stats_sum(s, STATS_client_aborts),
        .access_log_lost = stats_sum(s, STATS_access_log_lost),
        .queued_bytes = stats_sum(s, STATS_queued_bytes),
        .proxy_refused = stats_sum(s, STATS_proxy_refused),
        .bytes_in = stats_sum(s, STATS_client_bytes_in),
        .bytes_out = stats_sum(s, STATS_client_bytes_out),
        .ends = ends,
        .end_n = ENDS_N,
        .workers = supervisor_count(&ac->m->supervisor, SLOT_RUNNING),
        .fail_open = usable_is_fail_open(ac->m),
        .revision = ac->m->servers.revision,
    };

    for (unsigned i = 0; i < ENDS_N; i++)
        ends[i] = (struct api_json_end){end_words[i], stats_sum_end(s, i)};
    stats_sum_latency(s, &latency);
    view.p50_us = histogram_quantile_us(&latency, 500);
    view.p90_us = histogram_quantile_us(&latency, 900);
    view.p99_us = histogram_quantile_us(&latency, 990);
    api_answer(ac, 200, api_json_stats(&view));
}

void api_stats_detail(struct api_conn *ac)
{
    static const struct api_pages_kind kind = {api_json_detail_begin, api_json_detail_add};

    api_pages_answer(ac, 200, &kind, NULL);
}
