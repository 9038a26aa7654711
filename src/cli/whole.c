#include "cli/whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "cli/waiting.h"
#include "log/progress.h"

enum { ERROR_BYTES = 512, LABEL_BYTES = 512 };

enum pass { PASS_SET = 1, PASS_REMOVE = 2, PASS_BOTH = 3 };

struct applier {
    const struct session *session;
    bool is_dry;
    unsigned *change_n; /* said so far */
};

/* A list of the API, below path: what is there, and what shall be. */
struct place {
    const struct whole_kind *kind;
    const char *path;  /* "/pools/web/servers" */
    const char *where; /* " of pool web" */
    const struct doc *want, *have;
};

static int no_memory(void)
{
    return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(WERR_NOMEM));
}

/* A server on its way out is there no more. */
static bool has_gone(const struct doc *entry)
{
    char *reason = doc_text(doc_get(entry, "reason"));
    const bool yes = reason != NULL && strcmp(reason, "removed") == 0;

    free(reason);
    return yes;
}

static const struct doc *find(const struct doc *list, const char *key, const struct doc *value)
{
    for (size_t i = 0; i < doc_size(list); i++)
        if (!has_gone(doc_at(list, i)) && doc_is_equal(doc_get(doc_at(list, i), key), value))
            return doc_at(list, i);
    return NULL;
}

static int send_change(const struct applier *a, const char *method, const char *target,
                       const struct doc *body)
{
    struct doc *d = NULL;

    if (a->is_dry)
        return CLI_EXIT_OK;
    const int code = session_ask(a->session, method, target, body, &d);
    doc_free(d);
    return code;
}

/* target: the path of an entry. */
static int entry_target(const struct place *p, const struct doc *entry, char *target)
{
    char *name = doc_text(doc_get(entry, p->kind->in_path));
    struct strb b;

    if (name == NULL)
        return no_memory();
    strb_init(&b, target, SESSION_TARGET_BYTES);
    strb_addf(&b, "%s/", p->path);
    args_add_escaped(&b, name);
    free(name);
    return CLI_EXIT_OK;
}

static int say(const struct applier *a, char sign, const struct place *p,
               const struct doc *entry, const char *more)
{
    char *name = doc_text(doc_get(entry, p->kind->key));

    if (name == NULL)
        return no_memory();
    progress_hide();
    (void)printf("%c %s %s%s%s\n", sign, p->kind->noun, name, p->where, more);
    *a->change_n += 1;
    progress_detail("change %u, %s %s", *a->change_n, p->kind->noun, name);
    free(name);
    return CLI_EXIT_OK;
}

struct difference {
    const struct applier *applier;
    const struct place *place;
    const struct doc *entry;
    unsigned n;
};

static int say_change(void *arg, const char *path, const struct doc *want,
                      const struct doc *have)
{
    struct difference *d = arg;
    char *from = doc_text(have), *to = doc_text(want), *more = NULL;
    int rc = WERR_NOMEM;

    d->n++;
    if (from != NULL && to != NULL && asprintf(&more, ": %s %s -> %s", path, from, to) >= 0)
        rc = say(d->applier, '~', d->place, d->entry, more) == CLI_EXIT_OK ? 0 : WERR_NOMEM;
    free(more);
    free(from);
    free(to);
    return rc;
}

/* The entry without its children. */
static struct doc *body_of(const struct place *p, const struct doc *want)
{
    struct doc *body = doc_copy(want);

    if (body != NULL && p->kind->child != NULL)
        doc_drop(body, p->kind->child->list);
    return body;
}

static int change_entry(const struct applier *a, const struct place *p, const struct doc *body,
                        const struct doc *have)
{
    struct difference d = {.applier = a, .place = p, .entry = body};
    char target[SESSION_TARGET_BYTES];

    if (doc_each_change(body, have, say_change, &d) < 0)
        return CLI_EXIT_FAILURE;
    if (d.n == 0)
        return CLI_EXIT_OK;
    const int code = entry_target(p, have, target);
    return code == CLI_EXIT_OK ? send_change(a, p->kind->method, target, body) : code;
}

static int set_one(const struct applier *a, const struct place *p, const struct doc *want,
                   const struct doc *have)
{
    struct doc *body = body_of(p, want);
    int code;

    if (body == NULL)
        return no_memory();
    if (have != NULL) {
        code = change_entry(a, p, body, have);
    } else {
        code = say(a, '+', p, want, "");
        if (code == CLI_EXIT_OK)
            code = send_change(a, "POST", p->path, body);
    }
    doc_free(body);
    return code;
}

static int apply_list(const struct applier *a, struct place *p, enum pass pass, bool is_new);

/* is_new: in a dry run the parent may not be there. NOLINTNEXTLINE(misc-no-recursion) */
static int apply_children(const struct applier *a, const struct place *p,
                          const struct doc *want, bool is_new)
{
    const struct whole_kind *child = p->kind->child;
    char path[SESSION_TARGET_BYTES], where[LABEL_BYTES];
    struct place below = {.kind = child, .path = path, .where = where};
    struct strb b;

    if (child == NULL || !doc_is_list(doc_get(want, child->list)))
        return CLI_EXIT_OK;
    const int code = entry_target(p, want, path);
    if (code != CLI_EXIT_OK)
        return code;
    strb_init(&b, where, sizeof(where));
    strb_addf(&b, " of %s %s", p->kind->noun, strrchr(path, '/') + 1);
    strb_init(&b, path + strlen(path), sizeof(path) - strlen(path));
    strb_addf(&b, "/%s", child->list);
    below.want = doc_get(want, child->list);
    return apply_list(a, &below, PASS_BOTH, is_new);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the table of kinds */
static int set_all(const struct applier *a, const struct place *p)
{
    int code = CLI_EXIT_OK;

    for (size_t i = 0; code == CLI_EXIT_OK && i < doc_size(p->want); i++) {
        const struct doc *want = doc_at(p->want, i);
        const struct doc *key = doc_get(want, p->kind->key);

        if (key == NULL)
            return session_fail(CLI_EXIT_USAGE, "%s[%zu]%s: %s is missing", p->kind->list, i,
                                p->where, p->kind->key);
        const struct doc *have = find(p->have, p->kind->key, key);
        code = set_one(a, p, want, have);
        if (code == CLI_EXIT_OK)
            code = apply_children(a, p, want, a->is_dry && have == NULL);
    }
    return code;
}

/* The pool and listener "default" are always there. */
static bool is_builtin(const struct place *p, const struct doc *entry)
{
    char *name = p->kind->child != NULL ? doc_text(doc_get(entry, "name")) : NULL;
    const bool yes = name != NULL && strcmp(name, "default") == 0;

    free(name);
    return yes;
}

static int remove_others(const struct applier *a, const struct place *p)
{
    char target[SESSION_TARGET_BYTES];
    int code = CLI_EXIT_OK;

    for (size_t i = 0; code == CLI_EXIT_OK && i < doc_size(p->have); i++) {
        const struct doc *have = doc_at(p->have, i);

        if (has_gone(have) || is_builtin(p, have) ||
            find(p->want, p->kind->key, doc_get(have, p->kind->key)) != NULL)
            continue;
        code = say(a, '-', p, have, "");
        if (code == CLI_EXIT_OK)
            code = entry_target(p, have, target);
        if (code == CLI_EXIT_OK)
            code = send_change(a, "DELETE", target, NULL);
    }
    return code;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the table of kinds */
static int apply_list(const struct applier *a, struct place *p, enum pass pass, bool is_new)
{
    struct doc *d = NULL;
    int code = is_new ? CLI_EXIT_OK : session_ask(a->session, "GET", p->path, NULL, &d);

    p->have = d != NULL ? doc_get(d, p->kind->list) : NULL;
    if (code == CLI_EXIT_OK && (pass & PASS_SET) != 0)
        code = set_all(a, p);
    if (code == CLI_EXIT_OK && (pass & PASS_REMOVE) != 0)
        code = remove_others(a, p);
    doc_free(d);
    return code;
}

static int apply_whole(const struct applier *a, const struct doc *whole)
{
    struct place pools = {.kind = &whole_pools, .path = "/pools", .where = ""};
    struct place vips = {.kind = &whole_vips, .path = "/vips", .where = ""};
    struct place listeners = {.kind = &whole_listeners, .path = "/listeners", .where = ""};
    int code = CLI_EXIT_OK;

    pools.want = doc_get(whole, "pools");
    vips.want = doc_get(whole, "vips");
    listeners.want = doc_get(whole, "listeners");
    if (!doc_is_list(pools.want) && !doc_is_list(vips.want) && !doc_is_list(listeners.want))
        return session_fail(CLI_EXIT_USAGE,
                            "the document has neither pools nor VIPs nor listeners");
    /* Listeners name pools and listen at VIPs: those come before them, and go after them. */
    if (doc_is_list(pools.want))
        code = apply_list(a, &pools, PASS_SET, false);
    if (code == CLI_EXIT_OK && doc_is_list(vips.want))
        code = apply_list(a, &vips, PASS_SET, false);
    if (code == CLI_EXIT_OK && doc_is_list(listeners.want))
        code = apply_list(a, &listeners, PASS_BOTH, false);
    if (code == CLI_EXIT_OK && doc_is_list(pools.want))
        code = apply_list(a, &pools, PASS_REMOVE, false);
    if (code == CLI_EXIT_OK && doc_is_list(vips.want))
        code = apply_list(a, &vips, PASS_REMOVE, false);
    return code;
}

int whole_make(const struct session *s, const struct doc *whole, bool is_dry)
{
    unsigned change_n = 0;
    const struct applier a = {.session = s, .is_dry = is_dry, .change_n = &change_n};

    return apply_whole(&a, whole);
}

int whole_apply(const struct args *args, char *const *env)
{
    char why[ERROR_BYTES];
    struct session s;
    const char *path = strcmp(args->word[0], "-") == 0 ? "/dev/stdin" : args->word[0];
    struct doc *whole = doc_read(path, why, sizeof(why));

    if (whole == NULL)
        return session_fail(CLI_EXIT_USAGE, "%s: %s", args->word[0], why);
    int code = session_open(&s, args, env);
    if (code == CLI_EXIT_OK) {
        waiting_say(&s, "applying by the API at @");
        code = whole_make(&s, whole, args->flag[ARGS_DRY_RUN] != NULL);
        progress_end();
    }
    doc_free(whole);
    if (code == CLI_EXIT_OK && fflush(stdout) != 0)
        code = session_fail(CLI_EXIT_FAILURE, "standard output can't be written to");
    return code;
}
