#include "manager/worker_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cage/cage.h"
#include "log/log.h"

/* No child of ours has it there; nor does /proc show it. */
static void forget(const char *name)
{
    char *token = getenv(name);

    if (token != NULL)
        explicit_bzero(token, strlen(token));
    (void)unsetenv(name);
}

static int find_default(struct cage_user *user)
{
    static const struct cage_user nobody = {65534, 65534};

    if (cage_find_user("weldr", user) < 0 && cage_find_user("nobody", user) < 0)
        *user = nobody;
    return 0;
}

/* Who is asked for and can't be had is an error; whom we choose ourselves is a wish. */
static int keep_user(const struct config *config)
{
    (void)unsetenv("WELDR_USER");
    return config->user != NULL ? WERR_DENIED : 0;
}

/* Workers find theirs as numbers; without one they stay who the manager is. */
static int set_user(const struct config *config)
{
    struct cage_user user;
    char text[32];

    if (!cage_can_change_user())
        return keep_user(config);
    int rc = config->user != NULL ? cage_find_user(config->user, &user) : find_default(&user);

    if (rc == 0)
        rc = cage_check_namespace(&user);
    if (rc == WERR_DENIED && config->user == NULL) {
        log_warn("in this user namespace workers stay who the manager is");
        return keep_user(config);
    }
    if (rc < 0)
        return rc;
    snprintf(text, sizeof(text), "%u:%u", (unsigned)user.uid, (unsigned)user.gid);
    return setenv("WELDR_USER", text, 1) < 0 ? WERR_NOMEM : 0;
}

static int set_all(const struct config *config)
{
    const char *to = config->access_log != NULL ? config->access_log : "off";
    const char *format = config->access_log_is_combined ? "combined" : "json";

    if (setenv("WELDR_ACCESS_LOG", to, 1) < 0 ||
        setenv("WELDR_ACCESS_LOG_FORMAT", format, 1) < 0 ||
        setenv("WELDR_LOG_LEVEL", log_level_word(log_level_now), 1) < 0 ||
        setenv("WELDR_SECCOMP", config->filters_calls ? "on" : "off", 1) < 0)
        return WERR_NOMEM;
    return 0;
}

int worker_env_set(const struct config *config)
{
    const int rc = set_user(config);

    forget("WELDR_ADMIN_TOKEN");
    forget("WELDR_JOIN_TOKEN");
    return rc < 0 ? rc : set_all(config);
}
