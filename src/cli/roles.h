/* roles.h - what the program can be, handed in by main.c: cli/ knows neither manager/ nor
 * worker/ nor vip/. */
#ifndef WELDR_CLI_ROLES_H
#define WELDR_CLI_ROLES_H

#include <stdbool.h>

#include "config/config.h"

/* A role's main function: runs to its end and returns the exit code. */
typedef int (*cli_role_fn)(const struct config *config);

struct cli_roles {
    cli_role_fn manager;
    cli_role_fn worker;
    cli_role_fn vip_helper;
    /* On the directory of a node that does not run; they print, and return the exit code. */
    int (*status)(const char *data_dir, bool as_json);
    int (*recover)(const char *data_dir);
    int (*rejoin)(const char *data_dir);
    int (*repair)(const char *data_dir, bool may_lose);
    unsigned level; /* of features of a cluster, the highest that this program knows */
    /* The key of a node in a file (base/seal.h, SEAL_KEY_BYTES). */
    int (*open_node_key)(const char *file, unsigned char *key);
};

#endif
