#include "cage/filter.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static struct {
    filter_fn on_call;
    void *arg;
} filter;

/* ---- a call that is not allowed ---- */

static void unblock(int number)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* The kernel has not made it. The same signal, unhandled, ends the process. */
static void on_sigsys(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (filter.on_call != NULL)
        filter.on_call(filter.arg, info->si_syscall);
    (void)signal(number, SIG_DFL);
    unblock(number);
    (void)raise(number);
    _exit(128 + number);
}

static void handle_sigsys(void)
{
    struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

    sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGSYS, &sa, NULL);
    unblock(SIGSYS); /* a process may be started with all signals blocked */
}

/* ---- the filter ---- */

struct rule {
    int call;
    int argument; /* -1: any */
    uint64_t value;
};

static int add_rule(scmp_filter_ctx context, const struct rule *rule)
{
    if (rule->argument < 0)
        return seccomp_rule_add(context, SCMP_ACT_ALLOW, rule->call, 0);
    const struct scmp_arg_cmp cmp = {
        .arg = (unsigned)rule->argument, .op = SCMP_CMP_EQ, .datum_a = rule->value};

    return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, rule->call, 1, &cmp);
}

/* Memory that can be written may not be run: what is mapped later is data. */
static int add_mmap(scmp_filter_ctx context)
{
    const struct scmp_arg_cmp cmp = {
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};

    return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &cmp);
}

static int add_list(scmp_filter_ctx context, const struct rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (add_rule(context, &rules[i]) < 0)
            return WERR_NOMEM;
    return add_mmap(context) < 0 ? WERR_NOMEM : 0;
}

#define CALL(name)                     {SCMP_SYS(name), -1, 0},
#define CALL_IF(name, argument, value) {SCMP_SYS(name), argument, (uint64_t)(value)},

static int add_rules(scmp_filter_ctx context, enum filter_table table)
{
    const uint64_t own_pid = (uint64_t)getpid();
    const struct rule of_worker[] = {
#include "cage/filter_calls.def"
    };
    const struct rule of_vip[] = {
#include "cage/filter_vip_calls.def"
    };

    return table == FILTER_VIP
               ? add_list(context, of_vip, sizeof(of_vip) / sizeof(of_vip[0]))
               : add_list(context, of_worker, sizeof(of_worker) / sizeof(of_worker[0]));
}

#undef CALL
#undef CALL_IF

/* A tree instead of a list of comparisons; a filter of calls is no reason to make each branch
 * slower on older kernels (SSB), for what runs here is our own code. */
static int set_up(scmp_filter_ctx context, enum filter_table table)
{
    if (seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0)
        return WERR_UNSUPPORTED;
    (void)seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    (void)seccomp_attr_set(context, SCMP_FLTATR_CTL_SSB, 1);
    return add_rules(context, table);
}

int filter_start(enum filter_table table, filter_fn on_call, void *arg)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_TRAP);

    if (context == NULL)
        return WERR_NOMEM;
    filter.on_call = on_call;
    filter.arg = arg;
    handle_sigsys();
    int rc = set_up(context, table);

    if (rc == 0 && seccomp_load(context) < 0)
        rc = WERR_UNSUPPORTED;
    seccomp_release(context);
    return rc;
}

const char *filter_call_name(int call, char *buf)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);

    strncpy(buf, name != NULL ? name : "?", FILTER_NAME_MAX - 1);
    buf[FILTER_NAME_MAX - 1] = '\0';
    free(name);
    return buf;
}
