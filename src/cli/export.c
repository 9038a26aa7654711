#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "cli/waiting.h"
#include "cli/whole.h"
#include "log/progress.h"

static const struct whole_kind servers = {"server",        "servers", "url", "id",
                                          "ServerRequest", "PATCH",   NULL};
static const struct whole_kind rules = {"rule",        "rules", "priority", "priority",
                                        "RuleRequest", "PUT",   NULL};
const struct whole_kind whole_pools = {"pool",        "pools", "name",  "name",
                                       "PoolRequest", "PATCH", &servers};
const struct whole_kind whole_listeners = {"listener",        "listeners", "name", "name",
                                           "ListenerRequest", "PATCH",     &rules};
const struct whole_kind whole_vips = {"vip",        "vips",  "address", "address",
                                      "VipRequest", "PATCH", NULL};

static int no_memory(void)
{
    return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(WERR_NOMEM));
}

struct exporter {
    const struct session *session;
    struct doc *schemas;
};

static const struct doc *properties_of(const struct exporter *e, const struct whole_kind *kind)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "components.schemas.%s.properties", kind->schema);
    return doc_get(e->schemas, path);
}

static bool is_leaving(const struct doc *entry)
{
    char *reason = doc_text(doc_get(entry, "reason"));
    const bool yes = reason != NULL && strcmp(reason, "removed") == 0;

    free(reason);
    return yes;
}

static int export_list(const struct exporter *e, const struct whole_kind *kind,
                       const char *path, struct doc *into);

/* entry: as the API tells it; its children are asked for. NOLINTNEXTLINE(misc-no-recursion) */
static int export_entry(const struct exporter *e, const struct whole_kind *kind,
                        const char *path, struct doc *entry)
{
    char target[SESSION_TARGET_BYTES];
    struct strb b;
    char *name = doc_text(doc_get(entry, kind->in_path));

    if (name == NULL)
        return no_memory();
    doc_prune(entry, properties_of(e, kind));
    strb_init(&b, target, sizeof(target));
    strb_addf(&b, "%s/", path);
    args_add_escaped(&b, name);
    free(name);
    if (kind->child == NULL)
        return CLI_EXIT_OK;
    strb_addf(&b, "/%s", kind->child->list);
    return export_list(e, kind->child, target, entry);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the table of kinds */
static int export_list(const struct exporter *e, const struct whole_kind *kind,
                       const char *path, struct doc *into)
{
    struct doc *d = NULL, *list = doc_new_list();
    int code = session_ask(e->session, "GET", path, NULL, &d);
    const struct doc *all = code == CLI_EXIT_OK ? doc_get(d, kind->list) : NULL;

    for (size_t i = 0; code == CLI_EXIT_OK && i < doc_size(all); i++) {
        if (is_leaving(doc_at(all, i)))
            continue;
        if (doc_append(list, doc_at(all, i)) < 0)
            code = no_memory();
        else
            code = export_entry(e, kind, path, doc_edit_at(list, doc_size(list) - 1));
    }
    doc_free(d);
    if (doc_put(into, kind->list, list) < 0 && code == CLI_EXIT_OK)
        code = no_memory();
    return code;
}

int export_fill(const struct session *s, struct doc *into)
{
    struct exporter e = {.session = s};
    int code;

    waiting_say(s, "reading what is described from the API at @");
    code = session_ask(s, "GET", "/openapi.json", NULL, &e.schemas);

    if (code == CLI_EXIT_OK)
        code = export_list(&e, &whole_pools, "/pools", into);
    if (code == CLI_EXIT_OK)
        code = export_list(&e, &whole_vips, "/vips", into);
    if (code == CLI_EXIT_OK)
        code = export_list(&e, &whole_listeners, "/listeners", into);
    doc_free(e.schemas);
    return code;
}

int export_run(const struct args *args, char *const *env)
{
    struct session s;
    struct doc *whole = doc_new();
    int code = session_open(&s, args, env);

    if (code == CLI_EXIT_OK)
        code = export_fill(&s, whole);
    progress_end();
    if (code == CLI_EXIT_OK) {
        char *text = doc_json(whole, true);

        if (text == NULL)
            code = no_memory();
        else if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
            code = session_fail(CLI_EXIT_FAILURE, "standard output can't be written to");
        free(text);
    }
    doc_free(whole);
    return code;
}
