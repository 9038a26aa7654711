#include "manager/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/seal.h"
#include "base/span.h"

/* ---- the path ---- */

static void put_path(struct origin *o, const char *folder, const char *name)
{
    const int n = snprintf(o->path, sizeof(o->path), "%s/%s", folder, name);

    if (n < 0 || (size_t)n >= sizeof(o->path))
        o->path[0] = '\0';
}

/* As execvp does. */
static void search(struct origin *o, const char *name)
{
    const char *list = getenv("PATH");
    struct span rest = span_from_str(list != NULL ? list : "/usr/local/bin:/usr/bin:/bin");

    while (rest.len > 0) {
        const struct span folder = span_cut(&rest, ':');
        char text[PATH_MAX];

        if (folder.len == 0 || span_to_str(folder, text, sizeof(text)) < 0)
            continue;
        put_path(o, text, name);
        if (o->path[0] == '/' && access(o->path, X_OK) == 0)
            return;
    }
    o->path[0] = '\0';
}

static void find_path(struct origin *o, const char *name)
{
    char here[PATH_MAX];

    if (name == NULL || name[0] == '\0')
        return;
    if (name[0] == '/')
        put_path(o, "", name + 1);
    else if (strchr(name, '/') == NULL)
        search(o, name);
    else if (getcwd(here, sizeof(here)) != NULL)
        put_path(o, here, name);
}

/* ---- the lists ---- */

static size_t measure(char *const *list, size_t *n)
{
    size_t bytes = 0;

    for (*n = 0; list[*n] != NULL; ++*n)
        bytes += strlen(list[*n]) + 1;
    return bytes;
}

static char **copy(char **to, char **texts, char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = *texts;
        *texts = stpcpy(*texts, list[i]) + 1;
    }
    to[n] = NULL;
    return to;
}

int origin_note(struct origin *o, char *const *argv, char *const *env)
{
    size_t argc, env_n;
    const size_t bytes = measure(argv, &argc) + measure(env, &env_n);
    const size_t slots = (argc + env_n + 2) * sizeof(char *);

    MUST(argc > 0 && o->memory == NULL);
    *o = (struct origin){.memory = seal_memory_new(slots + bytes)};
    if (o->memory == NULL)
        return WERR_NOMEM;
    char **list = (char **)(void *)o->memory; /* pages: aligned for anything */
    char *texts = o->memory + slots;
    o->argv = copy(list, &texts, argv, argc);
    o->env = copy(list + argc + 1, &texts, env, env_n);
    find_path(o, o->argv[0]);
    return 0;
}

void origin_fini(struct origin *o)
{
    seal_memory_free(o->memory);
    *o = (struct origin){0};
}
