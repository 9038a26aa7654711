#include <stdio.h>

#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_code.h"
#include "pool/pool_mem.h"

/* What listeners have to do with certificates: which they name, and what can't be. */

/* ---- what a command would make of a listener ---- */

/* self NULL: there is none yet. */
struct wish {
    const struct pool_command *c;
    const struct listener *self;
};

static bool keeps(const struct wish *w)
{
    return w->self != NULL && !w->c->is_put;
}

/* Who says what this member shall be. */
static const struct listener_tls *tls_of(const struct wish *w, uint32_t bit)
{
    static const struct listener_tls none;
    if ((w->c->set & bit) != 0)
        return &w->c->wanted.tls;
    return keeps(w) ? &w->self->tls : &none;
}

static bool will_speak_tls(const struct wish *w)
{
    if ((w->c->set & POOL_SET_PROTOCOL) != 0)
        return w->c->wanted.protocol == LISTENER_HTTPS;
    return keeps(w) && w->self->protocol == LISTENER_HTTPS;
}

static bool will_redirect(const struct wish *w)
{
    const struct setting *f = settings_find(&listener_settings_table, SETTINGS_TLS, "redirect");
    if ((w->c->given & setting_bit(&listener_settings_table, f)) != 0)
        return w->c->wanted.tls_settings.redirect;
    return keeps(w) && w->self->tls_settings.redirect;
}

/* The first of the names in this that no certificate has; -1: the default one. */
static const char *find_unknown(const struct pool_state *s, const struct listener_tls *tls,
                                int *place)
{
    const char *name = tls->default_certificate;
    *place = -1;
    if (name != NULL && certificate_find(s, span_from_str(name)) == NULL)
        return name;
    for (uint32_t i = 0; i < tls->certificate_n; i++) {
        *place = (int)i;
        if (certificate_find(s, span_from_str(tls->certificates[i])) == NULL)
            return tls->certificates[i];
    }
    return NULL;
}

static bool lacks_authority(const struct wish *w)
{
    return tls_of(w, POOL_SET_TLS_CLIENT_CERTIFICATE)->client_certificate !=
               LISTENER_CLIENT_NONE &&
           tls_of(w, POOL_SET_TLS_CLIENT_CA)->client_ca == NULL;
}

int listener_judge_tls(const struct pool_state *s, const struct pool_command *c,
                       const struct listener *self)
{
    const struct wish w = {c, self};
    int place;
    if (find_unknown(s, &c->wanted.tls, &place) != NULL)
        return WERR_NO_TARGET;
    if (lacks_authority(&w) || (will_speak_tls(&w) && will_redirect(&w)))
        return WERR_INVALID;
    /* A list names some that are there. */
    const bool is_bare = will_speak_tls(&w) && s->certificate_n == 0;
    return is_bare ? WERR_NO_CERTIFICATE : 0;
}

void listener_tell_tls(const struct pool_state *s, const struct pool_command *c,
                       struct pool_error *error)
{
    const struct wish w = {c, listener_find(s, span_from_str(c->listener))};
    char field[48] = "tls.default_certificate";
    int place = -1;
    const char *name = find_unknown(s, &c->wanted.tls, &place);
    if (place >= 0)
        snprintf(field, sizeof(field), "tls.certificates[%d]", place);
    if (name != NULL)
        pool_error_set(error, "invalid_value", field, "there is no certificate %s", name);
    else if (lacks_authority(&w))
        pool_error_set(error, "missing_field", "tls.client_ca",
                       "tls.client_ca must say who signs certificates of clients when "
                       "tls.client_certificate is optional or require");
    else
        pool_error_set(error, "invalid_value", "tls.redirect",
                       "tls.redirect is for a listener whose protocol is http");
}

/* ---- who is named ---- */

static bool is_named(const struct pool_state *s, const char *name,
                     const struct certificate *which)
{
    return name != NULL && certificate_find(s, span_from_str(name)) == which;
}

/* How often the list names it. */
static uint32_t count_in_list(const struct pool_state *s, const struct listener_tls *tls,
                              const struct certificate *which)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < tls->certificate_n; i++)
        n += is_named(s, tls->certificates[i], which);
    return n;
}

static void count(const struct pool_state *s, const char *name, int by)
{
    if (name == NULL)
        return;
    struct certificate *c = certificate_find(s, span_from_str(name));
    MUST(c != NULL && (by > 0 || c->ref_n > 0));
    c->ref_n += (uint32_t)by;
}

void listener_count_certificates(const struct pool_state *s, const struct listener_tls *tls,
                                 int by)
{
    count(s, tls->default_certificate, by);
    for (uint32_t i = 0; i < tls->certificate_n; i++)
        count(s, tls->certificates[i], by);
}

const struct listener *listener_find_needy(const struct pool_state *s,
                                           const struct certificate *which)
{
    for (uint32_t i = 0; i < s->listener_n; i++) {
        const struct listener *l = s->listeners[i];
        const struct listener_tls *tls = &l->tls;
        const bool is_last = tls->certificate_n > 0
                                 ? count_in_list(s, tls, which) == tls->certificate_n
                                 : s->certificate_n == 1;
        if (is_last && (tls->certificate_n > 0 || l->protocol == LISTENER_HTTPS))
            return l;
    }
    return NULL;
}

/* ---- one goes ---- */

/* A listener without it, made before anything changes. */
struct farewell {
    struct listener *l;
    struct listener_tls tls;
    uint64_t digest;
};

static void drop_names(const struct pool_state *s, struct listener_tls *tls,
                       const struct certificate *which)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < tls->certificate_n; i++) {
        if (is_named(s, tls->certificates[i], which))
            free(tls->certificates[i]);
        else
            tls->certificates[kept++] = tls->certificates[i];
    }
    tls->certificate_n = kept;
    if (is_named(s, tls->default_certificate, which)) {
        free(tls->default_certificate);
        tls->default_certificate = NULL;
    }
}

static int make_farewell(const struct pool_state *s, struct farewell *f, struct listener *l,
                         const struct certificate *which)
{
    int rc = listener_tls_merge(&f->tls, &l->tls, &l->tls, 0);
    if (rc != 0)
        return rc;
    drop_names(s, &f->tls, which);
    f->l = l;
    struct listener next = *l; /* all else borrowed */
    next.tls = f->tls;
    return kind_hash(KIND_LISTENER, l->id, 0, pool_code_listener_json(&next), &f->digest);
}

static int make_farewells(const struct pool_state *s, struct farewell *all, uint32_t *n,
                          const struct certificate *which)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->listener_n; i++) {
        struct listener *l = s->listeners[i];
        if (count_in_list(s, &l->tls, which) > 0 ||
            is_named(s, l->tls.default_certificate, which))
            rc = make_farewell(s, &all[(*n)++], l, which);
    }
    return rc;
}

static void say_farewell(struct pool_state *s, struct farewell *f, struct pool_change *change)
{
    struct listener *l = f->l;
    listener_count_certificates(s, &f->tls, 1);
    listener_count_certificates(s, &l->tls, -1);
    listener_tls_fini(&l->tls);
    l->tls = f->tls;
    f->tls = (struct listener_tls){0};
    s->digest += f->digest - l->digest;
    l->digest = f->digest;
    change->list[change->list_n++] =
        (struct pool_change_item){.type = POOL_CHANGE_CHANGED, .id = l->id};
}

int listener_forget_certificate(struct pool_state *s, const struct certificate *which,
                                struct pool_change *change)
{
    uint32_t n = 0;
    if (which->ref_n == 0)
        return 0;
    struct farewell *all = pool_calloc(s->listener_n, sizeof(*all));
    change->list = pool_calloc(s->listener_n, sizeof(*change->list));
    int rc =
        all != NULL && change->list != NULL ? make_farewells(s, all, &n, which) : WERR_NOMEM;
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        say_farewell(s, &all[i], change);
    for (uint32_t i = 0; i < n; i++)
        listener_tls_fini(&all[i].tls);
    free(all);
    return rc;
}
