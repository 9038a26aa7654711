#include "cli/top_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void top_model_init(struct top_model *m)
{
    memset(m, 0, sizeof(*m));
    for (int i = 0; i < TOP_LISTS; i++)
        top_list_init(&m->list[i], (enum top_list_id)i);
    m->numbers.rate = m->numbers.failed_percent = NAN;
    m->numbers.half_us = m->numbers.most_us = NAN;
    m->numbers.in_flight = m->numbers.clients = NAN;
    m->numbers.workers = m->numbers.revision = NAN;
    m->link.last_ok = m->pool_total = NAN;
    memcpy(m->pool, "default", sizeof("default"));
}

void top_model_fini(struct top_model *m)
{
    for (int i = 0; i < TOP_LISTS; i++)
        top_list_fini(&m->list[i]);
    doc_free(m->server);
    m->server = NULL;
}

void top_model_choose_pool(struct top_model *m, const char *pool)
{
    if (strcmp(m->pool, pool) == 0)
        return;
    (void)snprintf(m->pool, sizeof(m->pool), "%s", pool);
    m->pool_total = NAN;
    top_list_fini(&m->list[TOP_SERVERS]);
    top_list_init(&m->list[TOP_SERVERS], TOP_SERVERS);
}

const struct top_line *top_model_line(const struct top_model *m, const char *key)
{
    for (unsigned i = 0; i < TOP_LINES_MAX; i++)
        if (m->line[i].turn != 0 && strcmp(m->line[i].key, key) == 0)
            return &m->line[i];
    return NULL;
}
