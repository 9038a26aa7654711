#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/jtext.h"
#include "log/log.h"
#include "manager/api_int.h"
#include "manager/api_pages.h"
#include "manager/api_problem.h"
#include "manager/keyring.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "pool/certificate.h"

/* What a backup of the cluster holds beside pools, listeners and rules, which the API tells
 * anyway: certificates with their private keys. These are told as they are kept, closed with
 * the cluster's key, and that closed with the node's own, which nobody is told: only who has
 * the file with the node's key can open any of them. A POST, since who may only read gets none.
 */

/* All of them as they were at one moment, though they are told page by page, as the client
 * takes it. To copy them would hold up the loop as well: one that is changed or removed before
 * its page comes ends the response. */
struct api_export {
    struct jtext text;
    bool is_told; /* the text was taken */
    uint32_t n, told_n;
    struct exported {
        uint64_t id, digest; /* a changed one has another digest */
    } list[];
};

static void fini(struct api_cursor *at)
{
    struct api_export *e = at->exported;

    if (!e->is_told)
        free(jtext_take(&e->text));
    free(e);
}

/* NULL: no memory. */
static struct api_export *note_all(const struct pool_state *s)
{
    struct api_export *e =
        fault_malloc(sizeof(*e) + (size_t)s->certificate_n * sizeof(struct exported));

    if (e == NULL)
        return NULL;
    e->n = e->told_n = 0;
    e->is_told = false;
    jtext_init(&e->text);
    for (uint32_t i = 0; i < s->certificate_n; i++) {
        const struct certificate *c = s->certificates[i];

        if (!c->is_of_file)
            e->list[e->n++] = (struct exported){c->id, c->digest};
    }
    return e;
}

/* ---- the document ---- */

static void put_or_null(struct jtext *t, const char *key, const char *text)
{
    if (text != NULL)
        jtext_str(t, key, text);
    else
        jtext_null(t, key);
}

static void put_certificate(struct jtext *t, const struct certificate *c)
{
    jtext_open(t, NULL, '{');
    put_or_null(t, "name", certificate_has_name(c) ? c->name : NULL);
    jtext_str(t, "chain", c->chain);
    jtext_str(t, "key", c->key);
    put_or_null(t, "ocsp", c->staple);
    jtext_close(t, '}');
}

static void put_origin(struct jtext *t, const struct manager *m)
{
    struct cluster_status s;
    char text[32];

    m->cluster->ops->status(m->cluster, &s);
    (void)clock_print_wall(loop_wall_us(m->loop), text);
    jtext_str(t, "exported", text);
    jtext_number(t, "revision", m->revision);
    if (s.id[0] != '\0')
        jtext_str(t, "cluster", s.id);
    else
        jtext_null(t, "cluster");
    members_print_id(members_own_id(m->cluster), text);
    jtext_str(t, "node", text);
}

static void begin(struct api_export *e, const struct manager *m, const char *key)
{
    jtext_open(&e->text, NULL, '{');
    put_origin(&e->text, m);
    jtext_str(&e->text, "key", key);
    jtext_open(&e->text, "certificates", '[');
}

/* False: it is not what it was. */
static bool put_next(struct api_export *e, const struct manager *m)
{
    const struct exported *x = &e->list[e->told_n];
    const struct certificate *c = certificate_find_id(m->pool, x->id);

    if (c == NULL || c->digest != x->digest) {
        log_warn("an export is broken off: certificates were changed meanwhile");
        return false;
    }
    put_certificate(&e->text, c);
    e->told_n++;
    return true;
}

static char *make_page(const struct manager *m, struct api_cursor *at, size_t bytes,
                       bool *is_last)
{
    struct api_export *e = at->exported;

    MUST(!e->is_told && e->told_n <= e->n);
    while (e->told_n < e->n && e->text.len < bytes)
        if (!put_next(e, m))
            return NULL;
    *is_last = e->told_n == e->n;
    if (!*is_last)
        return jtext_page(&e->text);
    e->is_told = true;
    jtext_close(&e->text, ']');
    jtext_close(&e->text, '}');
    return jtext_take(&e->text);
}

static void respond(struct api_conn *ac, const char *key)
{
    static const struct api_pages_kind kind = {.page = make_page, .fini = fini};
    struct api_cursor at = {.exported = note_all(ac->m->pool)};
    struct event_by by;

    if (at.exported == NULL) {
        api_problem_internal(ac, WERR_NOMEM);
        return;
    }
    api_name_caller(ac, &by);
    log_always("certificates and their closed keys were exported", LOG_S("by", by.address),
               LOG_S("token", by.token));
    begin(at.exported, ac->m, key);
    api_respond_pages(ac, 200, &kind, &at);
}

void api_cluster_export(struct api_conn *ac)
{
    struct manager *m = ac->m;
    char *key = NULL;

    if (!api_has_engine(ac))
        return;
    const int rc =
        keyring_export(m->keyring, manager_data_dir(m), m->config->node_key_file, &key);
    if (rc == WERR_UNSUPPORTED) {
        api_problem(ac, 409, "nothing_kept",
                    "this node keeps nothing (--ephemeral): it has no key of its own to close "
                    "private keys with");
    } else if (rc < 0) {
        api_problem_internal(ac, rc);
    } else {
        respond(ac, key);
        free(key);
    }
}
