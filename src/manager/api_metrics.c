#include "manager/api.h"
#include "manager/api_pages.h"
#include "manager/counters.h"

static char *make_page(const struct manager *m, struct api_cursor *at, size_t bytes,
                       bool *is_last)
{
    char *page = metrics_page(m, &at->metrics, bytes, is_last);

    if (*is_last)
        counters_shown(m);
    return page;
}

void api_metrics_get(struct api_conn *ac)
{
    static const struct api_pages_kind prometheus = {
        .type = "text/plain; version=0.0.4; charset=utf-8", .page = make_page};
    static const struct api_pages_kind openmetrics = {
        .type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
        .page = make_page};
    const bool is_open = api_accept_is_openmetrics(&ac->accept);
    struct api_cursor at = {0};

    metrics_begin(ac->m, is_open, &at.metrics);
    api_respond_pages(ac, 200, is_open ? &openmetrics : &prometheus, &at);
}
