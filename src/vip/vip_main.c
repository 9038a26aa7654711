#include "vip/vip_main.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "cage/cage.h"
#include "cage/filter.h"
#include "log/log.h"
#include "vip/keeper.h"
#include "wire/inherit.h"

enum { EXIT_FAILED = 1, EXIT_NO_MANAGER = 2 };

/* In a signal handler, and the last thing that this process does. */
static void on_forbidden(void *arg, int call)
{
    (void)arg;
    log_error("a system call that a helper of virtual IPs may not make", LOG_I("call", call));
}

/* Ctrl-C reaches all of a terminal; systemd may tell all of a unit. */
static void heed_no_signals(void)
{
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};
    sigset_t none;

    for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); /* it was started with all of them held */
}

static int give_up(const struct config *config)
{
    int rc = cage_keep_capabilities(1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW);

    if (rc == 0)
        rc = cage_end_privileges();
    tzset(); /* opens a file at its first use */
    if (rc < 0 || !config->filters_calls || FILTER_HAS_SANITIZER)
        return rc;
    rc = filter_start(FILTER_VIP, on_forbidden, NULL);
    if (rc != WERR_UNSUPPORTED)
        return rc;
    log_warn(
        "this kernel has no filter of system calls: the helper of virtual IPs goes without");
    return 0;
}

static bool has_manager(void)
{
    socklen_t len = sizeof(int);
    int type = 0;

    return getsockopt(INHERIT_FD_CHANNEL, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           type == SOCK_SEQPACKET;
}

int vip_main(const struct config *config)
{
    log_init("vip-helper", -1, (enum log_level)config->log_level);
    if (!has_manager()) {
        log_error("weldr vip-helper is started by weldr, not by hand");
        return EXIT_NO_MANAGER;
    }
    heed_no_signals();
    (void)prctl(PR_SET_DUMPABLE, 0);
    const int rc = give_up(config);

    if (rc == 0)
        return keeper_run(INHERIT_FD_CHANNEL);
    log_error("the helper of virtual IPs can't start", LOG_S("error", werr_text(rc)));
    return EXIT_FAILED;
}
