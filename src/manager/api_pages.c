#include "manager/api_pages.h"

#include <stdlib.h>

#include "base/fault.h"
#include "manager/api.h"
#include "manager/manager.h"

/* The first is as long as most whole lists, which then have a Content-Length. */
enum { FIRST_PAGE_BYTES = 64 * 1024, PAGE_BYTES = 16 * 1024 };

struct api_pages {
    struct api_json_list list;
    const struct api_pages_kind *kind;
    struct api_cursor at;
    bool has_ended;
};

void api_pages_free(struct api_pages *p)
{
    if (p == NULL)
        return;
    if (!p->has_ended && p->kind->page == NULL)
        free(api_json_list_end(&p->list));
    free(p);
}

static char *make_page(struct api_pages *p, const struct manager *m, size_t bytes)
{
    if (p->kind->page != NULL)
        return p->kind->page(m, &p->at.metrics, bytes, &p->has_ended);
    while (p->kind->next(m, &p->at, &p->list))
        if (api_json_list_bytes(&p->list) >= bytes)
            return api_json_list_page(&p->list);
    if (p->kind->end != NULL)
        p->kind->end(m, &p->at, &p->list);
    p->has_ended = true;
    return api_json_list_end(&p->list);
}

char *api_pages_next(struct api_pages *p, const struct manager *m, int *error)
{
    const bool is_over = p->has_ended;
    char *page = is_over ? NULL : make_page(p, m, PAGE_BYTES);

    *error = page == NULL && !is_over ? WERR_NOMEM : 0;
    return page;
}

/* When much waits for clients that don't read, no more is added than must be. */
static size_t first_page_bytes(const struct manager *m)
{
    return m->shared.queued_bytes < API_QUEUES_BYTES / 2 ? FIRST_PAGE_BYTES : PAGE_BYTES;
}

void api_pages_respond(struct api_conn *ac, unsigned status, const struct api_pages_kind *kind,
                       const struct api_cursor *at)
{
    struct api_pages *p = fault_malloc(sizeof(*p));
    char *page;

    if (p == NULL) {
        api_respond(ac, status, NULL);
        return;
    }
    leaving_sweep(ac->m);
    *p = (struct api_pages){.kind = kind, .at = *at};
    p->at.since_seq = ac->m->publish.seq;
    if (kind->begin != NULL)
        kind->begin(&p->list, &p->at);
    page = make_page(p, ac->m, first_page_bytes(ac->m));
    if (page != NULL && !p->has_ended) {
        api_respond_pages(ac, status, page, kind->type, p);
        return;
    }
    api_pages_free(p);
    if (kind->type != NULL)
        api_respond_text(ac, status, page, kind->type);
    else
        api_respond(ac, status, page);
}
