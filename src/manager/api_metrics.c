#include "manager/api.h"
#include "manager/api_pages.h"

void api_metrics_get(struct api_conn *ac)
{
    static const struct api_pages_kind prometheus = {
        .type = "text/plain; version=0.0.4; charset=utf-8", .page = metrics_page};
    static const struct api_pages_kind openmetrics = {
        .type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
        .page = metrics_page};
    struct api_cursor at = {0};

    metrics_begin(ac->m, ac->wants_openmetrics, &at.metrics);
    api_respond_pages(ac, 200, ac->wants_openmetrics ? &openmetrics : &prometheus, &at);
}
