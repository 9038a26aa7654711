#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/seal.h"
#include "pool/pool_code_int.h"
#include "pool/pool_mem.h"

/* ---- reading what is stored ---- */

static int take_text(struct certificate *c, unsigned i, json_t *value)
{
    char **at = certificate_text_at(c, i);
    if (json_is_null(value) && certificate_texts[i].is_optional)
        return 0;
    if (!json_is_string(value))
        return WERR_INVALID;
    *at = pool_strdup(json_string_value(value));
    return *at != NULL ? 0 : WERR_NOMEM;
}

/* One of the texts from first to before end, by its key. WERR_NOT_FOUND: it is none. */
static int read_text(struct certificate *c, unsigned first, unsigned end, const char *key,
                     json_t *value)
{
    for (unsigned i = first; i < end; i++) {
        if (strcmp(certificate_texts[i].key, key) == 0)
            return take_text(c, i, value);
    }
    return WERR_NOT_FOUND;
}

static int read_names(struct certificate_facts *f, json_t *value)
{
    if (!json_is_array(value) || json_array_size(value) > CERTIFICATE_NAMES_MAX)
        return WERR_INVALID;
    f->names = pool_calloc(json_array_size(value) + 1, sizeof(char *));
    if (f->names == NULL)
        return WERR_NOMEM;
    for (; f->name_n < json_array_size(value); f->name_n++) {
        const char *name = json_string_value(json_array_get(value, f->name_n));
        if (name == NULL)
            return WERR_INVALID;
        f->names[f->name_n] = pool_strdup(name);
        if (f->names[f->name_n] == NULL)
            return WERR_NOMEM;
    }
    return 0;
}

static int read_date(json_t *value, int64_t *to)
{
    *to = json_integer_value(value);
    return json_is_integer(value) ? 0 : WERR_INVALID;
}

static int read_fact(struct certificate *c, const char *key, json_t *value)
{
    struct certificate_facts *f = &c->facts;
    uint64_t bits = 0;
    if (strcmp(key, "names") == 0)
        return read_names(f, value);
    if (strcmp(key, "not_before_s") == 0)
        return read_date(value, &f->not_before_s);
    if (strcmp(key, "not_after_s") == 0)
        return read_date(value, &f->not_after_s);
    if (strcmp(key, "key_type") == 0)
        return json_is_string(value)
                   ? certificate_key_type_from_word(code_text(value), &f->key_type)
                   : WERR_INVALID;
    if (strcmp(key, "key_bits") == 0) {
        int rc = code_number(value, 0, UINT16_MAX, &bits) ? 0 : WERR_INVALID;
        f->key_bits = (uint16_t)bits;
        return rc;
    }
    return read_text(c, CERTIFICATE_TEXT_FACTS, CERTIFICATE_TEXT_N, key, value);
}

static int read_facts(struct certificate *c, json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(object))
        return WERR_INVALID;
    json_object_foreach(object, key, value)
    {
        int rc = read_fact(c, key, value);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_member(struct reading *r, const char *key, json_t *value)
{
    struct certificate *c = &r->c->certificate;
    if (strcmp(key, "facts") == 0)
        return read_facts(c, value);
    if (strcmp(key, "is_of_file") == 0) {
        c->is_of_file = json_is_true(value);
        return json_is_boolean(value) ? 0 : WERR_INVALID;
    }
    return read_text(c, 0, CERTIFICATE_TEXT_FACTS, key, value);
}

static bool is_whole(const struct certificate *c)
{
    bool is_good = c->facts.names != NULL;
    for (unsigned i = 0; is_good && i < CERTIFICATE_TEXT_N; i++)
        is_good = certificate_texts[i].is_optional || certificate_text_of(c, i) != NULL;
    return is_good && (c->name == NULL || certificate_name_is_valid(span_from_str(c->name)));
}

/* All is given, but what may be missing; nobody but Weldr has written it. */
static int read_certificate(struct reading *r, json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        int rc = read_member(r, key, value);
        if (rc != 0)
            return rc == WERR_NOMEM ? rc : WERR_INVALID;
    }
    return is_whole(&r->c->certificate) ? 0 : WERR_INVALID;
}

/* ---- reading what people bring ---- */

static int refuse_text(struct reading *r, const char *key, size_t most)
{
    char wish[120];
    snprintf(wish, sizeof(wish), "%s must be a text of 1 to %zu bytes", key, most);
    return code_refuse_value(r, key, wish);
}

static int bring_text(struct reading *r, const char *key, json_t *value, size_t most, char **to)
{
    const char *text = json_string_value(value);
    const size_t len = json_string_length(value);
    if (text == NULL || len == 0 || len > most)
        return refuse_text(r, key, most);
    *to = pool_strdup(text);
    return *to != NULL ? 0 : WERR_NOMEM;
}

static int bring_secret(struct reading *r, const char *key, json_t *value, size_t most,
                        struct seal_opened *to)
{
    const char *text = json_string_value(value);
    const size_t len = json_string_length(value);
    if (text == NULL || len == 0 || len > most)
        return refuse_text(r, key, most);
    to->ptr = seal_memory_new(len + 1);
    if (to->ptr == NULL)
        return WERR_NOMEM;
    memcpy(to->ptr, text, len + 1);
    to->len = len;
    return 0;
}

static int bring_name(struct reading *r, json_t *value, char **to)
{
    char wish[160];
    uint64_t id;
    /* Of one that has none a document says the id; who may not give that says pool_check. */
    if (json_is_string(value) &&
        (certificate_name_is_valid(code_text(value)) ||
         kind_id_from_text(KIND_CERTIFICATE, code_text(value), &id) == 0))
        return bring_text(r, "name", value, POOL_NAME_MAX, to);
    snprintf(wish, sizeof(wish), CERTIFICATE_NAME_WISH, POOL_NAME_MAX);
    return code_refuse_value(r, "name", wish);
}

/* What GET alone shows is passed over. */
static bool is_shown(const char *key)
{
    static const char *const shown[] = {
        "id",       "names",       "not_before", "not_after", "days_left", "key_type",
        "key_bits", "fingerprint", "subject",    "issuer",    "serial",    "listeners",
        "pools",    "source",      "warning",    "revision",  "links"};
    for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        if (strcmp(shown[i], key) == 0)
            return true;
    }
    return false;
}

static int bring_member(struct reading *r, const char *key, json_t *value,
                        struct pool_code_pem *pem)
{
    if (strcmp(key, "chain") == 0)
        return bring_secret(r, key, value, CERTIFICATE_CHAIN_BYTES_MAX, &pem->chain);
    if (strcmp(key, "key") == 0)
        return bring_secret(r, key, value, SEAL_PLAIN_MAX, &pem->key);
    if (strcmp(key, "name") == 0)
        return json_is_null(value) ? 0 : bring_name(r, value, &pem->name);
    if (strcmp(key, "ocsp") == 0)
        return json_is_null(value)
                   ? 0
                   : bring_text(r, key, value, CERTIFICATE_STAPLE_BYTES_MAX, &pem->staple);
    return is_shown(key) ? 0 : code_refuse_key(r, "", key);
}

static int bring_members(struct reading *r, json_t *object, struct pool_code_pem *pem)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        int rc = bring_member(r, key, value, pem);
        if (rc != 0)
            return rc;
    }
    if (pem->chain.ptr == NULL)
        return code_refuse_missing(r, "chain");
    return pem->key.ptr != NULL ? 0 : code_refuse_missing(r, "key");
}

int pool_code_pem_from_json(struct span body, struct pool_code_pem *pem,
                            struct pool_error *error)
{
    struct reading r = {.error = error};
    json_t *object = NULL;
    *pem = (struct pool_code_pem){0};
    /* The library's copies of a private key are cleared as they go. */
    json_set_alloc_funcs(malloc, seal_clear_and_free);
    int rc = code_parse(body, &object, error);
    if (rc == 0) {
        rc = bring_members(&r, object, pem);
        json_decref(object);
    }
    json_set_alloc_funcs(malloc, free);
    if (rc != 0)
        pool_code_pem_fini(pem);
    return rc;
}

void pool_code_pem_fini(struct pool_code_pem *pem)
{
    free(pem->name);
    free(pem->staple);
    seal_opened_free(&pem->chain);
    seal_opened_free(&pem->key);
    *pem = (struct pool_code_pem){0};
}

/* ---- writing ---- */

static void write_texts(struct jtext *t, const struct certificate *c, unsigned first,
                        unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        const char *text = certificate_text_of(c, i);
        if (text != NULL)
            jtext_str(t, certificate_texts[i].key, text);
        else
            jtext_null(t, certificate_texts[i].key);
    }
}

static void write_date(struct jtext *t, const char *key, int64_t s)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, s);
    jtext_json(t, key, text);
}

static void write_facts(struct jtext *t, const struct certificate *c)
{
    const struct certificate_facts *f = &c->facts;
    jtext_open(t, "facts", '{');
    jtext_open(t, "names", '[');
    for (uint32_t i = 0; i < f->name_n; i++)
        jtext_str(t, NULL, f->names[i]);
    jtext_close(t, ']');
    write_texts(t, c, CERTIFICATE_TEXT_FACTS, CERTIFICATE_TEXT_N);
    write_date(t, "not_before_s", f->not_before_s);
    write_date(t, "not_after_s", f->not_after_s);
    jtext_str(t, "key_type", certificate_key_type_word((enum certificate_key_type)f->key_type));
    jtext_number(t, "key_bits", f->key_bits);
    jtext_close(t, '}');
}

/* A name that nobody gave is not told: it is the id, which whoever reads this knows. */
static void write_members(struct jtext *t, const char *key, const struct certificate *c)
{
    jtext_open(t, key, '{');
    if (c->name != NULL && certificate_has_name(c))
        jtext_str(t, "name", c->name);
    write_texts(t, c, CERTIFICATE_TEXT_CHAIN, CERTIFICATE_TEXT_FACTS);
    jtext_bool(t, "is_of_file", c->is_of_file);
    write_facts(t, c);
    jtext_close(t, '}');
}

static void write_certificate(struct jtext *t, const char *key, const struct pool_command *c)
{
    write_members(t, key, &c->certificate);
}

char *pool_code_certificate_json(const struct certificate *c)
{
    struct jtext t;
    jtext_init_compact(&t);
    write_members(&t, NULL, c);
    return jtext_take(&t);
}

const struct code_kind code_certificate = {read_certificate, write_certificate};
