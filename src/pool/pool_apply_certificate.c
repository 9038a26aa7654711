#include "base/search.h"
#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_code.h"
#include "pool/pool_mem.h"
#include "pool/table.h"

/* An ADD means the one of its name, if it has one, all else the one of its id. */
static struct certificate *find_target(const struct pool_state *s, const struct pool_command *c)
{
    if (c->type != POOL_ADD_CERTIFICATE)
        return certificate_find_id(s, c->certificate_id);
    const char *name = c->certificate.name;
    return name != NULL ? certificate_find(s, span_from_str(name)) : NULL;
}

/* ---- the vector and the tables ---- */

static uint64_t id_at(const void *certificates, uint32_t i)
{
    return ((struct certificate *const *)certificates)[i]->id;
}

static int hash_certificate(const struct certificate *c, uint64_t *hash)
{
    return kind_hash(KIND_CERTIFICATE, c->id, 0, pool_code_certificate_json(c), hash);
}

/* Into the tables, by name and by id. WERR_NOMEM leaves them as they were. */
static int list_certificate(struct pool_state *s, struct certificate *c)
{
    const struct id_entry entry = {KIND_CERTIFICATE, c, NULL};
    int rc = text_table_add(&s->certificate_names, c->name, c);
    if (rc != 0)
        return rc;
    rc = id_table_add(&s->ids, c->id, &entry);
    if (rc != 0)
        text_table_remove(&s->certificate_names, c->name);
    return rc;
}

static int enter(struct pool_state *s, struct certificate *c)
{
    struct certificate **all =
        pool_reserve(s->certificates, s->certificate_n, &s->certificate_cap);
    if (all == NULL)
        return WERR_NOMEM;
    s->certificates = all;
    int rc = hash_certificate(c, &c->digest);
    if (rc == 0)
        rc = list_certificate(s, c);
    if (rc != 0)
        return rc;
    const uint32_t place = search_place(all, s->certificate_n, id_at, c->id);
    memmove(&all[place + 1], &all[place],
            (s->certificate_n - place) * sizeof(struct certificate *));
    all[place] = c;
    s->certificate_n++;
    s->digest += c->digest;
    return 0;
}

static void take_out(struct pool_state *s, struct certificate *c)
{
    const uint32_t place = search_place(s->certificates, s->certificate_n, id_at, c->id);
    MUST(place < s->certificate_n && s->certificates[place] == c);
    s->certificate_n--;
    memmove(&s->certificates[place], &s->certificates[place + 1],
            (s->certificate_n - place) * sizeof(struct certificate *));
    text_table_remove(&s->certificate_names, c->name);
    id_table_remove(&s->ids, c->id);
    s->digest -= c->digest;
}

/* ---- applying ---- */

/* Who has no name is called by its id. */
static int fill_name(struct certificate *c)
{
    char text[24];
    if (c->name != NULL)
        return 0;
    kind_id_print(KIND_CERTIFICATE, c->id, text);
    c->name = pool_strdup(text);
    return c->name != NULL ? 0 : WERR_NOMEM;
}

static int apply_add(struct pool_state *s, const struct pool_command *c, uint64_t id,
                     struct pool_change *change)
{
    struct certificate *made = pool_calloc(1, sizeof(*made));
    if (made == NULL)
        return WERR_NOMEM;
    int rc = certificate_copy(made, &c->certificate);
    made->id = id;
    if (rc == 0)
        rc = fill_name(made);
    if (rc == 0)
        rc = enter(s, made);
    if (rc != 0) {
        certificate_free(made);
        return rc;
    }
    change->type = POOL_CHANGE_ADDED;
    change->certificate = made;
    change->id = id;
    return 0;
}

/* now becomes what next is, but for what it is known by; next gets what now owned. */
static void take_over(struct certificate *now, struct certificate *next)
{
    const struct certificate was = *now;
    *now = *next;
    *next = was;
    next->name = NULL;
}

/* SET, or PUT of what is there. */
static int apply_set(struct pool_state *s, const struct pool_command *c,
                     struct certificate *now, struct pool_change *change)
{
    struct certificate next = {0};
    int rc = certificate_copy(&next, &c->certificate);
    free(next.name);
    next.name = now->name; /* borrowed */
    next.id = now->id;
    next.ref_n = now->ref_n;
    if (rc == 0)
        rc = hash_certificate(&next, &next.digest);
    const bool is_change = rc == 0 && next.digest != now->digest;
    if (is_change) {
        s->digest += next.digest - now->digest;
        take_over(now, &next);
        change->type = POOL_CHANGE_CHANGED;
    }
    next.name = NULL;
    certificate_fini(&next);
    return rc;
}

/* To add what is there and says the same is no error. The closed keys differ in any case: each
 * was closed with a nonce of its own. */
static bool is_same(const struct certificate *now, const struct certificate *wanted)
{
    const char *a = now->staple, *b = wanted->staple;
    return strcmp(now->chain, wanted->chain) == 0 &&
           (a == NULL || b == NULL ? a == b : strcmp(a, b) == 0);
}

static int apply_certificate(struct pool_state *s, const struct pool_command *c, uint64_t id,
                             struct pool_change *change)
{
    struct certificate *now = find_target(s, c);
    if (now == NULL)
        return apply_add(s, c, id, change);
    change->id = now->id;
    if (c->type != POOL_REMOVE_CERTIFICATE) {
        change->certificate = now;
        if (c->type == POOL_ADD_CERTIFICATE && !c->is_put)
            return 0;
        return apply_set(s, c, now, change);
    }
    int rc = listener_forget_certificate(s, now, change);
    if (rc != 0)
        return rc;
    MUST(now->ref_n == 0); /* judged */
    take_out(s, now);
    change->type = POOL_CHANGE_REMOVED;
    change->removed_certificate = now;
    return 0;
}

static int judge_certificate(const struct pool_state *s, const struct pool_command *c)
{
    const struct certificate *now = find_target(s, c);
    if (c->type == POOL_ADD_CERTIFICATE) {
        if (now != NULL)
            return c->is_put || is_same(now, &c->certificate) ? 0 : WERR_EXISTS;
        return s->certificate_n < CERTIFICATE_MAX ? 0 : WERR_TOO_BIG;
    }
    if (now == NULL)
        return WERR_NOT_FOUND;
    if (c->type != POOL_REMOVE_CERTIFICATE)
        return 0;
    const bool is_needed =
        listener_find_needy(s, now) != NULL || pool_find_shower(s, now) != NULL;
    return is_needed ? WERR_IN_USE : 0;
}

static int target_certificate(const struct pool_state *s, const struct pool_command *c,
                              uint64_t *digest)
{
    const struct certificate *now = find_target(s, c);
    *digest = now != NULL ? now->digest : 0;
    return 0;
}

static int visit_certificates(const struct pool_state *s, kind_visit_fn fn, void *arg)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->certificate_n; i++) {
        const struct certificate *c = s->certificates[i];
        const struct kind_object o = {KIND_CERTIFICATE, c->id, 0, c};
        rc = fn(arg, &o);
    }
    return rc;
}

/* ---- checking ---- */

/* A log entry is JSON, and facts are shown to people: nothing but plain ASCII, and line ends
 * where lines are. */
static bool is_plain(const char *text, bool has_lines)
{
    for (const char *at = text; *at != '\0'; at++) {
        if ((*at < ' ' || *at > '~') && !(has_lines && *at == '\n'))
            return false;
    }
    return true;
}

/* What is read in the chain is told of as the chain: people give no facts. */
static int check_text(const struct certificate *c, unsigned i, struct pool_error *error)
{
    const struct certificate_text *f = &certificate_texts[i];
    const char *text = certificate_text_of(c, i);
    const char *field = i < CERTIFICATE_TEXT_FACTS ? f->key : "chain";
    if (text == NULL && f->is_optional)
        return 0;
    if (text == NULL)
        pool_error_set(error, "missing_field", field, "%s is missing", f->key);
    else if (strlen(text) > f->most)
        pool_error_set(error, "invalid_value", field, "%s is longer than %u bytes", f->key,
                       f->most);
    else if (!is_plain(text, i < CERTIFICATE_TEXT_FACTS))
        pool_error_set(error, "invalid_value", field, "%s must be plain text", f->key);
    else
        return 0;
    return WERR_INVALID;
}

static int check_facts(const struct certificate_facts *f, struct pool_error *error)
{
    bool is_good = f->name_n <= CERTIFICATE_NAMES_MAX && f->key_type < CERTIFICATE_KEY_TYPE_N;
    for (uint32_t i = 0; is_good && i < f->name_n; i++)
        is_good = strlen(f->names[i]) <= CERTIFICATE_TEXT_MAX && is_plain(f->names[i], false);
    if (is_good)
        return 0;
    pool_error_set(error, "invalid_value", "chain",
                   "the certificate must have at most %d names, each of plain text",
                   CERTIFICATE_NAMES_MAX);
    return WERR_INVALID;
}

static int check_certificate(const struct pool_command *c, struct pool_error *error)
{
    const char *name = c->certificate.name;
    if (c->type == POOL_REMOVE_CERTIFICATE)
        return 0;
    if (name != NULL && !certificate_name_is_valid(span_from_str(name))) {
        pool_error_set(error, "invalid_value", "name", CERTIFICATE_NAME_WISH, POOL_NAME_MAX);
        return WERR_INVALID;
    }
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < CERTIFICATE_TEXT_N; i++)
        rc = check_text(&c->certificate, i, error);
    return rc == 0 ? check_facts(&c->certificate.facts, error) : rc;
}

static char *certificate_json(const void *object)
{
    return pool_code_certificate_json(object);
}

const struct kind_ops kind_ops_certificate = {
    .check = check_certificate,
    .judge = judge_certificate,
    .apply = apply_certificate,
    .target = target_certificate,
    .visit = visit_certificates,
    .json = certificate_json,
};
