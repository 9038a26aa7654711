/* Out of memory, uthash takes the item out again and leaves its table pointer NULL. */
#define HASH_NONFATAL_OOM 1
#include "manager/check_tls.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/fault.h"
#include "base/seal.h"
#include "manager/ca_bundle.h"
#include "net/tlsio_context.h"
#include "net/tlsio_identity.h"
#include "pool/certificate.h"
#include "pool/tls_key.h"

struct check_tls_pool {
    uint64_t id;
    uint64_t key;     /* of the settings … */
    unsigned version; /* … and of the machine's authorities that it is made of */
    uint32_t made;
    struct tlsio_context *context;
    UT_hash_handle hh;
};

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * The analyzer does not see that HASH_DEL unlinks.
 * NOLINTBEGIN(readability-function-size,clang-analyzer-unix.Malloc) */
static struct check_tls_pool *find(const struct check_tls *t, uint64_t id)
{
    struct check_tls_pool *found;

    HASH_FIND(hh, t->pools, &id, sizeof(id), found);
    return found;
}

static int link_one(struct check_tls *t, struct check_tls_pool *one)
{
    HASH_ADD(hh, t->pools, id, sizeof(one->id), one);
    return one->hh.tbl != NULL ? 0 : WERR_NOMEM;
}

static void drop(struct check_tls *t, struct check_tls_pool *one)
{
    HASH_DEL(t->pools, one);
    tlsio_context_put(one->context);
    free(one);
}
/* NOLINTEND(readability-function-size,clang-analyzer-unix.Malloc) */

/* Those of pools that have gone. */
static void sweep(struct check_tls *t, const struct pool_state *state)
{
    struct check_tls_pool *one, *next;

    HASH_ITER (hh, t->pools, one, next)
        if (state == NULL || pool_find_id(state, one->id) == NULL)
            drop(t, one);
}

void check_tls_fini(struct check_tls *t)
{
    sweep(t, NULL);
    tlsio_context_put(t->machine);
    t->machine = NULL;
}

static struct check_tls_pool *find_or_new(struct check_tls *t, const struct pool_state *state,
                                          uint64_t id)
{
    struct check_tls_pool *one = find(t, id);

    if (one != NULL)
        return one;
    sweep(t, state);
    one = fault_malloc(sizeof(*one));
    if (one == NULL)
        return NULL;
    *one = (struct check_tls_pool){.id = id};
    if (link_one(t, one) == 0)
        return one;
    free(one);
    return NULL;
}

static const struct certificate *shown_by(const struct pool_state *state, const struct pool *p)
{
    return p->tls.certificate != NULL
               ? certificate_find(state, span_from_str(p->tls.certificate))
               : NULL;
}

static int open_identity(const struct check_tls *t, const struct certificate *shown,
                         struct tlsio_identity **identity)
{
    struct seal_opened key = {0};
    int rc = 0;

    *identity = NULL;
    if (shown == NULL || t->seal == NULL)
        return 0;
    rc = seal_open(t->seal, span_from_str(shown->key), &key);
    if (rc == 0)
        rc = tlsio_identity_new(span_from_str(shown->chain), span_from(key.ptr, key.len),
                                SPAN_NONE, identity);
    seal_opened_free(&key);
    return rc == 0 || rc == WERR_NOMEM ? rc : WERR_NO_CERTIFICATE;
}

/* Once for all pools. */
static int read_machine(struct check_tls *t)
{
    const struct tlsio_client_settings settings = {.authorities = ca_bundle_pem(t->bundle)};

    if (settings.authorities.len == 0)
        return WERR_UNTRUSTED;
    if (t->machine != NULL && t->machine_version == t->bundle->version)
        return 0;
    tlsio_context_put(t->machine);
    t->machine_version = t->bundle->version;
    return tlsio_context_new_client(&settings, &t->machine);
}

static int make(struct check_tls *t, const struct pool *p, const struct certificate *shown,
                struct tlsio_context **context)
{
    const bool believes_machine = p->tls_settings.verify && p->tls.ca == NULL;
    struct tlsio_client_settings settings = {
        .is_unverified = !p->tls_settings.verify,
        .authorities = p->tls.ca != NULL ? span_from_str(p->tls.ca) : SPAN_NONE,
        .least_version = p->tls.min_version == POOL_TLS_1_3 ? TLSIO_1_3 : TLSIO_1_2,
    };
    int rc = believes_machine ? read_machine(t) : 0;

    if (believes_machine)
        settings.believes_as = t->machine;
    if (rc == 0)
        rc = open_identity(t, shown, &settings.identity);
    if (rc == 0)
        rc = tlsio_context_new_client(&settings, context);
    tlsio_identity_put(settings.identity);
    return rc == WERR_INVALID ? WERR_UNTRUSTED : rc;
}

uint64_t check_tls_key(const struct pool_state *state, const struct pool *p)
{
    const struct certificate *shown = shown_by(state, p);

    return pool_tls_key(p) + (shown != NULL ? shown->digest : 0);
}

int check_tls_get(struct check_tls *t, const struct pool_state *state, const struct pool *p,
                  struct check_tls_found *found)
{
    const struct certificate *shown = shown_by(state, p);
    const uint64_t key = check_tls_key(state, p);
    struct check_tls_pool *one = find_or_new(t, state, p->id);
    int rc = 0;

    *found = (struct check_tls_found){0};
    if (one == NULL)
        return WERR_NOMEM;
    if (one->key != key || one->version != t->bundle->version) {
        tlsio_context_put(one->context);
        one->context = NULL;
    }
    if (one->context == NULL) {
        rc = make(t, p, shown, &one->context);
        one->made = ++t->made_n;
    }
    if (rc < 0)
        return rc;
    one->key = key;
    one->version = t->bundle->version;
    *found = (struct check_tls_found){one->context, one->made};
    return 0;
}
