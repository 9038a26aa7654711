#include "manager/certificate_files.h"

#include <stdio.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/ascii.h"
#include "log/log.h"
#include "manager/change.h"
#include "manager/file_watch.h"
#include "manager/manager.h"
#include "manager/offer.h"
#include "manager/secret_file.h"

/* What the two files hold; one of them may be both. */
struct pair {
    struct secret_file chain, key;
};

/* ---- reading ---- */

static bool is_one_file(const struct certificate_file *file)
{
    return file->key_path == file->chain_path;
}

static void free_pair(struct pair *p)
{
    secret_file_free(&p->chain);
    secret_file_free(&p->key);
}

static int fail_read(const char *field, int rc, struct pool_error *error)
{
    pool_error_set(error, "invalid_value", field, "it can't be read: %s", werr_text(rc));
    return rc;
}

static int read_pair(const struct certificate_file *file, struct pair *p,
                     struct pool_error *error)
{
    *p = (struct pair){{NULL, 0}, {NULL, 0}};
    int rc = secret_file_read(file->chain_path, &p->chain);

    if (rc < 0)
        return fail_read("chain", rc, error);
    if (is_one_file(file))
        return 0;
    rc = secret_file_read(file->key_path, &p->key);
    if (rc == 0)
        return 0;
    free_pair(p);
    return fail_read("key", rc, error);
}

static struct span key_of(const struct certificate_file *file, const struct pair *p)
{
    return secret_file_span(is_one_file(file) ? &p->chain : &p->key);
}

static uint64_t hash_of(const struct pair *p)
{
    return XXH3_64bits(p->chain.bytes, p->chain.len) ^
           XXH3_64bits_withSeed(p->key.bytes, p->key.len, 1);
}

static int take_pair(const struct certificate_file *file, const struct pair *p,
                     struct certificate *c, struct pool_error *error)
{
    const struct offer o = {.name = file->name[0] != '\0' ? file->name : NULL,
                            .chain = secret_file_span(&p->chain),
                            .key = key_of(file, p),
                            .is_of_file = true};

    return offer_take(file->owner->keyring, &o, c, error);
}

/* Both steps. */
static int read_file(struct certificate_file *file, struct certificate *c,
                     struct pool_error *error)
{
    struct pair p;
    int rc = read_pair(file, &p, error);

    if (rc < 0)
        return rc;
    file->hash = hash_of(&p);
    rc = take_pair(file, &p, c, error);
    free_pair(&p);
    if (rc < 0 && rc != WERR_INVALID)
        pool_error_set(error, "nomem", "chain", "%s", werr_text(rc));
    return rc;
}

/* ---- names ---- */

static bool is_taken(const struct certificate_files *f, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(f->list[i].name, name) == 0)
            return true;
    return false;
}

/* "*.shop.example" is "wildcard.shop.example"; what no name may have becomes a hyphen. */
static void make_name(const char *subject, char *buf, size_t size)
{
    const bool is_wildcard = strncmp(subject, "*.", 2) == 0;

    snprintf(buf, size, "%s%s", is_wildcard ? "wildcard." : "",
             is_wildcard ? subject + 2 : subject);
    for (char *at = buf; *at != '\0'; at++)
        if (!ascii_is_alnum(*at) && *at != '.' && *at != '-' && *at != '_')
            *at = '-';
}

/* The first that it is for; a second one of that name has a number. */
static void name_file(struct certificate_files *f, unsigned i, const struct certificate *c)
{
    enum { NUMBER_MAX = 4 };
    char base[POOL_NAME_MAX + 1 - NUMBER_MAX];
    char *name = f->list[i].name;

    make_name(c->facts.name_n > 0 ? c->facts.names[0] : "", base, sizeof(base));
    if (!certificate_name_is_valid(span_from_str(base)))
        snprintf(base, sizeof(base), "file");
    snprintf(name, sizeof(f->list[i].name), "%s", base);
    for (unsigned n = 2; is_taken(f, i, name); n++)
        snprintf(name, sizeof(f->list[i].name), "%s-%u", base, n);
}

/* ---- at the start ---- */

static int refuse(const struct certificate_file *file, const struct pool_error *error)
{
    const bool is_key = strcmp(error->field, "key") == 0 && !is_one_file(file);

    fprintf(stderr, "error: %s %s: %s\n", is_key ? "--certificate-key" : "--certificate",
            is_key ? file->key_path : file->chain_path, error->detail);
    return MANAGER_EXIT_USAGE;
}

static int check(struct certificate_files *f, unsigned i)
{
    struct certificate_file *file = &f->list[i];
    struct certificate c;
    struct pool_error error;
    const int rc = read_file(file, &c, &error);

    if (rc == WERR_NOMEM || rc == WERR_NO_FD)
        return manager_fail_start("can't read a certificate", rc);
    if (rc < 0)
        return refuse(file, &error);
    name_file(f, i, &c);
    certificate_fini(&c);
    return 0;
}

int certificate_files_check(struct certificate_files *f)
{
    int code = 0;

    for (unsigned i = 0; code == 0 && i < f->n; i++)
        code = check(f, i);
    return code;
}

/* ---- later ---- */

static void tell_bad(const struct certificate_file *file, const struct pool_error *error)
{
    const bool is_key = strcmp(error->field, "key") == 0;

    log_warn("certificate stays as it was", LOG_S("certificate", file->name),
             LOG_S("file", is_key ? file->key_path : file->chain_path),
             LOG_S("error", error->detail));
}

int certificate_files_command(struct certificate_files *f, unsigned i, struct pool_command *c)
{
    struct certificate_file *file = &f->list[i];
    struct pool_error error;

    pool_command_init(c, POOL_ADD_CERTIFICATE);
    c->is_put = true;
    const int rc = read_file(file, &c->certificate, &error);

    if (rc == 0)
        return 0;
    tell_bad(file, &error);
    pool_command_fini(c);
    return rc;
}

static void on_change(struct change *ch)
{
    struct certificate_file *file = ch->waiter;
    const int rc = ch->error < 0 ? ch->error : ch->outcome.result;

    if (rc < 0) {
        log_warn("certificate can't be set yet", LOG_S("certificate", file->name),
                 LOG_S("error", werr_text(rc)));
        file->hash = 0; /* to be tried again */
    }
    file->change = NULL;
    change_end(ch);
}

static void propose(struct certificate_file *file, struct pool_command *c)
{
    struct change *ch;

    pool_by_set(c->by.request, sizeof(c->by.request), SPAN("a file of --certificate"));
    const int rc = change_new(file->owner->m, c, &ch);

    if (rc < 0) {
        file->hash = 0;
        return;
    }
    ch->at_commit = true;
    file->change = ch;
    log_info("certificate is read again", LOG_S("certificate", file->name),
             LOG_S("file", file->chain_path));
    change_propose(ch, on_change, file);
}

static bool is_there(const struct certificate_files *f, const struct certificate *c)
{
    const struct certificate *now = certificate_find(f->m->pool, span_from_str(c->name));

    return now != NULL && offer_is_same(f->keyring, now, c);
}

static void reload(struct certificate_files *f, unsigned i)
{
    struct certificate_file *file = &f->list[i];
    struct pool_command c;
    struct pool_error error;

    if (file->change != NULL || certificate_files_command(f, i, &c) < 0)
        return;
    if (offer_has_expired(&c.certificate, loop_wall_us(f->m->loop), &error))
        tell_bad(file, &error);
    else if (!is_there(f, &c.certificate))
        propose(file, &c);
    pool_command_fini(&c);
}

static bool has_changed(const struct certificate_file *file)
{
    struct pool_error error;
    struct pair p;

    if (read_pair(file, &p, &error) < 0)
        return false; /* it is being replaced, or has gone: nothing better is known */
    const uint64_t hash = hash_of(&p);

    free_pair(&p);
    return hash != file->hash;
}

void certificate_files_look(struct certificate_files *f)
{
    for (unsigned i = 0; i < f->n; i++)
        if (has_changed(&f->list[i]))
            reload(f, i);
}

void certificate_files_reload(struct certificate_files *f)
{
    for (unsigned i = 0; i < f->n; i++)
        reload(f, i);
}

void certificate_files_watch(const struct certificate_files *f, struct file_watch *w)
{
    for (unsigned i = 0; i < f->n; i++) {
        file_watch_add(w, f->list[i].chain_path);
        if (!is_one_file(&f->list[i]))
            file_watch_add(w, f->list[i].key_path);
    }
}

bool certificate_files_have(const struct certificate_files *f, const char *name)
{
    return is_taken(f, f->n, name);
}

/* ---- life ---- */

void certificate_files_init(struct certificate_files *f, struct manager *m,
                            const struct keyring *keyring)
{
    const struct config *config = m->config;

    *f = (struct certificate_files){.m = m, .keyring = keyring, .n = config->certificate_n};
    for (unsigned i = 0; i < f->n; i++) {
        struct certificate_file *file = &f->list[i];

        file->owner = f;
        file->chain_path = config->certificate[i];
        file->key_path =
            config->certificate_key_n > 0 ? config->certificate_key[i] : file->chain_path;
    }
}

void certificate_files_fini(struct certificate_files *f)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->list[i].change != NULL)
            change_end(f->list[i].change);
    f->n = 0;
}
