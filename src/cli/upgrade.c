#include "cli/upgrade.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doc.h"
#include "cli/session.h"
#include "cli/shown.h"
#include "cli/waiting.h"

enum { WHY_BYTES = 256 };

/* Links stay as they are. */
int upgrade_make_absolute(const char *file, char *path)
{
    char here[PATH_MAX] = "";

    if (file[0] != '/' && getcwd(here, sizeof(here)) == NULL)
        return session_fail(CLI_EXIT_USAGE, "%s: %s", file, strerror(errno));
    const int n = snprintf(path, PATH_MAX, "%s%s%s", here, here[0] != '\0' ? "/" : "", file);
    if (n < 0 || n >= PATH_MAX)
        return session_fail(CLI_EXIT_USAGE, "the path is too long");
    return CLI_EXIT_OK;
}

/* *body NULL: the file from which it was started. */
static int make_body(const struct args *args, struct doc **body)
{
    char path[PATH_MAX], why[WHY_BYTES] = "out of memory";

    if (args->word_n == 0)
        return CLI_EXIT_OK;
    const int code = upgrade_make_absolute(args->word[0], path);
    if (code != CLI_EXIT_OK)
        return code;
    *body = doc_new();
    if (*body == NULL || doc_set(*body, SPAN("binary"), path, why, sizeof(why)) < 0)
        return session_fail(CLI_EXIT_FAILURE, "%s", why);
    return CLI_EXIT_OK;
}

static int show(const struct args *args, const struct doc *d)
{
    if (args->flag[ARGS_JSON] != NULL)
        return shown_end(shown_json(d));
    char *pid = doc_text(doc_get(d, "pid")), *version = doc_text(doc_get(d, "version"));
    const int rc = pid != NULL && version != NULL ? 0 : WERR_NOMEM;

    if (rc == 0)
        (void)printf("weldr %s serves, process %s\n", version, pid);
    free(pid);
    free(version);
    return shown_end(rc);
}

int upgrade_run(const struct args *args, char *const *env)
{
    struct doc *body = NULL, *d = NULL;
    struct session s;
    struct waiting w;
    int code = session_open(&s, args, env);

    if (code == CLI_EXIT_OK)
        code = make_body(args, &body);
    if (code == CLI_EXIT_OK) {
        waiting_begin(&w, &s, args, args->command->path);
        code = session_ask(&s, "POST", args->command->path, body, &d);
        waiting_end(&w);
    }
    if (code == CLI_EXIT_OK)
        code = show(args, d);
    doc_free(body);
    doc_free(d);
    return code;
}
