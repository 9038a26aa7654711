#include "pool/certificate.h"

#include "pool/pool_mem.h"
#include "pool/table.h"

#define TEXT(key, member, most, is_optional)                               \
    {                                                                      \
        (key), offsetof(struct certificate, member), (most), (is_optional) \
    }

const struct certificate_text certificate_texts[CERTIFICATE_TEXT_N] = {
    TEXT("name", name, POOL_NAME_MAX, true),
    TEXT("chain", chain, CERTIFICATE_CHAIN_BYTES_MAX, false),
    TEXT("key", key, CERTIFICATE_KEY_BYTES_MAX, false),
    TEXT("staple", staple, CERTIFICATE_STAPLE_BYTES_MAX, true),
    TEXT("subject", facts.subject, CERTIFICATE_TEXT_MAX, false),
    TEXT("issuer", facts.issuer, CERTIFICATE_TEXT_MAX, false),
    TEXT("serial", facts.serial, CERTIFICATE_TEXT_MAX, false),
    TEXT("fingerprint", facts.fingerprint, CERTIFICATE_TEXT_MAX, false),
};

char **certificate_text_at(struct certificate *c, unsigned i)
{
    return (char **)(void *)((char *)c + certificate_texts[i].offset);
}

const char *certificate_text_of(const struct certificate *c, unsigned i)
{
    return *(char *const *)(const void *)((const char *)c + certificate_texts[i].offset);
}

/* ---- looking up ---- */

struct certificate *certificate_find_id(const struct pool_state *s, uint64_t id)
{
    const struct id_entry *entry = id != 0 ? id_table_find(s->ids, id) : NULL;
    return entry != NULL && entry->kind == KIND_CERTIFICATE ? entry->object : NULL;
}

/* A name in the form of an id is that id (certificate_name_is_valid). */
struct certificate *certificate_find(const struct pool_state *s, struct span name_or_id)
{
    uint64_t id = 0;
    return kind_id_from_text(KIND_CERTIFICATE, name_or_id, &id) == 0
               ? certificate_find_id(s, id)
               : text_table_find(s->certificate_names, name_or_id);
}

struct certificate *certificate_find_fingerprint(const struct pool_state *s,
                                                 struct span fingerprint)
{
    for (uint32_t i = 0; i < s->certificate_n; i++) {
        struct certificate *c = s->certificates[i];
        if (span_is_equal(span_from_str(c->facts.fingerprint), fingerprint))
            return c;
    }
    return NULL;
}

bool certificate_name_is_valid(struct span name)
{
    uint64_t id = 0;
    return pool_name_is_valid(name) && kind_id_from_text(KIND_CERTIFICATE, name, &id) != 0;
}

bool certificate_has_name(const struct certificate *c)
{
    return certificate_name_is_valid(span_from_str(c->name));
}

/* ---- words ---- */

static const char *const key_types[CERTIFICATE_KEY_TYPE_N] = {
    [CERTIFICATE_RSA] = "rsa",
    [CERTIFICATE_ECDSA] = "ecdsa",
    [CERTIFICATE_ED25519] = "ed25519",
};

const char *certificate_key_type_word(enum certificate_key_type type)
{
    return (unsigned)type < CERTIFICATE_KEY_TYPE_N ? key_types[type] : "rsa";
}

int certificate_key_type_from_word(struct span word, uint8_t *type)
{
    for (unsigned i = 0; i < CERTIFICATE_KEY_TYPE_N; i++) {
        if (span_is_equal(word, span_from_str(key_types[i]))) {
            *type = (uint8_t)i;
            return 0;
        }
    }
    return WERR_INVALID;
}

/* ---- life ---- */

void certificate_fini(struct certificate *c)
{
    for (unsigned i = 0; i < CERTIFICATE_TEXT_N; i++)
        free(*certificate_text_at(c, i));
    for (uint32_t i = 0; i < c->facts.name_n; i++)
        free(c->facts.names[i]);
    free(c->facts.names);
    *c = (struct certificate){0};
}

void certificate_free(struct certificate *c)
{
    if (c == NULL)
        return;
    certificate_fini(c);
    free(c);
}

static int copy_names(struct certificate_facts *to, const struct certificate_facts *from)
{
    to->names = pool_calloc(from->name_n + 1U, sizeof(char *));
    if (to->names == NULL)
        return WERR_NOMEM;
    for (; to->name_n < from->name_n; to->name_n++) {
        to->names[to->name_n] = pool_strdup(from->names[to->name_n]);
        if (to->names[to->name_n] == NULL)
            return WERR_NOMEM;
    }
    return 0;
}

/* What is copied by value. */
static void copy_values(struct certificate *to, const struct certificate *from)
{
    to->is_of_file = from->is_of_file;
    to->facts.not_before_s = from->facts.not_before_s;
    to->facts.not_after_s = from->facts.not_after_s;
    to->facts.key_type = from->facts.key_type;
    to->facts.key_bits = from->facts.key_bits;
}

int certificate_copy(struct certificate *to, const struct certificate *from)
{
    struct certificate copy = {0};
    copy_values(&copy, from);
    int rc = copy_names(&copy.facts, &from->facts);
    for (unsigned i = 0; rc == 0 && i < CERTIFICATE_TEXT_N; i++) {
        const char *text = certificate_text_of(from, i);
        char **at = certificate_text_at(&copy, i);
        *at = text != NULL ? pool_strdup(text) : NULL;
        rc = text == NULL || *at != NULL ? 0 : WERR_NOMEM;
    }
    if (rc != 0)
        certificate_fini(&copy);
    else
        *to = copy;
    return rc;
}
