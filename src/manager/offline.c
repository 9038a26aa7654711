#include "manager/offline.h"

#include <stdio.h>
#include <time.h>

#include "cluster/recover.h"
#include "cluster/set_aside.h"
#include "log/log.h"
#include "manager/manager.h"

static int say_wrong(int rc, const struct strb *wrong)
{
    const struct span why = wrong->len > 0 ? strb_span(wrong) : span_from_str(werr_text(rc));

    fprintf(stderr, "error: %.*s\n", (int)why.len, why.ptr);
    return MANAGER_EXIT_FAILURE;
}

int offline_recover(const char *data_dir)
{
    char text[DATA_DIR_WRONG_MAX];
    struct cluster_status status;
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    log_init("manager", -1, LOG_WARN);
    const int rc = recover_run(data_dir, WELDR_VERSION, &status, &wrong);
    if (rc < 0)
        return say_wrong(rc, &wrong);
    (void)printf("%s is the whole of cluster %s now, incarnation %u\n", data_dir, status.id,
                 status.incarnation);
    (void)printf(
        "start it, then on each other machine: weldr cluster rejoin --data-dir DIR, and "
        "join with a new token\n");
    return fflush(stdout) == 0 ? MANAGER_EXIT_OK : MANAGER_EXIT_FAILURE;
}

int offline_rejoin(const char *data_dir)
{
    char text[DATA_DIR_WRONG_MAX], name[SET_ASIDE_NAME_MAX];
    struct timespec now;
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const int rc = set_aside_run(data_dir, (uint64_t)now.tv_sec, name, &wrong);
    if (rc < 0)
        return say_wrong(rc, &wrong);
    (void)printf("what the node had is in %s/%s; start it with --join HOST:PORT and a token\n",
                 data_dir, name);
    return fflush(stdout) == 0 ? MANAGER_EXIT_OK : MANAGER_EXIT_FAILURE;
}
