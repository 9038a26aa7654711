#include "manager/worker_env.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strb.h"

static bool is_file(const char *to)
{
    return strcmp(to, "stdout") != 0 && strcmp(to, "syslog") != 0;
}

static int make_absolute(const char *path, char *buf, size_t size)
{
    struct strb b;

    strb_init(&b, buf, size);
    if (path[0] != '/') {
        if (getcwd(buf, size) == NULL)
            return werr_from_errno(errno);
        b.len = strlen(buf);
        strb_add_char(&b, '/');
    }
    strb_add_str(&b, path);
    return strb_is_full(&b) ? WERR_TOO_BIG : 0;
}

/* A pipe by name that nobody reads yet can't be opened, but may be later. */
static int try_file(const char *path)
{
    const int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640);

    if (fd < 0)
        return errno == ENXIO ? 0 : werr_from_errno(errno);
    (void)close(fd);
    return 0;
}

int worker_env_set(const struct config *config)
{
    char path[2 * PATH_MAX];
    const char *to = config->access_log != NULL ? config->access_log : "off";
    int rc = 0;

    if (config->access_log != NULL && is_file(to)) {
        rc = make_absolute(to, path, sizeof(path));
        if (rc == 0)
            rc = try_file(path);
        to = path;
    }
    (void)unsetenv("WELDR_ADMIN_TOKEN"); /* no child of ours has it there */
    if (rc == 0 && (setenv("WELDR_ACCESS_LOG", to, 1) < 0 ||
                    setenv("WELDR_ACCESS_LOG_FORMAT",
                           config->access_log_is_combined ? "combined" : "json", 1) < 0))
        rc = WERR_NOMEM;
    return rc;
}
