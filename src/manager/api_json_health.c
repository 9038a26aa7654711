#include "manager/api_json.h"
#include "manager/api_links.h"
#include "manager/listeners_health.h"

static void put_missing(struct jtext *t, const struct listeners_missing *l)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(&l->address, text);
    jtext_open(t, NULL, '{');
    jtext_str(t, "listener", l->listener);
    jtext_str(t, "address", text);
    jtext_str(t, "state", l->state);
    jtext_str(t, "reason", l->reason);
    jtext_close(t, '}');
}

static void put_addresses(struct jtext *t, const struct api_json_health_view *v)
{
    jtext_open(t, "addresses", '{');
    jtext_number(t, "open", v->address_n - v->missing_n);
    jtext_number(t, "of", v->address_n);
    jtext_open(t, "missing", '[');
    for (unsigned i = 0; i < v->shown_n; i++)
        put_missing(t, &v->missing[i]);
    jtext_close(t, ']');
    jtext_close(t, '}');
}

char *api_json_health(const struct api_json_health_view *v, const char *base)
{
    const struct api_link links[] = {{"self", v->path, "GET"},
                                     {"workers", "/workers", "GET"},
                                     {"listeners", "/listeners", "GET"}};
    struct jtext t;

    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "status", v->status);
    jtext_number(&t, "workers", v->workers);
    jtext_number(&t, "of", v->of);
    put_addresses(&t, v);
    api_links_put(&t, base, links, sizeof(links) / sizeof(links[0]));
    jtext_close(&t, '}');
    return jtext_take(&t);
}
