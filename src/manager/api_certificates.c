#include <stdio.h>
#include <stdlib.h>

#include "base/search.h"
#include "manager/api.h"
#include "manager/api_object.h"
#include "manager/api_pages.h"
#include "manager/api_problem.h"
#include "manager/certificate_files.h"
#include "manager/manager.h"
#include "manager/offer.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"

/* Bodies hold private keys, so they are not read as those of other objects: what comes out of
 * pool_code is judged and closed at once (offer.h). */

static struct span name_in_path(const struct api_conn *ac)
{
    return api_match_param(&ac->match, SPAN("certificate"));
}

static struct certificate *find_in_path(const struct api_conn *ac)
{
    return certificate_find(ac->m->pool, name_in_path(ac));
}

static const void *find(const struct api_conn *ac)
{
    return find_in_path(ac);
}

static const void *find_id(const struct api_conn *ac, uint64_t id)
{
    return certificate_find_id(ac->m->pool, id);
}

/* ---- documents ---- */

static char *show_certificate(const struct manager *m, const struct certificate *c,
                              bool is_whole, const char *base)
{
    const struct api_json_certificate_view view = {
        .certificate = c,
        .state = m->pool,
        .wall_us = loop_wall_us(m->loop),
        .revision = m->revision,
        .is_whole = is_whole,
    };

    return api_json_certificate(&view, base);
}

static char *show(const struct api_conn *ac, const void *object)
{
    return show_certificate(ac->m, object, true, api_base(ac));
}

/* ---- wishes ---- */

static uint64_t digest(const void *object)
{
    return ((const struct certificate *)object)->digest;
}

static void name(const struct api_conn *ac, const void *object, struct pool_command *c)
{
    (void)ac;
    c->certificate_id = ((const struct certificate *)object)->id;
}

static void locate(const struct api_conn *ac, const void *object, char *buf, size_t size)
{
    (void)ac;
    (void)snprintf(buf, size, "/certificates/%s", ((const struct certificate *)object)->name);
}

static const struct api_object_kind kind = {
    .kind = KIND_CERTIFICATE,
    .remove = POOL_REMOVE_CERTIFICATE,
    .find = find,
    .find_id = find_id,
    .show = show,
    .digest = digest,
    .name = name,
    .locate = locate,
};

/* The body, judged. */
static int read_body(const struct api_conn *ac, struct certificate *c, struct pool_error *error)
{
    struct pool_code_pem pem;
    int rc = pool_code_pem_from_json(api_body(ac), &pem, error);

    if (rc < 0)
        return rc;
    const struct offer o = {.name = pem.name,
                            .chain = span_from(pem.chain.ptr, pem.chain.len),
                            .key = span_from(pem.key.ptr, pem.key.len),
                            .staple = pem.staple,
                            .wall_us = loop_wall_us(ac->m->loop)};

    rc = offer_take(ac->m->keyring, &o, c, error);
    pool_code_pem_fini(&pem);
    if (rc == 0 && offer_has_expired(c, loop_wall_us(ac->m->loop), error)) {
        certificate_fini(c);
        rc = WERR_INVALID;
    }
    return rc;
}

/* With another nonce its key would look like another one. */
static bool is_known(const struct api_conn *ac, const struct certificate *now,
                     const struct pool_command *c)
{
    return now != NULL && offer_is_same(ac->m->keyring, now, &c->certificate);
}

/* Nothing is to be done. Ends the command. */
static void respond_known(struct api_conn *ac, const struct certificate *now,
                          struct pool_command *c)
{
    pool_command_fini(c);
    if (ac->query.is_dry_run)
        api_respond(ac, 200, api_json_dry_run("nothing"));
    else
        api_object_show(ac, &kind, now);
}

static const struct certificate *find_same(const struct manager *m, const struct certificate *c)
{
    return c->name != NULL
               ? certificate_find(m->pool, span_from_str(c->name))
               : certificate_find_fingerprint(m->pool, span_from_str(c->facts.fingerprint));
}

void api_certificates_add(struct api_conn *ac)
{
    struct pool_command c;
    struct pool_error error;

    pool_command_init(&c, POOL_ADD_CERTIFICATE);
    const int rc = read_body(ac, &c.certificate, &error);

    if (rc < 0) {
        pool_command_fini(&c);
        api_problem_of_body(ac, rc, &error);
        return;
    }
    const struct certificate *now = find_same(ac->m, &c.certificate);

    if (is_known(ac, now, &c)) {
        respond_known(ac, now, &c);
    } else if (now != NULL && c.certificate.name == NULL) {
        pool_command_fini(&c);
        api_problem(ac, 409, "exists",
                    "the certificate is there with another chain or OCSP response: PUT it");
    } else {
        api_object_wish(ac, &kind, &c);
    }
}

static void respond_of_file(struct api_conn *ac)
{
    api_problem(ac, 409, "of_file",
                "the certificate follows a file of --certificate: replace the file");
}

static bool is_of_file(const struct api_conn *ac, const struct certificate *c)
{
    return c != NULL && c->is_of_file &&
           certificate_files_have(ac->m->certificate_files, c->name);
}

/* The path says which. WERR_INVALID: the body says another, or there can be none of that name.
 */
static int name_put(const struct api_conn *ac, const struct certificate *now,
                    struct pool_command *c, struct pool_error *error)
{
    const struct span path = name_in_path(ac);
    const struct span wanted = now != NULL ? span_from_str(now->name) : path;
    char text[POOL_NAME_MAX + 1];

    if (c->certificate.name != NULL &&
        !span_is_equal(span_from_str(c->certificate.name), wanted)) {
        pool_error_set(error, "read_only", "name", "a certificate keeps its name: %.*s",
                       (int)span_first(wanted, POOL_NAME_MAX).len, wanted.ptr);
        return WERR_INVALID;
    }
    if (now != NULL) {
        c->type = POOL_SET_CERTIFICATE;
        c->is_put = false;
        c->certificate_id = now->id;
        free(c->certificate.name); /* it stays */
        c->certificate.name = NULL;
        return 0;
    }
    if (!certificate_name_is_valid(path) || span_to_str(path, text, sizeof(text)) < 0) {
        pool_error_set(error, "not_found", "", "there is no such certificate");
        return WERR_INVALID;
    }
    return offer_rename(&c->certificate, text);
}

void api_certificate_put(struct api_conn *ac)
{
    const struct certificate *now = find_in_path(ac);
    struct pool_command c;
    struct pool_error error;

    if (is_of_file(ac, now)) {
        respond_of_file(ac);
        return;
    }
    pool_command_init(&c, POOL_ADD_CERTIFICATE);
    c.is_put = true;
    int rc = read_body(ac, &c.certificate, &error);

    if (rc == 0)
        rc = name_put(ac, now, &c, &error);
    if (rc < 0) {
        pool_command_fini(&c);
        api_problem_of_body(ac, rc, &error);
    } else if (is_known(ac, now, &c) && !api_tags_are_there(&ac->conditions)) {
        respond_known(ac, now, &c);
    } else {
        api_object_wish(ac, &kind, &c);
    }
}

void api_certificate_get(struct api_conn *ac)
{
    api_object_get(ac, &kind);
}

void api_certificate_remove(struct api_conn *ac)
{
    if (is_of_file(ac, find_in_path(ac)))
        respond_of_file(ac);
    else
        api_object_remove(ac, &kind);
}

/* ---- all of them ---- */

static void begin(struct api_json_list *l, const struct api_cursor *at)
{
    api_json_objects_begin(l, at->base, "certificates", "/certificates");
}

static uint64_t id_at(const void *certificates, uint32_t i)
{
    return ((struct certificate *const *)certificates)[i]->id;
}

static bool next(const struct manager *m, struct api_cursor *at, struct api_json_list *l)
{
    const struct pool_state *s = m->pool;
    const uint32_t place = search_place(s->certificates, s->certificate_n, id_at, at->next);

    if (place == s->certificate_n)
        return false;
    const struct certificate *c = s->certificates[place];

    api_json_objects_add(l, show_certificate(m, c, false, l->base));
    at->next = c->id + 1;
    return true;
}

void api_certificates_list(struct api_conn *ac)
{
    static const struct api_pages_kind pages = {.begin = begin, .next = next};

    ac->tag = pool_list_digest(ac->m->pool, KIND_CERTIFICATE, SPAN_NONE);
    api_respond_pages(ac, 200, &pages, &(struct api_cursor){0});
}
