#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "config/config_int.h"

#define VARIABLE "CREDENTIALS_DIRECTORY"

/* Where it goes; NULL: it was said otherwise, or has no use. */
static char **place_of(struct config *c, const char *name)
{
    const bool has_token = c->admin_token_file != NULL || c->admin_token != NULL;
    const bool has_join_token = c->join_token_file != NULL || c->join_token != NULL;

    if (strcmp(name, "weldr.admin-token") == 0)
        return has_token ? NULL : &c->admin_token_file;
    if (strcmp(name, "weldr.admin-tokens") == 0)
        return c->admin_tokens_file != NULL ? NULL : &c->admin_tokens_file;
    if (strcmp(name, "weldr.join-token") == 0)
        return has_join_token || c->join_host == NULL ? NULL : &c->join_token_file;
    return c->node_key_file != NULL || c->is_ephemeral ? NULL : &c->node_key_file;
}

static const char *find_folder(char *const *env)
{
    for (; env != NULL && *env != NULL; env++)
        if (strncmp(*env, VARIABLE "=", sizeof(VARIABLE)) == 0)
            return *env + sizeof(VARIABLE);
    return NULL;
}

int config_take_credentials(struct config *c, char *const *env, bool (*is_there)(const char *))
{
    static const char *const names[] = {"weldr.admin-token", "weldr.admin-tokens",
                                        "weldr.join-token", "weldr.node-key"};
    const char *folder = find_folder(env);
    char path[PATH_MAX];
    int rc = 0;

    for (size_t i = 0; folder != NULL && rc == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
        char **place = place_of(c, names[i]);
        const int n = snprintf(path, sizeof(path), "%s/%s", folder, names[i]);

        if (place != NULL && n > 0 && (size_t)n < sizeof(path) && is_there(path))
            rc = config_store(place, span_from_str(path));
    }
    return rc;
}
