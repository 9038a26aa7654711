#include "manager/api_pages.h"

#include <stdlib.h>

#include "base/fault.h"
#include "manager/leaving.h"
#include "manager/manager.h"
#include "manager/states.h"

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
    if (p->kind->fini != NULL)
        p->kind->fini(&p->at);
    free(p);
}

static char *make_page(struct api_pages *p, const struct manager *m, size_t bytes)
{
    MUST(!p->has_ended); /* the list's text was taken then */
    if (p->kind->page != NULL)
        return p->kind->page(m, &p->at, bytes, &p->has_ended);
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

const struct server_facts *api_pages_next_draining(const struct manager *m,
                                                   struct api_cursor *at)
{
    const struct server_facts *f = facts_next_draining(&m->facts, at->left_id, at->left_no);

    if (f == NULL || f->drain_no > at->left_end)
        return NULL;
    at->left_id = f->id;
    at->left_no = f->drain_no;
    return f;
}

/* When much waits for clients that don't read, no more is added than must be. */
static size_t first_page_bytes(const struct manager *m)
{
    return m->shared.queued_bytes < MANAGER_QUEUES_BYTES / 2 ? FIRST_PAGE_BYTES : PAGE_BYTES;
}

struct api_pages *api_pages_new(struct manager *m, const struct api_pages_kind *kind,
                                const struct api_cursor *at, char **first)
{
    struct api_pages *p = fault_malloc(sizeof(*p));

    *first = NULL;
    if (p == NULL) {
        struct api_cursor taken = *at;

        if (kind->fini != NULL)
            kind->fini(&taken);
        return NULL;
    }
    leaving_sweep(m);
    states_look_at_all(m);
    *p = (struct api_pages){.kind = kind, .at = *at};
    if (p->at.pick.cursor[0] == '\0') /* else it says itself when the list was begun */
        p->at.left_end = m->facts.drain_no;
    if (kind->begin != NULL)
        kind->begin(&p->list, &p->at);
    *first = make_page(p, m, first_page_bytes(m));
    if (*first != NULL && !p->has_ended)
        return p;
    api_pages_free(p);
    return NULL;
}
