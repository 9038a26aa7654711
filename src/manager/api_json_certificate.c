#include <stdio.h>

#include "base/clock.h"
#include "manager/api_json.h"
#include "manager/api_links.h"
#include "manager/expiry.h"
#include "pool/certificate.h"

/* ---- who uses it ---- */

static bool is_it(const struct api_json_certificate_view *v, const char *name)
{
    return name != NULL && certificate_find(v->state, span_from_str(name)) == v->certificate;
}

static bool uses(const struct api_json_certificate_view *v, const struct listener *l)
{
    bool is_used = l->tls.certificate_n == 0 || is_it(v, l->tls.default_certificate);

    for (uint32_t i = 0; !is_used && i < l->tls.certificate_n; i++)
        is_used = is_it(v, l->tls.certificates[i]);
    return is_used && l->protocol == LISTENER_HTTPS;
}

static void put_users(struct jtext *t, const struct api_json_certificate_view *v)
{
    const struct pool_state *s = v->state;

    jtext_open(t, "listeners", '[');
    for (uint32_t i = 0; i < s->listener_n; i++)
        if (uses(v, s->listeners[i]))
            jtext_str(t, NULL, s->listeners[i]->name);
    jtext_close(t, ']');
    jtext_open(t, "pools", '[');
    for (uint32_t i = 0; i < s->pool_n; i++)
        if (is_it(v, s->pools[i]->tls.certificate))
            jtext_str(t, NULL, s->pools[i]->name);
    jtext_close(t, ']');
}

/* ---- the document ---- */

static void put_date(struct jtext *t, const char *key, int64_t s)
{
    char at[32];

    (void)clock_print_wall(expiry_wall_us(s), at);
    jtext_str(t, key, at);
}

static void put_facts(struct jtext *t, const struct certificate_facts *f)
{
    jtext_open(t, "names", '[');
    for (uint32_t i = 0; i < f->name_n; i++)
        jtext_str(t, NULL, f->names[i]);
    jtext_close(t, ']');
    put_date(t, "not_before", f->not_before_s);
    put_date(t, "not_after", f->not_after_s);
    jtext_str(t, "key_type", certificate_key_type_word((enum certificate_key_type)f->key_type));
    jtext_number(t, "key_bits", f->key_bits);
    jtext_str(t, "fingerprint", f->fingerprint);
    jtext_str(t, "subject", f->subject);
    jtext_str(t, "issuer", f->issuer);
    jtext_str(t, "serial", f->serial);
}

static void put_dates(struct jtext *t, const struct api_json_certificate_view *v)
{
    char warning[EXPIRY_TEXT_MAX];

    jtext_number(t, "days_left", expiry_days_left(v->certificate, v->wall_us));
    if (expiry_tell(v->certificate, v->wall_us, warning))
        jtext_str(t, "warning", warning);
    else
        jtext_null(t, "warning");
}

char *api_json_certificate(const struct api_json_certificate_view *v, const char *base)
{
    const struct certificate *c = v->certificate;
    char self[API_JSON_HREF_MAX], id[24];
    const struct api_link links[] = {
        {"self", self, "GET"}, {"change", self, "PUT"}, {"delete", self, "DELETE"}};
    struct jtext t;

    (void)snprintf(self, sizeof(self), "/certificates/%s", c->name);
    (void)kind_id_print(KIND_CERTIFICATE, c->id, id);
    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "id", id);
    jtext_str(&t, "name", c->name);
    put_facts(&t, &c->facts);
    put_dates(&t, v);
    put_users(&t, v);
    jtext_str(&t, "source", c->is_of_file ? "file" : "api");
    if (v->is_whole)
        jtext_str(&t, "chain", c->chain);
    jtext_number(&t, "revision", v->revision);
    api_links_put(&t, base, links, sizeof(links) / sizeof(links[0]));
    jtext_close(&t, '}');
    return jtext_take(&t);
}
