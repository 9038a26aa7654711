#include "manager/openapi_objects.h"

#include <string.h>

#include "base/strb.h"
#include "base/werr.h"
#include "manager/openapi_type.h"
#include "pool/pool.h"
#include "pool/pool_health.h"
#include "pool/settings.h"

enum row_kind { ROW_OBJECT, ROW_MEMBER, ROW_NUMBER, ROW_SETTINGS, ROW_IN_GROUP, ROW_CHECKS };
enum { NAME_MAX = 64 };

/* Of objects. */
enum {
    TOLD = 1U << 0,
    ASKED = 1U << 1,
    GIVEN = TOLD | ASKED,
    ONE = 1U << 2,
    PICKED = 1U << 3,
    CHOICE = GIVEN | ONE
};
/* Of members. */
enum {
    SHOWN = 0,
    SET = 1U << 0,
    NEVER_NULL = 1U << 1,
    MAY_LACK = 1U << 2,
    KEY = SET | NEVER_NULL,
    OPTIONAL_SHOWN = SHOWN | MAY_LACK,
    OPTIONAL_KEY = KEY | MAY_LACK,
    UNTOLD = 1U << 3,
    SECRET_SET = SET | MAY_LACK | UNTOLD,
    SECRET_KEY = KEY | MAY_LACK | UNTOLD
};

struct row {
    enum row_kind kind;
    unsigned use;
    const char *name, *type, *says;
    const struct settings_table *settings;
    const struct setting *number; /* type VERSION: its min or its max, nothing between */
    enum settings_group group;    /* of ROW_IN_GROUP */
};

/* A number of pool/server_settings.def in the words of pool/settings.h. */
enum {
    NUMBER_BOOL = SETTING_BOOL,
    NUMBER_U16 = SETTING_U32,
    NUMBER_U32 = SETTING_U32,
    NUMBER_VERSION = SETTING_U32
};
#define SETTING_OF(word, says, kind, first, least, most)                                      \
    &(const struct setting)                                                                   \
    {                                                                                         \
        .key = (word), .help = (says), .type = (enum setting_type)(kind), .initial = (first), \
        .min = (least), .max = (most)                                                         \
    }

static const struct row rows[] = {
#define OBJECT(name, use, says)      {ROW_OBJECT, use, name, "", says, NULL, NULL, 0},
#define MEMBER(key, type, use, says) {ROW_MEMBER, use, key, type, says, NULL, NULL, 0},
#define SETTINGS(table)              {ROW_SETTINGS, SET, "", "", "", &(table), NULL, 0},
#define IN_GROUP(group, key, type, use, says) \
    {ROW_IN_GROUP, use, key, type, says, NULL, NULL, SETTINGS_##group},
#define CHECKS() {ROW_CHECKS, SET, "", "", "", NULL, NULL, 0},
#define NUMBER(key, type, initial, min, max, says)            \
    {ROW_NUMBER,                                              \
     SET,                                                     \
     key,                                                     \
     #type,                                                   \
     says,                                                    \
     NULL,                                                    \
     SETTING_OF(key, says, NUMBER_##type, initial, min, max), \
     0},
#include "manager/api_objects.def"
#undef OBJECT
#undef MEMBER
#undef SETTINGS
#undef IN_GROUP
#undef CHECKS
#undef NUMBER
};
enum { ROW_N = sizeof(rows) / sizeof(rows[0]) };

static const struct row *find_object(struct span name)
{
    for (unsigned i = 0; i < ROW_N; i++)
        if (rows[i].kind == ROW_OBJECT && span_is_equal(name, span_from_str(rows[i].name)))
            return &rows[i];
    return NULL;
}

bool openapi_object_is_there(struct span name)
{
    return find_object(name) != NULL;
}

bool openapi_object_has_request(struct span name)
{
    const struct row *object = find_object(name);

    MUST(object != NULL); /* every type of the tables is there */
    return (object->use & GIVEN) == GIVEN;
}

/* ---- members ---- */

static void put_member(struct jtext *t, const struct row *m, bool is_request)
{
    const bool is_set = (m->use & SET) != 0;

    if (is_request && !is_set) {
        jtext_open(t, m->name, '{');
        jtext_str(t, "description", "passed over");
        jtext_close(t, '}');
        return;
    }
    openapi_type_put(t, m->name,
                     &(struct openapi_type){
                         .text = span_from_str(m->type),
                         .is_nullable = is_request && (m->use & NEVER_NULL) == 0,
                         .says = m->says,
                         .has_request = is_request ? openapi_object_has_request : NULL,
                     });
}

static void put_level(struct jtext *t, const struct setting *f, bool is_request)
{
    jtext_open(t, "enum", '[');
    for (uint64_t n = 0; n < SETTING_LEVEL_N; n++)
        jtext_str(t, NULL, setting_level_word(n));
    if (is_request)
        jtext_null(t, NULL);
    jtext_close(t, ']');
    jtext_str(t, "default", setting_level_word(f->initial));
}

static void put_number(struct jtext *t, uint64_t least, uint64_t most, bool is_request)
{
    const struct openapi_type type = {.text = SPAN("count"), .is_nullable = is_request};

    if (least > 0) {
        jtext_json(t, "type", is_request ? "[\"integer\", \"null\"]" : "\"integer\"");
        jtext_number(t, "minimum", least);
    } else {
        openapi_type_put_members(t, &type);
    }
    jtext_number(t, "maximum", most);
}

static void put_setting(struct jtext *t, const struct setting *f, bool is_request)
{
    const struct openapi_type type = {.text = SPAN("bool"), .is_nullable = is_request};

    jtext_open(t, f->key, '{');
    switch (f->type) {
    case SETTING_BOOL:
        openapi_type_put_members(t, &type);
        jtext_bool(t, "default", f->initial != 0);
        break;
    case SETTING_LEVEL:
        put_level(t, f, is_request);
        break;
    default:
        put_number(t, f->min, f->max, is_request);
        jtext_number(t, "default", f->initial);
        break;
    }
    jtext_str(t, "description", f->help);
    jtext_close(t, '}');
}

/* One of two numbers. */
static void put_either(struct jtext *t, const struct setting *f, bool is_request)
{
    jtext_open(t, f->key, '{');
    jtext_open(t, "enum", '[');
    jtext_number(t, NULL, f->min);
    jtext_number(t, NULL, f->max);
    if (is_request)
        jtext_null(t, NULL);
    jtext_close(t, ']');
    jtext_number(t, "default", f->initial);
    jtext_str(t, "description", f->help);
    jtext_close(t, '}');
}

static void put_required_settings(struct jtext *t, const struct settings_table *table,
                                  enum settings_group group)
{
    for (unsigned i = 0; i < table->n; i++)
        if (table->fields[i].group == group)
            jtext_str(t, NULL, table->fields[i].key);
}

static unsigned count_settings(const struct settings_table *table, enum settings_group group)
{
    unsigned n = 0;

    for (unsigned i = 0; i < table->n; i++)
        n += table->fields[i].group == group;
    return n;
}

static void put_group_members(struct jtext *t, const struct settings_table *table,
                              enum settings_group group, bool is_request)
{
    for (unsigned i = 0; i < table->n; i++)
        if (table->fields[i].group == group)
            put_setting(t, &table->fields[i], is_request);
}

/* The next row of this object that is a member of the group and no setting; NULL: none. */
static const struct row *next_in_group(const struct row *row, enum settings_group group)
{
    for (row++; row < rows + ROW_N && row->kind != ROW_OBJECT; row++)
        if (row->kind == ROW_IN_GROUP && row->group == group)
            return row;
    return NULL;
}

/* An object of its own, within the one that has the settings. */
static void put_group(struct jtext *t, const struct row *settings, enum settings_group group,
                      bool is_request)
{
    const struct settings_table *table = settings->settings;
    const struct row *row;

    jtext_open(t, settings_group_word(group), '{');
    jtext_json(t, "type", is_request ? "[\"object\", \"null\"]" : "\"object\"");
    jtext_open(t, "properties", '{');
    put_group_members(t, table, group, is_request);
    for (row = settings; (row = next_in_group(row, group)) != NULL;)
        put_member(t, row, is_request);
    jtext_close(t, '}');
    if (!is_request) {
        jtext_open(t, "required", '[');
        put_required_settings(t, table, group);
        for (row = settings; (row = next_in_group(row, group)) != NULL;)
            jtext_str(t, NULL, row->name);
        jtext_close(t, ']');
    }
    jtext_bool(t, "additionalProperties", false);
    jtext_close(t, '}');
}

static void put_settings(struct jtext *t, const struct row *row, bool is_request)
{
    const struct settings_table *table = row->settings;

    for (enum settings_group group = 0; group < SETTINGS_TOP; group++)
        if (count_settings(table, group) > 0)
            put_group(t, row, group, is_request);
    put_group_members(t, table, SETTINGS_TOP, is_request);
}

/* ---- checks ---- */

static void put_check_words(struct jtext *t, const struct pool_health_field *f, bool is_request)
{
    struct pool_health one = {0};
    char buf[POOL_EXPECT_TEXT_MAX];

    jtext_open(t, "enum", '[');
    for (uint32_t n = f->min; n <= f->max; n++) {
        pool_health_set_number(&one, f, n);
        jtext_str(t, NULL, pool_health_text(&one, f, buf));
    }
    if (is_request)
        jtext_null(t, NULL);
    jtext_close(t, ']');
}

static void put_check(struct jtext *t, const struct pool_health_field *f,
                      const struct pool_health *initial, bool is_request)
{
    const struct openapi_type text = {.text = SPAN("text"), .is_nullable = is_request};
    const bool is_number = f->kind == POOL_KIND_U16 || f->kind == POOL_KIND_U32;
    char buf[POOL_EXPECT_TEXT_MAX];

    jtext_open(t, f->key, '{');
    if (is_number)
        put_number(t, f->min, f->max, is_request);
    else if (f->kind < POOL_KIND_U16)
        put_check_words(t, f, is_request);
    else
        openapi_type_put_members(t, &text);
    if (is_number)
        jtext_number(t, "default", pool_health_number(initial, f));
    else
        jtext_str(t, "default", pool_health_text(initial, f, buf));
    jtext_close(t, '}');
}

static void put_checks(struct jtext *t, bool is_request)
{
    struct pool_health initial;

    if (pool_health_init_defaults(&initial) < 0) {
        t->failed = true;
        return;
    }
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++)
        put_check(t, &pool_health_fields[i], &initial, is_request);
    pool_health_fini(&initial);
}

/* ---- objects ---- */

static void put_row(struct jtext *t, const struct row *row, bool is_request)
{
    if (row->kind == ROW_IN_GROUP || (!is_request && (row->use & UNTOLD) != 0))
        return; /* with its group; never */
    if (row->kind == ROW_SETTINGS)
        put_settings(t, row, is_request);
    else if (row->kind == ROW_CHECKS)
        put_checks(t, is_request);
    else if (row->kind == ROW_NUMBER && strcmp(row->type, "VERSION") == 0)
        put_either(t, row->number, is_request);
    else if (row->kind == ROW_NUMBER)
        put_setting(t, row->number, is_request);
    else
        put_member(t, row, is_request);
}

static void require_row(struct jtext *t, const struct row *row)
{
    if ((row->kind == ROW_MEMBER || row->kind == ROW_NUMBER) && (row->use & MAY_LACK) == 0)
        jtext_str(t, NULL, row->name);
    for (unsigned i = 0; row->kind == ROW_CHECKS && i < POOL_HEALTH_FIELD_N; i++)
        jtext_str(t, NULL, pool_health_fields[i].key);
    if (row->kind != ROW_SETTINGS)
        return;
    for (enum settings_group group = 0; group < SETTINGS_TOP; group++)
        if (count_settings(row->settings, group) > 0)
            jtext_str(t, NULL, settings_group_word(group));
    put_required_settings(t, row->settings, SETTINGS_TOP);
}

enum form { RESPONSE, REQUEST, PART, FORMS };

static const struct {
    unsigned use; /* of objects that have it */
    const char *suffix;
} forms[FORMS] = {[RESPONSE] = {TOLD, ""},
                  [REQUEST] = {ASKED, OPENAPI_REQUEST},
                  [PART] = {PICKED, OPENAPI_PART}};

static void put_name(struct jtext *t, const struct row *object, enum form form)
{
    /* What only requests have needs no other name. */
    const bool is_only = form == REQUEST && (object->use & TOLD) == 0;
    char text[NAME_MAX];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_add_str(&b, object->name);
    strb_add_str(&b, is_only ? "" : forms[form].suffix);
    MUST(!strb_is_full(&b));
    jtext_open(t, text, '{');
}

static void put_required(struct jtext *t, unsigned from, unsigned to)
{
    jtext_open(t, "required", '[');
    for (unsigned i = from; i < to; i++)
        require_row(t, &rows[i]);
    jtext_close(t, ']');
}

/* from, to: its rows without the first. */
static void put_object(struct jtext *t, unsigned from, unsigned to, enum form form)
{
    const struct row *object = &rows[from - 1];

    put_name(t, object, form);
    jtext_str(t, "type", "object");
    jtext_str(t, "description", object->says);
    jtext_open(t, "properties", '{');
    for (unsigned i = from; i < to; i++)
        put_row(t, &rows[i], form == REQUEST);
    jtext_close(t, '}');
    if (form == RESPONSE)
        put_required(t, from, to);
    if ((object->use & ONE) != 0) {
        jtext_number(t, "minProperties", 1);
        jtext_number(t, "maxProperties", 1);
    }
    jtext_bool(t, "additionalProperties", false);
    jtext_close(t, '}');
}

bool openapi_objects_put(struct jtext *t, unsigned *at)
{
    const unsigned from = *at + 1;
    unsigned to = from;

    if (*at >= ROW_N)
        return false;
    MUST(rows[*at].kind == ROW_OBJECT);
    while (to < ROW_N && rows[to].kind != ROW_OBJECT)
        to++;
    for (enum form form = 0; form < FORMS; form++)
        if ((rows[*at].use & forms[form].use) != 0)
            put_object(t, from, to, form);
    *at = to;
    return true;
}
