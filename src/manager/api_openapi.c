#include <stdlib.h>

#include "manager/api.h"
#include "manager/api_pages.h"
#include "manager/openapi.h"

/* GET /openapi.json: made anew for each request, page by page, for it is long and seldom asked
 * for. */

static void begin(struct api_json_list *l, const struct api_cursor *at)
{
    (void)at;
    *l = (struct api_json_list){.has_ended = true}; /* its end is made here */
    jtext_init(&l->text);
    openapi_begin(&l->text, api_json_base[0] != '\0' ? api_json_base : "/", WELDR_VERSION);
}

static bool next(const struct manager *m, struct api_cursor *at, struct api_json_list *l)
{
    (void)m;
    return openapi_next(&l->text, &at->openapi);
}

/* The tag of the whole text; 0: no memory. It is the same as long as this process lives. */
static uint64_t find_tag(void)
{
    static uint64_t tags[2];
    uint64_t *tag = &tags[api_json_base[0] != '\0'];
    struct api_cursor at = {0};
    struct api_json_list l;

    if (*tag != 0)
        return *tag;
    begin(&l, &at);
    while (openapi_next(&l.text, &at.openapi))
        ;
    char *text = api_json_list_end(&l);
    if (text != NULL)
        *tag = api_tag_of_text(text);
    free(text);
    return *tag;
}

void api_openapi_get(struct api_conn *ac)
{
    static const struct api_pages_kind kind = {.begin = begin, .next = next};

    ac->tag = find_tag();
    if (ac->tag == 0)
        api_respond(ac, 200, NULL);
    else
        api_respond_pages(ac, 200, &kind, &(struct api_cursor){0});
}
