#include "pool/listener.h"

#include "pool/pool_command.h"
#include "pool/pool_mem.h"

/* ---- words ---- */

static const char *const profiles[LISTENER_TLS_PROFILE_N] = {
    [LISTENER_TLS_INTERMEDIATE] = "intermediate",
    [LISTENER_TLS_MODERN] = "modern",
};

static const char *const client_words[LISTENER_CLIENT_CERTIFICATE_N] = {
    [LISTENER_CLIENT_NONE] = "none",
    [LISTENER_CLIENT_OPTIONAL] = "optional",
    [LISTENER_CLIENT_REQUIRE] = "require",
};

static bool find_word(const char *const *words, unsigned n, struct span word, uint8_t *to)
{
    for (unsigned i = 0; i < n; i++) {
        if (span_is_equal(word, span_from_str(words[i]))) {
            *to = (uint8_t)i;
            return true;
        }
    }
    return false;
}

const char *listener_tls_profile_word(enum listener_tls_profile profile)
{
    return (unsigned)profile < LISTENER_TLS_PROFILE_N ? profiles[profile] : profiles[0];
}

bool listener_tls_profile_from_word(struct span word, uint8_t *profile)
{
    return find_word(profiles, LISTENER_TLS_PROFILE_N, word, profile);
}

const char *listener_client_certificate_word(enum listener_client_certificate c)
{
    return (unsigned)c < LISTENER_CLIENT_CERTIFICATE_N ? client_words[c] : client_words[0];
}

bool listener_client_certificate_from_word(struct span word, uint8_t *c)
{
    return find_word(client_words, LISTENER_CLIENT_CERTIFICATE_N, word, c);
}

/* ---- life ---- */

void listener_tls_fini(struct listener_tls *tls)
{
    for (uint32_t i = 0; i < tls->certificate_n; i++)
        free(tls->certificates[i]);
    free(tls->certificates);
    free(tls->default_certificate);
    free(tls->client_ca);
    *tls = (struct listener_tls){0};
}

static int copy_text(char **to, const char *from)
{
    *to = from != NULL ? pool_strdup(from) : NULL;
    return from == NULL || *to != NULL ? 0 : WERR_NOMEM;
}

static int copy_list(struct listener_tls *to, const struct listener_tls *from)
{
    if (from->certificate_n == 0)
        return 0;
    to->certificates = pool_calloc(from->certificate_n, sizeof(char *));
    if (to->certificates == NULL)
        return WERR_NOMEM;
    for (; to->certificate_n < from->certificate_n; to->certificate_n++) {
        char **at = &to->certificates[to->certificate_n];
        if (copy_text(at, from->certificates[to->certificate_n]) != 0)
            return WERR_NOMEM;
    }
    return 0;
}

int listener_tls_merge(struct listener_tls *to, const struct listener_tls *now,
                       const struct listener_tls *wanted, uint32_t set)
{
    const bool has_list = (set & POOL_SET_TLS_CERTIFICATES) != 0;
    const bool has_default = (set & POOL_SET_TLS_DEFAULT_CERTIFICATE) != 0;
    const bool has_ca = (set & POOL_SET_TLS_CLIENT_CA) != 0;
    struct listener_tls made = {.profile = now->profile,
                                .client_certificate = now->client_certificate};
    if ((set & POOL_SET_TLS_PROFILE) != 0)
        made.profile = wanted->profile;
    if ((set & POOL_SET_TLS_CLIENT_CERTIFICATE) != 0)
        made.client_certificate = wanted->client_certificate;
    int rc = copy_list(&made, has_list ? wanted : now);
    if (rc == 0)
        rc = copy_text(&made.default_certificate,
                       (has_default ? wanted : now)->default_certificate);
    if (rc == 0)
        rc = copy_text(&made.client_ca, (has_ca ? wanted : now)->client_ca);
    if (rc == 0)
        *to = made;
    else
        listener_tls_fini(&made);
    return rc;
}
