#include "manager/api_pages.h"

#include <stdlib.h>

#include "base/fault.h"
#include "manager/api.h"
#include "manager/api_problem.h"
#include "manager/api_view.h"
#include "manager/manager.h"

/* The first is as long as most whole lists, which then have a Content-Length. */
enum { FIRST_PAGE_BYTES = 64 * 1024, PAGE_BYTES = 16 * 1024 };

struct api_pages {
    struct api_json_list list;
    void (*add)(struct api_json_list *l, const struct api_json_server_view *v);
    uint64_t after_id;  /* of the pool's servers, the last that was shown */
    uint64_t since_seq; /* publish sequence at the beginning */
    uint64_t named_id;  /* 0: none */
    bool has_ended;
};

void api_pages_free(struct api_pages *p)
{
    if (p == NULL)
        return;
    if (!p->has_ended)
        free(api_json_list_end(&p->list));
    free(p);
}

static void add_draining(struct api_pages *p, const struct manager *m)
{
    const struct server_facts *f;
    struct api_view view;

    TAILQ_FOREACH (f, &m->facts.draining, draining) {
        if (f->leave_seq > p->since_seq)
            continue; /* it may have been shown already */
        api_view_fill(m, f->removed, &view);
        p->add(&p->list, &view.json);
    }
}

static void add_named(struct api_pages *p, const struct manager *m)
{
    const struct pool_server *named = pool_find_server(pool_default(m->pool), p->named_id);
    struct api_view view;

    if (named == NULL)
        return;
    api_view_fill(m, named, &view);
    api_json_servers_name(&p->list, &view.json);
}

/* Until so much is there, or all of the pool. */
static bool add_servers(struct api_pages *p, const struct manager *m, size_t bytes)
{
    const struct pool *pool = pool_default(m->pool);
    uint32_t i = pool_next_server(pool, p->after_id);
    struct api_view view;

    for (; i < pool->server_n && api_json_list_bytes(&p->list) < bytes; i++) {
        api_view_fill(m, pool->servers[i], &view);
        p->add(&p->list, &view.json);
        p->after_id = pool->servers[i]->id;
    }
    return i == pool->server_n;
}

static char *make_page(struct api_pages *p, const struct manager *m, size_t bytes)
{
    if (!add_servers(p, m, bytes))
        return api_json_list_page(&p->list);
    add_draining(p, m);
    if (p->named_id != 0)
        add_named(p, m);
    p->has_ended = true;
    return api_json_list_end(&p->list);
}

char *api_pages_next(struct api_pages *p, const struct manager *m, int *error)
{
    char *page = p->has_ended ? NULL : make_page(p, m, PAGE_BYTES);

    *error = page == NULL && !p->has_ended ? WERR_NOMEM : 0;
    return page;
}

/* When much waits for clients that don't read, no more is added than must be. */
static size_t first_page_bytes(const struct manager *m)
{
    return m->shared.queued_bytes < API_QUEUES_BYTES / 2 ? FIRST_PAGE_BYTES : PAGE_BYTES;
}

void api_pages_answer(struct api_conn *ac, unsigned status, const struct api_pages_kind *kind,
                      const struct pool_server *named)
{
    struct api_pages *p = fault_malloc(sizeof(*p));
    char *page;

    if (p == NULL) {
        api_answer(ac, status, NULL);
        return;
    }
    leaving_sweep(ac->m);
    *p = (struct api_pages){.add = kind->add,
                            .since_seq = ac->m->publish.seq,
                            .named_id = named != NULL ? named->id : 0};
    kind->begin(&p->list);
    page = make_page(p, ac->m, first_page_bytes(ac->m));
    if (page != NULL && !p->has_ended) {
        api_answer_pages(ac, status, page, p);
        return;
    }
    api_pages_free(p);
    api_answer(ac, status, page);
}
