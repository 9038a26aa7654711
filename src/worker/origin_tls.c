#include "worker/origin_tls.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "net/tlsio_context.h"
#include "pool/tls_key.h"

int authorities_set(struct authorities *a, struct span pem)
{
    char *copy = fault_malloc(pem.len + 1);

    if (copy == NULL)
        return WERR_NOMEM;
    if (pem.len > 0)
        memcpy(copy, pem.ptr, pem.len);
    authorities_fini(a);
    a->pem = copy;
    a->len = pem.len;
    a->version++;
    return 0;
}

void authorities_fini(struct authorities *a)
{
    tlsio_context_put(a->read);
    free(a->pem);
    a->read = NULL;
    a->pem = NULL;
    a->len = 0;
}

/* There are some hundred of them, and there may be many pools. */
static int read_authorities(struct authorities *a)
{
    const struct tlsio_client_settings settings = {.authorities = span_from(a->pem, a->len)};

    if (a->len == 0)
        return WERR_UNTRUSTED;
    return a->read != NULL ? 0 : tlsio_context_new_client(&settings, &a->read);
}

/* The machine's authorities count where the pool has none of its own. */
static uint64_t key_of(const struct origin_tls_source *source)
{
    const bool has_own = source->pool->tls.ca != NULL;

    return pool_tls_key(source->pool) + source->shown_digest +
           (has_own ? 0 : source->authorities->version);
}

static int copy_text(const char *text, char **copy)
{
    const size_t bytes = text != NULL ? strlen(text) + 1 : 0;

    *copy = text != NULL ? fault_malloc(bytes) : NULL;
    if (*copy != NULL)
        memcpy(*copy, text, bytes);
    return text == NULL || *copy != NULL ? 0 : WERR_NOMEM;
}

int origin_tls_follow(struct origin_tls *t, const struct origin_tls_source *source)
{
    const uint64_t key = key_of(source);
    char *server_name;

    if (t->version != 0 && t->key == key)
        return 0;
    if (copy_text(source->pool->tls.server_name, &server_name) < 0)
        return WERR_NOMEM;
    origin_tls_fini(t);
    *t = (struct origin_tls){.server_name = server_name, .key = key, .version = t->version + 1};
    return 1;
}

int origin_tls_make(struct origin_tls *t, const struct origin_tls_source *source,
                    struct tlsio_identity *identity)
{
    const struct pool *p = source->pool;
    const bool believes_machine = p->tls_settings.verify && p->tls.ca == NULL;
    struct tlsio_client_settings settings = {
        .is_unverified = !p->tls_settings.verify,
        .authorities = p->tls.ca != NULL ? span_from_str(p->tls.ca) : SPAN_NONE,
        .least_version = p->tls.min_version == POOL_TLS_1_3 ? TLSIO_1_3 : TLSIO_1_2,
        .identity = identity,
    };

    MUST(t->context == NULL);
    int rc = believes_machine ? read_authorities(source->authorities) : 0;
    if (believes_machine)
        settings.believes_as = source->authorities->read;
    if (rc == 0)
        rc = tlsio_context_new_client(&settings, &t->context);
    return rc == WERR_INVALID ? WERR_UNTRUSTED : rc;
}

void origin_tls_fini(struct origin_tls *t)
{
    tlsio_context_put(t->context);
    free(t->server_name);
}
