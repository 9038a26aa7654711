#include "manager/openapi_type.h"

#include "base/strb.h"
#include "base/werr.h"
#include "pool/pool_policy.h"

enum { REF_MAX = 96, WORD_MAX = 64 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- words ---- */

static const char state_words[] =
#define SERVER_STATE(id, word, is_active, level, log, text) "|" word
#include "manager/server_state.def"
#undef SERVER_STATE
    ;

static const char event_words[] =
#define EVENT(id, word, level, log, text) "|" word
#include "manager/events.def"
#undef EVENT
    ;

static struct span find_words(struct span table)
{
    static char policies[POOL_POLICY_N * WORD_MAX];
    struct strb b;

    if (span_is_equal(table, SPAN("server_state")))
        return span_skip(SPAN(state_words), 1);
    if (span_is_equal(table, SPAN("event")))
        return span_skip(SPAN(event_words), 1);
    MUST(span_is_equal(table, SPAN("policy")));
    strb_init(&b, policies, sizeof(policies));
    for (unsigned i = 0; i < POOL_POLICY_N; i++)
        strb_addf(&b, i > 0 ? "|%s" : "%s", pool_policy_word((enum pool_policy)i));
    return strb_span(&b);
}

/* A version, 1.2, is a word. */
static bool is_plain(struct span word)
{
    const bool is_number = is_digit(word.ptr[0]) && span_find(word, '.') == word.len;
    return is_number || span_is_equal(word, SPAN("true"));
}

static void put_words(struct jtext *t, struct span words, bool is_nullable)
{
    char text[WORD_MAX];

    jtext_open(t, "enum", '[');
    while (words.len > 0) {
        const struct span word = span_cut(&words, '|');

        MUST(span_to_str(word, text, sizeof(text)) == 0);
        if (is_plain(word))
            jtext_json(t, NULL, text);
        else
            jtext_str(t, NULL, text);
    }
    if (is_nullable)
        jtext_null(t, NULL);
    jtext_close(t, ']');
}

/* ---- plain values ---- */

static void put_kind(struct jtext *t, const char *kind, bool is_nullable)
{
    if (!is_nullable) {
        jtext_str(t, "type", kind);
        return;
    }
    jtext_open(t, "type", '[');
    jtext_str(t, NULL, kind);
    jtext_str(t, NULL, "null");
    jtext_close(t, ']');
}

/* "1..65535": both ends are JSON numbers. */
static void put_range(struct jtext *t, struct span text, bool is_nullable)
{
    const size_t dot = span_find(text, '.');
    char least[WORD_MAX], most[WORD_MAX];

    MUST(dot < text.len && span_to_str(span_first(text, dot), least, sizeof(least)) == 0 &&
         span_to_str(span_skip(text, dot + 2), most, sizeof(most)) == 0);
    put_kind(t, "integer", is_nullable);
    jtext_json(t, "minimum", least);
    jtext_json(t, "maximum", most);
}

static const struct {
    const char *word, *kind, *key, *value; /* of a member more; NULL: none */
} plain[] = {
    {"text", "string", NULL, NULL},
    {"count", "integer", "minimum", "0"},
    {"number", "number", NULL, NULL},
    {"bool", "boolean", NULL, NULL},
    {"object", "object", NULL, NULL},
    {"flag", "string", "enum", "[\"true\", \"false\", \"1\", \"0\"]"},
    {"time", "string", "format", "\"date-time\""},
    {"duration", "string", "pattern", "\"^[0-9]+(ms|s|m|h)?$\""},
};
enum { PLAIN_N = sizeof(plain) / sizeof(plain[0]) };

static bool put_plain(struct jtext *t, struct span text, bool is_nullable)
{
    for (size_t i = 0; i < PLAIN_N; i++) {
        if (!span_is_equal(text, span_from_str(plain[i].word)))
            continue;
        put_kind(t, plain[i].kind, is_nullable);
        if (plain[i].key != NULL)
            jtext_json(t, plain[i].key, plain[i].value);
        return true;
    }
    return false;
}

/* ---- objects ---- */

void openapi_put_ref(struct jtext *t, const char *key, const char *kind, struct span name)
{
    char text[REF_MAX];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_addf(&b, "#/components/%s/%.*s", kind, (int)name.len, name.ptr);
    MUST(!strb_is_full(&b));
    if (key != NULL)
        jtext_open(t, key, '{');
    jtext_str(t, "$ref", text);
    if (key != NULL)
        jtext_close(t, '}');
}

static void put_object(struct jtext *t, const struct openapi_type *type, bool is_nullable)
{
    const bool is_part = type->text.ptr[type->text.len - 1] == '~';
    char text[WORD_MAX];
    struct strb name;

    strb_init(&name, text, sizeof(text));
    strb_add(&name, span_first(type->text, type->text.len - is_part));
    if (is_part)
        strb_add_str(&name, OPENAPI_PART);
    else if (type->has_request != NULL && type->has_request(type->text))
        strb_add_str(&name, OPENAPI_REQUEST);
    MUST(!strb_is_full(&name));
    if (!is_nullable) {
        openapi_put_ref(t, NULL, "schemas", strb_span(&name));
        return;
    }
    jtext_open(t, "anyOf", '[');
    jtext_open(t, NULL, '{');
    openapi_put_ref(t, NULL, "schemas", strb_span(&name));
    jtext_close(t, '}');
    jtext_open(t, NULL, '{');
    jtext_str(t, "type", "null");
    jtext_close(t, '}');
    jtext_close(t, ']');
}

static void put_one(struct jtext *t, const struct openapi_type *type, bool is_nullable)
{
    const struct span text = type->text;

    if (text.ptr[0] == '=')
        put_words(t, span_skip(text, 1), is_nullable);
    else if (text.ptr[0] == '@')
        put_words(t, find_words(span_skip(text, 1)), is_nullable);
    else if (is_digit(text.ptr[0]))
        put_range(t, text, is_nullable);
    else if (!put_plain(t, text, is_nullable))
        put_object(t, type, is_nullable);
}

/* ---- several ---- */

static void put_inner(struct jtext *t, const char *key, const struct openapi_type *type,
                      bool is_nullable)
{
    const bool is_row = type->text.ptr[0] == '[';
    struct openapi_type one = *type;

    jtext_open(t, key, '{');
    if (is_row) {
        one.text = span_first(span_skip(one.text, 1), one.text.len - 2);
        put_kind(t, "array", is_nullable);
        jtext_open(t, "items", '{');
    }
    put_one(t, &one, is_nullable && !is_row);
    if (is_row)
        jtext_close(t, '}');
    jtext_close(t, '}');
}

static void put_list(struct jtext *t, const struct openapi_type *inner, bool is_nullable)
{
    put_kind(t, "array", is_nullable);
    put_inner(t, "items", inner, false);
}

/* null in a request takes the key away. */
static void put_map(struct jtext *t, const struct openapi_type *inner, bool is_nullable)
{
    put_kind(t, "object", is_nullable);
    put_inner(t, "additionalProperties", inner, inner->has_request != NULL);
}

static void put_one_or_list(struct jtext *t, const struct openapi_type *inner)
{
    jtext_open(t, "anyOf", '[');
    put_inner(t, NULL, inner, false);
    jtext_open(t, NULL, '{');
    put_list(t, inner, false);
    jtext_close(t, '}');
    jtext_close(t, ']');
}

void openapi_type_put_members(struct jtext *t, const struct openapi_type *type)
{
    struct openapi_type inner = *type;
    bool is_nullable = type->is_nullable;

    MUST(inner.text.len > 0);
    if (inner.text.ptr[inner.text.len - 1] == '?') {
        is_nullable = true;
        inner.text.len--;
    }
    const char first = inner.text.ptr[0], last = inner.text.ptr[inner.text.len - 1];

    if (first == '[' || first == '{')
        inner.text = span_first(span_skip(inner.text, 1), inner.text.len - 2);
    else if (last == '+')
        inner.text.len--;
    if (first == '[')
        put_list(t, &inner, is_nullable);
    else if (first == '{')
        put_map(t, &inner, is_nullable);
    else if (last == '+')
        put_one_or_list(t, &inner);
    else
        put_one(t, &inner, is_nullable);
    if (type->says != NULL && type->says[0] != '\0')
        jtext_str(t, "description", type->says);
}

void openapi_type_put(struct jtext *t, const char *key, const struct openapi_type *type)
{
    jtext_open(t, key, '{');
    openapi_type_put_members(t, type);
    jtext_close(t, '}');
}
