#include "cli/doc.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strb.h"

enum { PATH_BYTES = 512, FILE_BYTES_MAX = 1024 * 1024 };

/* jansson's type stays in this file. */
static json_t *json_of(const struct doc *d)
{
    return (json_t *)d;
}

static struct doc *doc_of(json_t *j)
{
    return (struct doc *)j;
}

struct doc *doc_new(void)
{
    return doc_of(json_object());
}

void doc_free(struct doc *d)
{
    json_decref(json_of(d));
}

struct doc *doc_parse(struct span text, char *why, size_t size)
{
    json_error_t error;
    json_t *j = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);

    if (j == NULL)
        (void)snprintf(why, size, "line %d: %s", error.line, error.text);
    return doc_of(j);
}

/* ---- pairs ---- */

static int complain(char *why, size_t size, struct span key, const char *text)
{
    (void)snprintf(why, size, "%.*s: %s", (int)key.len, key.ptr, text);
    return WERR_INVALID;
}

/* A whole number of JSON: no leading zero, no plus, and few enough digits. */
static bool is_whole(const char *text)
{
    const char *digits = text + (text[0] == '-');
    const size_t n = strspn(digits, "0123456789");

    return n > 0 && n <= 18 && digits[n] == '\0' && (digits[0] != '0' || n == 1);
}

static json_t *value_of(const char *text)
{
    if (strcmp(text, "true") == 0)
        return json_true();
    if (strcmp(text, "false") == 0)
        return json_false();
    if (strcmp(text, "null") == 0)
        return json_null();
    if (is_whole(text))
        return json_integer(strtoll(text, NULL, 10));
    if (text[0] != '\0' && strchr("[{\"", text[0]) != NULL)
        return json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    return json_string(text);
}

static int read_file(const char *path, char **text)
{
    FILE *file = fopen(path, "re");
    int rc = WERR_INVALID;

    if (file == NULL)
        return WERR_NOT_FOUND;
    *text = malloc(FILE_BYTES_MAX + 1);
    if (*text == NULL) {
        rc = WERR_NOMEM;
        goto out;
    }
    const size_t n = fread(*text, 1, FILE_BYTES_MAX + 1, file);
    if (ferror(file) == 0 && n <= FILE_BYTES_MAX) {
        (*text)[n] = '\0';
        rc = strlen(*text) == n ? 0 : WERR_INVALID;
    }
    if (rc < 0)
        free(*text);
out:
    (void)fclose(file);
    return rc;
}

/* A key's file: nothing of it stays in memory that was freed. */
static void free_text(char *text)
{
    explicit_bzero(text, strlen(text));
    free(text);
}

static json_t *value_of_file(const char *path)
{
    char *text;

    if (read_file(path, &text) < 0)
        return NULL;
    json_t *j = json_string(text);
    free_text(text);
    return j;
}

/* Makes what stands before the last dot; NULL: something else stands there, or no memory. */
static json_t *parent_of(json_t *at, struct span *key)
{
    size_t dot;

    while (at != NULL && (dot = span_find(*key, '.')) < key->len) {
        json_t *next = json_object_getn(at, key->ptr, dot);

        if (next == NULL) {
            next = json_object();
            if (json_object_setn_new(at, key->ptr, dot, next) < 0)
                return NULL;
        }
        at = json_is_object(next) ? next : NULL;
        *key = span_skip(*key, dot + 1);
    }
    return key->len > 0 ? at : NULL;
}

static int append(json_t *parent, struct span key, json_t *value)
{
    json_t *list = json_object_getn(parent, key.ptr, key.len);

    if (list == NULL) {
        list = json_array();
        if (json_object_setn_new(parent, key.ptr, key.len, list) < 0) {
            json_decref(value);
            return -1;
        }
    }
    return json_array_append_new(list, value); /* takes value, also when it fails */
}

/* Takes value. */
static int put(struct doc *d, struct span key, bool is_appended, json_t *value, char *why,
               size_t size)
{
    struct span last = key;
    json_t *parent = parent_of(json_of(d), &last);

    if (parent == NULL) {
        json_decref(value);
        return complain(why, size, key, "a part of this key is empty, or has a value already");
    }
    const int rc = is_appended ? append(parent, last, value)
                               : json_object_setn_new(parent, last.ptr, last.len, value);
    return rc == 0 ? 0 : complain(why, size, key, "is no list, or no text in UTF-8");
}

int doc_set(struct doc *d, struct span key, const char *value, char *why, size_t size)
{
    json_t *j = value_of(value);

    if (j == NULL)
        return complain(why, size, key, "the value is neither JSON nor text in UTF-8");
    return put(d, key, false, j, why, size);
}

int doc_set_pair(struct doc *d, const char *pair, char *why, size_t size)
{
    const char *sign = strchr(pair, '=');
    struct span key = span_from(pair, (size_t)(sign - pair));
    const bool is_appended = key.len > 0 && key.ptr[key.len - 1] == '+';
    const bool is_file = sign[1] == '@';

    if (is_appended)
        key.len--;
    json_t *j = is_file ? value_of_file(sign + 2) : value_of(sign + 1);
    if (j == NULL)
        return complain(why, size, key,
                        is_file ? "this file can't be read, or has more than a MiB of text"
                                : "the value is neither JSON nor text in UTF-8");
    return put(d, key, is_appended, j, why, size);
}

/* ---- reading ---- */

const struct doc *doc_get(const struct doc *d, const char *path)
{
    struct span rest = span_from_str(path);
    json_t *at = json_of(d);

    while (at != NULL && rest.len > 0) {
        const struct span key = span_cut(&rest, '.');

        at = json_object_getn(at, key.ptr, key.len);
    }
    return doc_of(at);
}

const struct doc *doc_member(const struct doc *d, const char *key)
{
    return doc_of(json_object_get(json_of(d), key));
}

double doc_number(const struct doc *d, double other)
{
    return json_is_number(json_of(d)) ? json_number_value(json_of(d)) : other;
}

bool doc_is_true(const struct doc *d)
{
    return json_is_true(json_of(d));
}

const struct doc *doc_list(const struct doc *d)
{
    const char *key;
    json_t *value;

    json_object_foreach(json_of(d), key, value) if (json_is_array(value)) return doc_of(value);
    return NULL;
}

size_t doc_size(const struct doc *d)
{
    return json_array_size(json_of(d));
}

const struct doc *doc_at(const struct doc *d, size_t i)
{
    return doc_of(json_array_get(json_of(d), i));
}

static bool is_empty(const json_t *j)
{
    return j == NULL || json_is_null(j) || (json_is_string(j) && json_string_length(j) == 0) ||
           (json_is_array(j) && json_array_size(j) == 0);
}

static char *joined(json_t *list)
{
    char *text = strdup(""), *item, *both;
    json_t *value;
    size_t i;

    json_array_foreach(list, i, value)
    {
        item = doc_text(doc_of(value));
        if (text == NULL || item == NULL ||
            asprintf(&both, "%s%s%s", text, i > 0 ? "," : "", item) < 0)
            both = NULL;
        free(item);
        free(text);
        text = both;
    }
    return text;
}

char *doc_text(const struct doc *d)
{
    json_t *j = json_of(d);

    if (is_empty(j))
        return strdup("-");
    if (json_is_string(j))
        return strdup(json_string_value(j));
    if (json_is_array(j))
        return joined(j);
    return json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
}

char *doc_json(const struct doc *d, bool is_pretty)
{
    char *text =
        json_dumps(json_of(d), JSON_ENCODE_ANY | (is_pretty ? JSON_INDENT(2) : JSON_COMPACT));
    char *line = NULL;

    if (text != NULL && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    return line;
}

struct lines {
    doc_line_fn fn;
    void *arg;
    struct strb path;
};

/* As deep as documents of the API are; what a stranger nests deeper is one line. */
static int each_line(struct lines *l, json_t *j, unsigned depth)
{
    const struct strb before = l->path;
    const char *key;
    json_t *value;

    if (!json_is_object(j) || json_object_size(j) == 0 || depth > 8)
        return l->fn(l->arg, l->path.buf, doc_of(j));
    json_object_foreach(j, key, value)
    {
        if (strcmp(key, "links") == 0)
            continue;
        l->path = before;
        strb_addf(&l->path, "%s%s", before.len > 0 ? "." : "", key);
        const int rc = each_line(l, value, depth + 1); // NOLINT(misc-no-recursion): 9 deep
        if (rc < 0)
            return rc;
    }
    l->path = before;
    return 0;
}

int doc_each_line(const struct doc *d, doc_line_fn fn, void *arg)
{
    char path[PATH_BYTES];
    struct lines l = {.fn = fn, .arg = arg};

    strb_init(&l.path, path, sizeof(path));
    return each_line(&l, json_of(d), 0);
}
