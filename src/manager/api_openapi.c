#include <stdlib.h>

#include "manager/api.h"
#include "manager/api_pages.h"
#include "manager/openapi.h"

/* GET /openapi.json: made anew for each request, for it is long and seldom asked for. */

static char *make_page(const struct manager *m, struct api_cursor *at, size_t bytes,
                       bool *is_last)
{
    (void)m;
    return openapi_page(&at->openapi, at->base, WELDR_VERSION, bytes, is_last);
}

/* The tag of the whole text; 0: no memory. It is the same as long as this process lives. */
static uint64_t find_tag(const char *base)
{
    static uint64_t tags[2];
    uint64_t *tag = &tags[base[0] != '\0'];
    struct openapi_at at = {0};
    bool is_last;

    if (*tag != 0)
        return *tag;
    char *text = openapi_page(&at, base, WELDR_VERSION, SIZE_MAX, &is_last);
    if (text != NULL)
        *tag = api_tag_of_text(text);
    free(text);
    return *tag;
}

void api_openapi_get(struct api_conn *ac)
{
    static const struct api_pages_kind kind = {.page = make_page};

    ac->tag = find_tag(api_base(ac));
    if (ac->tag == 0)
        api_respond(ac, 200, NULL);
    else
        api_respond_pages(ac, 200, &kind, &(struct api_cursor){0});
}
