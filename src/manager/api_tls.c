#include "manager/api_tls.h"

#include <stdio.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "config/config.h"
#include "log/log.h"
#include "manager/file_watch.h"
#include "manager/manager.h"
#include "manager/secret_file.h"
#include "net/tlsio_certificate.h"
#include "net/tlsio_context.h"
#include "net/tlsio_identity.h"

enum { CHAIN, KEY, CLIENT_CA, FILES_N };

static const char *const flags[FILES_N] = {
    [CHAIN] = "--admin-certificate",
    [KEY] = "--admin-certificate-key",
    [CLIENT_CA] = "--admin-client-ca",
};

/* What the files say, and what is wrong with one. */
struct reading {
    const char *paths[FILES_N]; /* NULL: not given */
    struct secret_file files[FILES_N];
    unsigned wrong; /* whose */
    struct tlsio_refusal why;
};

/* ---- reading ---- */

static void name_files(struct reading *r, const struct config *config)
{
    *r = (struct reading){.paths = {[CHAIN] = config->admin_certificate,
                                    [KEY] = config->admin_certificate_key,
                                    [CLIENT_CA] = config->admin_client_ca}};
}

static void free_files(struct reading *r)
{
    for (unsigned i = 0; i < FILES_N; i++)
        secret_file_free(&r->files[i]);
}

static int read_files(struct reading *r)
{
    for (unsigned i = 0; i < FILES_N; i++) {
        const int rc = r->paths[i] != NULL ? secret_file_read(r->paths[i], &r->files[i]) : 0;

        if (rc == 0)
            continue;
        r->wrong = i;
        snprintf(r->why.text, sizeof(r->why.text), "it can't be read: %s", werr_text(rc));
        free_files(r);
        return rc;
    }
    return 0;
}

static uint64_t hash_of(const struct reading *r)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < FILES_N; i++)
        hash = XXH3_64bits_withSeed(r->files[i].bytes, r->files[i].len, hash + i);
    return hash;
}

static struct span text_of(const struct reading *r, unsigned file)
{
    return secret_file_span(&r->files[file]);
}

/* ---- what connections get ---- */

/* There is one, whatever they ask for. */
static int choose(void *arg, struct span name, struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX])
{
    const struct api_tls *t = arg;

    (void)name;
    chosen[0] = t->identity;
    return 1;
}

static int make_identity(struct reading *r, struct tlsio_identity **identity)
{
    struct tlsio_certificate c;
    int rc = tlsio_certificate_read(
        text_of(r, CHAIN), text_of(r, r->paths[KEY] != NULL ? KEY : CHAIN), &c, &r->why);

    if (rc < 0) {
        r->wrong = r->paths[KEY] != NULL && strcmp(r->why.field, "key") == 0 ? KEY : CHAIN;
        return rc;
    }
    rc = tlsio_identity_new(span_from_str(c.chain), span_from_str(c.key), SPAN_NONE, identity);
    tlsio_certificate_fini(&c);
    return rc;
}

static int make_context(struct api_tls *t, struct reading *r, struct tlsio_context **context)
{
    const bool asks = r->paths[CLIENT_CA] != NULL;
    const struct tlsio_server_settings settings = {
        .profile = TLSIO_INTERMEDIATE,
        .client_auth = asks ? TLSIO_CLIENT_REQUIRE : TLSIO_CLIENT_NONE,
        .client_ca = text_of(r, CLIENT_CA),
        .choose = choose,
        .arg = t,
    };
    const int n = asks ? tlsio_certificate_count(settings.client_ca, "client_ca", &r->why) : 0;

    r->wrong = CLIENT_CA;
    return n < 0 ? n : tlsio_context_new_server(&settings, context);
}

/* All or nothing. */
static int take(struct api_tls *t, struct reading *r)
{
    struct tlsio_identity *identity;
    struct tlsio_context *context;
    int rc = make_identity(r, &identity);

    if (rc < 0)
        return rc;
    rc = make_context(t, r, &context);
    if (rc < 0) {
        tlsio_identity_put(identity);
        return rc;
    }
    tlsio_identity_put(t->identity);
    tlsio_context_put(t->context);
    t->identity = identity;
    t->context = context;
    t->asks_callers = r->paths[CLIENT_CA] != NULL;
    return 0;
}

static int load(struct api_tls *t, struct reading *r)
{
    int rc = read_files(r);

    if (rc < 0)
        return rc;
    t->hash = hash_of(r);
    rc = take(t, r);
    free_files(r);
    if (rc < 0 && rc != WERR_INVALID)
        snprintf(r->why.text, sizeof(r->why.text), "%s", werr_text(rc));
    return rc;
}

int api_tls_start(struct api_tls *t, const struct config *config)
{
    struct reading r;

    if (config->admin_certificate == NULL)
        return 0;
    name_files(&r, config);
    const int rc = load(t, &r);

    if (rc == WERR_NOMEM || rc == WERR_NO_FD)
        return manager_fail_start("can't speak TLS", rc);
    if (rc == 0)
        return 0;
    fprintf(stderr, "error: %s %s: %s\n", flags[r.wrong], r.paths[r.wrong], r.why.text);
    return MANAGER_EXIT_USAGE;
}

/* ---- later ---- */

static bool has_changed(const struct api_tls *t, const struct config *config)
{
    struct reading r;

    name_files(&r, config);
    if (read_files(&r) < 0)
        return false; /* they are being replaced */
    const uint64_t hash = hash_of(&r);

    free_files(&r);
    return hash != t->hash;
}

void api_tls_look(struct api_tls *t, const struct config *config)
{
    struct reading r;

    if (t->context == NULL || !has_changed(t, config))
        return;
    name_files(&r, config);
    if (load(t, &r) == 0)
        log_info("management API has a new certificate", LOG_S("file", r.paths[CHAIN]));
    else
        log_warn("certificate of the management API stays as it was",
                 LOG_S("file", r.paths[r.wrong]), LOG_S("error", r.why.text));
}

void api_tls_watch(const struct config *config, struct file_watch *w)
{
    file_watch_add(w, config->admin_certificate);
    file_watch_add(w, config->admin_certificate_key);
    file_watch_add(w, config->admin_client_ca);
}

void api_tls_fini(struct api_tls *t)
{
    tlsio_context_put(t->context);
    tlsio_identity_put(t->identity);
    *t = (struct api_tls){0};
}
