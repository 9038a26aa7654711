#include "manager/api_shown.h"

#include <stdlib.h>

/* The first names the resource. */
static const struct api_json_fixed server_rows[] = {
    {"id", "it was given when the server was added"},
    {"url", "remove the server and add another"},
    {"pool", "a server stays in its pool"},
    {"state", "it follows from admin and the checks; POST .../drain, .../maintenance and "
              ".../resume take a server out and back"},
    {"admin", "POST .../drain, .../maintenance and .../resume do it"},
    {"drain_ms", "POST .../drain sets it"},
    {"links", NULL},
    {"reason", NULL},
    {"since", NULL},
    {"transitions", NULL},
    {"addresses", NULL},
    {"views", NULL},
    {"in_flight", NULL},
    {"success", NULL},
    {"failed", NULL},
    {"ejected", NULL},
    {"ejections", NULL},
    {"drain_left_ms", NULL},
    {"last_check", NULL},
};

#define ROW_N(rows) (sizeof(rows) / sizeof((rows)[0]))

int api_shown_cut(struct span body, char *shown, const struct api_json_fixed_set *fixed,
                  struct pool_error *error, char **rest)
{
    int result = WERR_NOMEM;

    *rest = NULL;
    if (shown != NULL)
        result = api_json_cut_shown(body, shown, fixed, error, rest);
    free(shown);
    return result;
}

bool api_shown_has_fixed_server(struct span body)
{
    const struct api_json_fixed_set fixed = {server_rows, ROW_N(server_rows), false};

    return api_json_has_fixed(body, &fixed);
}

int api_shown_cut_server(struct span body, char *shown, bool is_whole, struct pool_error *error,
                         char **rest)
{
    const struct api_json_fixed_set fixed = {server_rows, ROW_N(server_rows), is_whole};

    return api_shown_cut(body, shown, &fixed, error, rest);
}
