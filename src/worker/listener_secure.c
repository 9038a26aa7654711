#include "worker/listener_secure.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "base/strb.h"
#include "log/log.h"
#include "net/tlsio_context.h"
#include "pool/certificate.h"
#include "pool/listener.h"
#include "worker/worker.h"

_Static_assert((int)LISTENER_TLS_INTERMEDIATE == (int)TLSIO_INTERMEDIATE &&
                   (int)LISTENER_TLS_MODERN == (int)TLSIO_MODERN,
               "the same numbers");
_Static_assert((int)LISTENER_CLIENT_NONE == (int)TLSIO_CLIENT_NONE &&
                   (int)LISTENER_CLIENT_OPTIONAL == (int)TLSIO_CLIENT_OPTIONAL &&
                   (int)LISTENER_CLIENT_REQUIRE == (int)TLSIO_CLIENT_REQUIRE,
               "here too");

/* ---- which certificates ---- */

static int compare_ids(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* 0: there is none of that name. */
static uint64_t id_of(const struct worker *w, const char *name)
{
    const struct certificate *c =
        name != NULL ? certificate_find(w->pool_state, span_from_str(name)) : NULL;

    return c != NULL ? c->id : 0;
}

static int make_set(const struct worker *w, const struct listener_tls *tls,
                    struct certificate_set *set)
{
    *set = (struct certificate_set){.has_all = tls->certificate_n == 0};
    if (set->has_all)
        return 0;
    set->ids = fault_malloc(tls->certificate_n * sizeof(*set->ids));
    if (set->ids == NULL)
        return WERR_NOMEM;
    for (uint32_t i = 0; i < tls->certificate_n; i++) {
        const uint64_t id = id_of(w, tls->certificates[i]);

        if (id != 0)
            set->ids[set->n++] = id;
    }
    qsort(set->ids, set->n, sizeof(*set->ids), compare_ids);
    return 0;
}

/* Without default_certificate the first that the listener names. */
static uint64_t initial_of(const struct worker *w, const struct listener_tls *tls)
{
    if (tls->default_certificate != NULL)
        return id_of(w, tls->default_certificate);
    return tls->certificate_n > 0 ? id_of(w, tls->certificates[0]) : 0;
}

/* The initial one can't be used, or there is none: the oldest that can. */
static int choose_any(struct worker *w, const struct certificate_set *set,
                      struct tlsio_identity **chosen)
{
    const struct pool_state *state = w->pool_state;
    const uint32_t n = set->has_all ? state->certificate_n : set->n;
    int chosen_n = 0;

    for (uint32_t i = 0; chosen_n == 0 && i < n; i++) {
        const uint64_t id = set->has_all ? state->certificates[i]->id : set->ids[i];

        chosen_n = certificates_choose_beside(w, set, id, chosen);
    }
    return chosen_n;
}

static int choose(void *arg, struct span name, struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX])
{
    const struct listener_secure *s = arg;
    struct worker *w = s->worker;
    int n = 0;

    if (name.len > 0)
        n = certificates_choose(w, &s->set, name, chosen);
    if (n != 0 || s->is_strict)
        return n;
    if (s->initial != 0)
        n = certificates_choose_beside(w, &s->set, s->initial, chosen);
    return n != 0 ? n : choose_any(w, &s->set, chosen);
}

/* ---- the context ---- */

/* Of all that decides whom the listener believes, and of the listener: sessions of others are
 * not resumed there. The same in each worker and each node. */
static uint64_t hash_of(const struct listener *described)
{
    const struct listener_tls *tls = &described->tls;
    const uint64_t head[] = {described->id, tls->profile, tls->client_certificate};
    const uint64_t seed = XXH3_64bits(head, sizeof(head));

    return tls->client_ca != NULL
               ? XXH3_64bits_withSeed(tls->client_ca, strlen(tls->client_ca), seed)
               : seed;
}

static int make_context(struct listener_secure *s, const struct listener *described,
                        struct tlsio_context **context)
{
    const struct listener_tls *tls = &described->tls;
    const bool asks = tls->client_certificate != LISTENER_CLIENT_NONE;
    struct tlsio_server_settings settings = {
        .profile = (enum tlsio_profile)tls->profile,
        .client_auth = (enum tlsio_client_auth)tls->client_certificate,
        .client_ca = asks && tls->client_ca != NULL ? span_from_str(tls->client_ca) : SPAN_NONE,
        .session_scope = hash_of(described),
        .choose = choose,
        .arg = s,
    };

    *context = NULL;
    if (conn_use_tls(&s->worker->shared) < 0)
        return WERR_NOMEM;
    settings.tickets = certificates_tickets(s->worker);
    return settings.tickets != NULL ? tlsio_context_new_server(&settings, context) : WERR_NOMEM;
}

/* One that can't be made for its settings takes nobody in: that would be without them. */
static int follow_context(struct listener_secure *s, const struct listener *described)
{
    const uint64_t made_of = hash_of(described);
    struct tlsio_context *context;

    if (s->made_of == made_of)
        return 0;
    const int rc = make_context(s, described, &context);
    if (rc == WERR_NOMEM)
        return rc;
    if (rc < 0)
        log_error("a listener can't speak TLS", LOG_S("listener", described->name),
                  LOG_S("error", werr_text(rc)));
    tlsio_context_put(s->context);
    s->context = context;
    s->made_of = made_of;
    return 0;
}

/* ---- the rest ---- */

static void follow_hsts(struct listener_secure *s, const struct listener_tls_settings *settings)
{
    struct strb b;

    s->hsts_len = 0;
    if (settings->hsts_max_age_s == 0)
        return;
    strb_init(&b, s->hsts, sizeof(s->hsts));
    strb_add(&b, SPAN("max-age="));
    strb_add_u64(&b, settings->hsts_max_age_s);
    if (settings->hsts_include_subdomains)
        strb_add(&b, SPAN("; includeSubDomains"));
    MUST(!strb_is_full(&b));
    s->hsts_len = (uint8_t)b.len;
}

int listener_secure_follow(struct listener_secure *s, struct worker *w,
                           const struct listener *described)
{
    struct certificate_set set;

    if (described->protocol != LISTENER_HTTPS) {
        s->is_on = false;
        s->hsts_len = 0;
        return 0;
    }
    s->worker = w;
    if (make_set(w, &described->tls, &set) < 0)
        return WERR_NOMEM;
    if (follow_context(s, described) < 0) {
        free(set.ids);
        return WERR_NOMEM;
    }
    free(s->set.ids);
    s->set = set;
    s->is_on = true;
    s->is_strict = described->settings.tls_settings.strict_sni;
    s->initial = initial_of(w, &described->tls);
    follow_hsts(s, &described->settings.tls_settings);
    return 0;
}

void listener_secure_fini(struct listener_secure *s)
{
    tlsio_context_put(s->context);
    free(s->set.ids);
}
