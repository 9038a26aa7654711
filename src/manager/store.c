#include "manager/store.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "log/log.h"
#include "manager/manager.h"

enum { IN_USE_TRIES = 30, IN_USE_PAUSE_MS = 100 };

static const char usual[] = "/var/lib/weldr", nearby[] = "weldr-data";

/* The directory is made when it is missing. */
static bool can_write(const char *path, const char *parent)
{
    return access(path, W_OK | X_OK) == 0 ||
           (access(path, F_OK) < 0 && access(parent, W_OK | X_OK) == 0);
}

static const char *choose(const struct manager *m)
{
    if (m->config->data_dir != NULL)
        return m->config->data_dir;
    return can_write(usual, "/var/lib") ? usual : nearby;
}

/* Another start helps where the other one ends, and not where the path is wrong. */
static int exit_code(int rc)
{
    return rc == WERR_DENIED || rc == WERR_NOT_FOUND || rc == WERR_EXISTS
               ? MANAGER_EXIT_USAGE
               : manager_exit_code(rc);
}

/* Who starts when its predecessor is told to end meets it for a moment still, as it does at the
 * addresses. */
static int open_patiently(struct data_dir *d, const char *path, struct strb *wrong)
{
    const struct timespec pause = {.tv_nsec = IN_USE_PAUSE_MS * 1000000L};
    int rc = data_dir_open(d, path, wrong);

    for (unsigned i = 0; rc == WERR_IN_USE && i < IN_USE_TRIES; i++) {
        (void)nanosleep(&pause, NULL);
        strb_init(wrong, wrong->buf, wrong->cap);
        rc = data_dir_open(d, path, wrong);
    }
    return rc;
}

int store_open(struct manager *m)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;

    if (m->config->is_ephemeral)
        return 0;
    MUST(m->data_dir.path == NULL);
    strb_init(&wrong, text, sizeof(text));
    const char *path = choose(m);
    const int rc = open_patiently(&m->data_dir, path, &wrong);
    if (rc == 0)
        return 0;
    fprintf(stderr, "error: %.*s\n", (int)strb_span(&wrong).len, strb_span(&wrong).ptr);
    return exit_code(rc);
}

void store_release(struct manager *m)
{
    if (manager_data_dir(m) == NULL || m->cluster == NULL)
        return;
    m->cluster->ops->free(m->cluster);
    m->cluster = NULL;
    data_dir_close(&m->data_dir);
    log_info("a successor may have the data directory");
}

void store_tell(const struct manager *m)
{
    if (m->config->is_ephemeral)
        log_info("nothing is kept: all that is described ends with this process",
                 LOG_S("flag", "--ephemeral"));
    else
        log_info("what is described is kept", LOG_S("directory", m->data_dir.path),
                 LOG_S("state", m->data_dir.is_new ? "new" : "found"));
}
