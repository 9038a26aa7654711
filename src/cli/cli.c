#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/versions.h"

static int print(const char *text)
{
    if (fputs(text, stdout) == EOF || fflush(stdout) != 0)
        return CLI_EXIT_FAILURE;
    return CLI_EXIT_OK;
}

/* The first two lines are what another Weldr wants to know of this one before it upgrades to
 * it. */
static int print_all(const struct cli_roles *roles)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "weldr " WELDR_VERSION "\nlevel %u\n", roles->level);
    (void)fputs(text, stdout);
    versions_print(stdout);
    return print("");
}

static int run_action(const struct config *config, const struct cli_roles *roles)
{
    switch (config->action) {
    case CONFIG_RUN:
        return roles->manager(config);
    case CONFIG_WORKER:
        return roles->worker(config);
    case CONFIG_VIP_HELPER:
        return roles->vip_helper(config);
    case CONFIG_HELP:
        return print(config_help());
    case CONFIG_VERSION:
        return print("weldr " WELDR_VERSION "\n");
    case CONFIG_VERSION_ALL:
        return print_all(roles);
    }
    return CLI_EXIT_FAILURE;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

int cli_run(int argc, char *const *argv, char *const *env, const struct cli_roles *roles)
{
    struct config config;
    char error[512];

    if (argc > 1 && client_is_noun(argv[1]))
        return client_run(argc, argv, env, roles);
    if (config_from_args(&config, argc, argv, env, error, sizeof(error)) < 0) {
        fprintf(stderr, "error: %s\n", error);
        return CLI_EXIT_USAGE;
    }
    int code = CLI_EXIT_FAILURE;

    if (config.action == CONFIG_RUN && config_take_credentials(&config, env, is_there) < 0)
        fprintf(stderr, "error: out of memory\n");
    else
        code = run_action(&config, roles);
    config_fini(&config);
    return code;
}
