#include "manager/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

#include "base/children.h"

static int add_streams(posix_spawn_file_actions_t *actions, int out)
{
    int rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

    if (rc == 0 && out >= 0)
        rc = posix_spawn_file_actions_adddup2(actions, out, 1);
    if (rc == 0 && out >= 0)
        rc = posix_spawn_file_actions_addopen(actions, 2, "/dev/null", O_WRONLY, 0);
    return rc;
}

int child_spawn(const char *path, char *const *argv, char *const *environment, int out,
                pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t none;

    sigemptyset(&none);
    if (posix_spawnattr_init(&how) != 0)
        return ENOMEM;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        (void)posix_spawnattr_destroy(&how);
        return ENOMEM;
    }
    (void)posix_spawnattr_setsigmask(&how, &none);
    (void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    int rc = add_streams(&actions, out);
    if (rc == 0)
        rc = posix_spawn(pid, path, &actions, &how, argv, environment);
    if (rc == 0)
        children_note(*pid);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&how);
    return rc;
}
