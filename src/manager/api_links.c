#include "manager/api_links.h"

static void put_link(struct jtext *t, const char *base, const struct api_link *link)
{
    jtext_open(t, NULL, '{');
    jtext_str(t, "rel", link->rel);
    jtext_two(t, "href", base, link->href);
    jtext_str(t, "method", link->method);
    jtext_close(t, '}');
}

void api_links_put(struct jtext *t, const char *base, const struct api_link *links, size_t n)
{
    jtext_open(t, "links", '[');
    for (size_t i = 0; i < n; i++)
        if (links[i].rel != NULL)
            put_link(t, base, &links[i]);
    jtext_close(t, ']');
}
