#include "worker/worker_cage.h"

#include <sys/random.h>
#include <time.h>

#include "base/heap.h"
#include "cage/cage.h"
#include "cage/filter.h"
#include "log/log.h"
#include "pool/pool_code.h"
#include "worker/worker.h"

static int become(const char *name)
{
    struct cage_user user;
    const int rc = cage_find_user(name, &user);

    return rc < 0 ? rc : cage_become(&user);
}

int worker_cage_enter(const struct config *config)
{
    int rc = config->user != NULL ? become(config->user) : 0;

    if (rc == 0)
        rc = cage_keep_capabilities(0);
    if (rc == 0)
        rc = cage_end_privileges();
    if (rc < 0)
        log_error("a worker can't give up its privileges", LOG_S("error", werr_text(rc)));
    return rc;
}

/* In a signal handler, and the last thing that this process does. */
static void on_forbidden(void *arg, int call)
{
    struct worker *w = arg;

    if (w->stats != NULL)
        worker_note(w, FLIGHT_FORBIDDEN, (uint64_t)call, 0);
    log_error("a system call that a worker may not make", LOG_I("call", call));
}

int worker_cage_shut(const struct config *config, struct worker *w)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        return WERR_IO;
    /* What would open a file later, at its first use. */
    pool_code_seed(seed);
    heap_watch();
    tzset(); /* lines for syslog have local time */
    if (!config->filters_calls || FILTER_HAS_SANITIZER)
        return 0;
    const int rc = filter_start(FILTER_WORKER, on_forbidden, w);

    if (rc != WERR_UNSUPPORTED)
        return rc;
    log_warn("this kernel has no filter of system calls: workers go without");
    return 0;
}
