#include <jansson.h>
#include <stdio.h>

#include "base/strb.h"
#include "cli/doc.h"

enum { PATH_BYTES = 512, DEPTH_MAX = 16 };

static json_t *json_of(const struct doc *d)
{
    return (json_t *)d;
}

static struct doc *doc_of(json_t *j)
{
    return (struct doc *)j;
}

struct doc *doc_read(const char *path, char *why, size_t size)
{
    json_error_t error;
    json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

    if (j == NULL && error.line > 0)
        (void)snprintf(why, size, "line %d: %s", error.line, error.text);
    else if (j == NULL)
        (void)snprintf(why, size, "it can't be read");
    return doc_of(j);
}

static bool is_passed_over(const json_t *property)
{
    return property == NULL || (json_object_size(property) == 1 &&
                                json_object_get(property, "description") != NULL);
}

void doc_prune(struct doc *d, const struct doc *properties)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(json_of(d), next, key, value)
    {
        if (json_is_null(value) || is_passed_over(json_object_get(json_of(properties), key)))
            (void)json_object_del(json_of(d), key);
    }
}

int doc_put(struct doc *d, const char *key, struct doc *value)
{
    return json_object_set_new(json_of(d), key, json_of(value)) == 0 ? 0 : WERR_NOMEM;
}

struct doc *doc_new_list(void)
{
    return doc_of(json_array());
}

int doc_append(struct doc *list, const struct doc *value)
{
    return json_array_append_new(json_of(list), json_deep_copy(json_of(value))) == 0
               ? 0
               : WERR_NOMEM;
}

struct doc *doc_copy(const struct doc *d)
{
    return doc_of(json_deep_copy(json_of(d)));
}

struct doc *doc_edit_at(struct doc *list, size_t i)
{
    return doc_of(json_array_get(json_of(list), i));
}

void doc_drop(struct doc *d, const char *key)
{
    (void)json_object_del(json_of(d), key);
}

bool doc_is_list(const struct doc *d)
{
    return json_is_array(json_of(d));
}

bool doc_is_object(const struct doc *d)
{
    return json_is_object(json_of(d));
}

bool doc_is_equal(const struct doc *a, const struct doc *b)
{
    return json_equal(json_of(a), json_of(b)) != 0;
}

struct changes {
    doc_change_fn fn;
    void *arg;
    struct strb path;
};

static bool is_none(const json_t *j)
{
    return j == NULL || json_is_null(j);
}

/* No deeper than DEPTH_MAX: what is deeper is compared as a whole.
 * NOLINTNEXTLINE(misc-no-recursion) */
static int each_change(struct changes *c, json_t *want, json_t *have, unsigned depth)
{
    const struct strb before = c->path;
    const char *key;
    json_t *value;
    int rc = 0;

    if ((is_none(want) && is_none(have)) || json_equal(want, have) != 0)
        return 0;
    if (!json_is_object(want) || !json_is_object(have) || depth == DEPTH_MAX)
        return c->fn(c->arg, c->path.buf, doc_of(want), doc_of(have));
    json_object_foreach(want, key, value)
    {
        c->path = before;
        strb_addf(&c->path, "%s%s", before.len > 0 ? "." : "", key);
        if (rc == 0)
            rc = each_change(c, value, json_object_get(have, key), depth + 1);
    }
    c->path = before;
    return rc;
}

int doc_each_change(const struct doc *want, const struct doc *have, doc_change_fn fn, void *arg)
{
    char path[PATH_BYTES];
    struct changes c = {.fn = fn, .arg = arg};

    strb_init(&c.path, path, sizeof(path));
    return each_change(&c, json_of(want), json_of(have), 0);
}
