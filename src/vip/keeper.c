#include "vip/keeper.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"
#include "vip/helper.h"
#include "vip/rtnl.h"

enum {
    PAUSE_MIN_MS = 100,
    PAUSE_MAX_MS = 5000,
    SHORT_LIVES_MAX = 3,
    GRACE_MS = 1000, /* for the helper of a manager that is gone */
    EXIT_DONE = 0,
    EXIT_FAILED = 1
};
#define SHORT_LIFE_NS (1000 * PLAN_MS)

struct keeper {
    struct plan *plan; /* shared with the helper */
    int manager;
    int helper; /* our end; -1: there is none */
    pid_t pid;  /* 0: none */
    uint64_t born_ns;
    unsigned short_lives; /* of helpers, in a row */
    unsigned pause_ms;
    struct rtnl rtnl;
};

static struct keeper keeper_here;

/* ---- the helper's start ---- */

static void become_keeper(void *arg, int *end);

/* Its parent's death wakes it if it is stopped. */
static int be_helper(struct keeper *k, int end)
{
    const struct helper_ends ends = {.manager = k->manager, .keeper = end};

    (void)prctl(PR_SET_PDEATHSIG, SIGCONT);
    return helper_run(k->plan, ends, become_keeper, k);
}

static int make_pair(int pair[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0
               ? werr_from_errno(errno)
               : 0;
}

/* The end of this process, if it is the helper. */
static int start_helper(struct keeper *k)
{
    int pair[2];

    if (make_pair(pair) < 0)
        return WERR_NO_FD;
    const pid_t pid = fork();

    if (pid == 0) {
        (void)close(pair[0]);
        rtnl_close(&k->rtnl);
        _exit(be_helper(k, pair[1]));
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return WERR_NO_PROCESS;
    }
    k->pid = pid;
    k->helper = pair[0];
    k->born_ns = clock_boot_ns();
    return 0;
}

/* ---- the helper's end ---- */

static void pause_for(struct keeper *k)
{
    (void)poll(NULL, 0, (int)k->pause_ms);
    k->pause_ms = k->pause_ms * 2 < PAUSE_MAX_MS ? k->pause_ms * 2 : PAUSE_MAX_MS;
}

static void judge_end(struct keeper *k, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE)
        return;
    log_warn("the helper of virtual IPs has died", LOG_I("pid", k->pid),
             LOG_I("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    if (clock_boot_ns() - k->born_ns >= SHORT_LIFE_NS) {
        k->short_lives = 0;
        k->pause_ms = PAUSE_MIN_MS;
        return;
    }
    if (++k->short_lives >= SHORT_LIVES_MAX)
        memset(k->plan, 0, sizeof(*k->plan));
    pause_for(k);
}

/* All that it had open is closed when this returns: its successor can have the lock. */
static void collect(struct keeper *k)
{
    const pid_t pid = k->pid;
    int status = 0;

    (void)close(k->helper);
    k->helper = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    judge_end(k, status);
    k->pid = 0;
}

/* ---- watching ---- */

/* A copy of each row, for the helper may be about to write it. To delete what is gone already,
 * or what was just taken anew, is no harm: the helper hears of it and takes it again. */
static void guard(struct keeper *k)
{
    const uint64_t now = clock_boot_ns();

    for (unsigned i = 0; i < PLAN_ROWS; i++) {
        const struct plan_row row = k->plan->rows[i];

        if (plan_is_overdue(&row, now) &&
            rtnl_delete_address(&k->rtnl, row.ifindex, &row.named.addr, row.prefix) == 0)
            log_warn("the helper of virtual IPs does not let go: its keeper does");
    }
}

static int until_overdue_ms(const struct keeper *k)
{
    const uint64_t due = plan_overdue_ns(k->plan), now = clock_boot_ns();

    if (due == UINT64_MAX)
        return -1;
    return due <= now ? (int)(PLAN_GUARD_NS / PLAN_MS) : (int)((due - now) / PLAN_MS) + 1;
}

static void drain(int fd)
{
    char buf[64];

    while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
        ;
}

/* Until the helper has ended. False: the manager is gone, and the helper does not end. */
static bool watch(struct keeper *k)
{
    struct pollfd fds[] = {{k->helper, POLLIN, 0}, {k->manager, 0, 0}};
    uint64_t limit_ns = UINT64_MAX;

    while ((fds[0].revents & POLLHUP) == 0) {
        const int timeout_ms = until_overdue_ms(k);

        if (poll(fds, 2, fds[1].fd < 0 ? GRACE_MS / 10 : timeout_ms) < 0)
            continue;
        drain(k->helper);
        guard(k);
        if (fds[1].fd >= 0 && fds[1].revents != 0) {
            fds[1].fd = -1; /* it would be told for ever */
            limit_ns = clock_boot_ns() + GRACE_MS * PLAN_MS;
        }
        if (clock_boot_ns() >= limit_ns && (fds[0].revents & POLLHUP) == 0)
            return false;
    }
    return true;
}

/* There is no helper: waits for the manager to want one. False: it is gone. */
static bool wait_for_manager(const struct keeper *k)
{
    struct pollfd fd = {k->manager, POLLIN, 0};

    while (poll(&fd, 1, -1) <= 0)
        ;
    return (fd.revents & (POLLHUP | POLLERR)) == 0;
}

/* What a helper that was killed has left is finished by another, also without a manager. */
static int keep(struct keeper *k)
{
    for (;;) {
        if (k->pid == 0 && plan_is_idle(k->plan) && !wait_for_manager(k))
            return EXIT_DONE;
        if (k->pid == 0 && start_helper(k) < 0) {
            log_warn("can't start a helper of virtual IPs");
            pause_for(k);
            continue;
        }
        if (!watch(k))
            return EXIT_DONE;
        collect(k);
    }
}

/* ---- start ---- */

/* All but the standard ones, the manager's socket (the lowest) and this. */
static void close_others(const struct keeper *k, int end)
{
    if (end > k->manager + 1)
        (void)syscall(SYS_close_range, (unsigned)k->manager + 1, (unsigned)end - 1, 0U);
    (void)syscall(SYS_close_range, (unsigned)end + 1, UINT_MAX, 0U);
}

/* In a helper whose keeper has died. The child goes on as the helper. */
static void become_keeper(void *arg, int *end)
{
    struct keeper *k = arg;
    int pair[2];

    if (make_pair(pair) < 0)
        return;
    const pid_t pid = fork();

    if (pid == 0) {
        (void)close(pair[0]);
        (void)close(*end);
        (void)prctl(PR_SET_PDEATHSIG, SIGCONT);
        *end = pair[1];
        return;
    }
    if (pid < 0) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        return;
    }
    log_warn("the keeper of the helper of virtual IPs has died: there is a new one");
    (void)prctl(PR_SET_PDEATHSIG, 0);
    close_others(k, pair[0]);
    *k = (struct keeper){.plan = k->plan,
                         .manager = k->manager,
                         .helper = pair[0],
                         .pid = pid,
                         .born_ns = clock_boot_ns(),
                         .pause_ms = PAUSE_MIN_MS};
    _exit(rtnl_open(&k->rtnl) < 0 ? EXIT_FAILED : keep(k));
}

int keeper_run(int manager)
{
    struct keeper *k = &keeper_here;

    *k = (struct keeper){.manager = manager, .helper = -1, .pause_ms = PAUSE_MIN_MS};
    k->plan =
        mmap(NULL, sizeof(*k->plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (k->plan == MAP_FAILED)
        return EXIT_FAILED;
    if (rtnl_open(&k->rtnl) < 0)
        return EXIT_FAILED;
    return keep(k);
}
