#include "manager/store.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cluster/rejoin.h"
#include "cluster/set_aside.h"
#include "log/log.h"
#include "manager/counters.h"
#include "manager/hints.h"
#include "manager/manager.h"
#include "manager/secret_file.h"

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

static bool joins_again(const struct manager *m)
{
    const struct config *c = m->config;
    struct secret_file f = {0};
    bool is_wanted = false;

    if (c->join_host == NULL)
        return false;
    if (c->join_token != NULL)
        return rejoin_is_wanted(&m->data_dir, span_from_str(c->join_token));
    if (c->join_token_file != NULL && secret_file_read(c->join_token_file, &f) == 0)
        is_wanted = rejoin_is_wanted(&m->data_dir, span_trim_lines(secret_file_span(&f)));
    secret_file_free(&f);
    return is_wanted;
}

static int begin_anew(struct manager *m, struct strb *wrong)
{
    char name[SET_ASIDE_NAME_MAX];
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    const int rc = rejoin_begin(&m->data_dir, (uint64_t)now.tv_sec, name, wrong);
    if (rc == 0)
        log_info(
            "this node was removed from its cluster, and joins as a new one: what it had is "
            "moved aside",
            LOG_S("directory", m->data_dir.path), LOG_S("kept", name));
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
    int rc = open_patiently(&m->data_dir, path, &wrong);
    if (rc == 0 && joins_again(m))
        rc = begin_anew(m, &wrong);
    if (rc == 0)
        return 0;
    fprintf(stderr, "error: %.*s\n", (int)strb_span(&wrong).len, strb_span(&wrong).ptr);
    return exit_code(rc);
}

static void let_go(struct manager *m)
{
    const bool is_kept = manager_data_dir(m) != NULL;

    if (is_kept) {
        hints_end(m);
        counters_release(m);
    }
    m->cluster->ops->free(m->cluster);
    m->cluster = NULL;
    if (!is_kept)
        return;
    data_dir_close(&m->data_dir);
    log_info("a successor may have the data directory");
}

void store_release(struct manager *m)
{
    if (manager_data_dir(m) != NULL && m->cluster != NULL)
        let_go(m);
}

void store_hand_over(struct manager *m)
{
    if (m->cluster != NULL)
        let_go(m);
}

int store_take_back(struct manager *m)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;

    MUST(!m->config->is_ephemeral && m->data_dir.path == NULL);
    strb_init(&wrong, text, sizeof(text));
    return set_aside_open(&m->data_dir, choose(m), &wrong);
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
