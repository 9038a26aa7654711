#include "manager/vip_hooks.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/children.h"
#include "log/log.h"
#include "manager/child.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "manager/vip_view.h"
#include "net/loop.h"

enum { OUTCOME_MAX = 64, VARIABLE_MAX = 96, OWN_N = 4 };

static void begin(struct vip_hook *k, bool is_active, const char *cause);

static const char *command_of(const struct vip_hooks *h, bool is_active)
{
    return is_active ? h->on_active : h->on_passive;
}

/* ---- how it ended ---- */

static void tell(struct vip_hook *k, const char *outcome)
{
    vip_events_command(k->hooks->m, &k->address, k->is_active, outcome);
}

static void tell_exit(struct vip_hook *k, int status)
{
    char outcome[OUTCOME_MAX];

    if (k->is_killed)
        (void)snprintf(outcome, sizeof(outcome), "killed: not done within %u ms",
                       k->hooks->limit_ms);
    else if (WIFSIGNALED(status))
        (void)snprintf(outcome, sizeof(outcome), "killed by signal %d", WTERMSIG(status));
    else
        (void)snprintf(outcome, sizeof(outcome), "exit code %d", WEXITSTATUS(status));
    tell(k, outcome);
}

/* The address is free again, or what happened meanwhile is told now. */
static void go_on(struct vip_hook *k)
{
    char cause[VIP_HOOKS_CAUSE_MAX];
    const bool has_next = k->has_next;

    k->pid = 0;
    k->has_next = false;
    memcpy(cause, k->next_cause, sizeof(cause));
    if (has_next)
        begin(k, k->next_is_active, cause);
    else
        k->address.family = 0;
}

static void on_limit(struct timer *t)
{
    struct vip_hook *k = (struct vip_hook *)((char *)t - offsetof(struct vip_hook, limit));

    MUST(k->pid > 1); /* never everybody's group */
    k->is_killed = true;
    (void)kill(-k->pid, SIGKILL);
}

void vip_hooks_reap(struct vip_hooks *h)
{
    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++) {
        struct vip_hook *k = &h->list[i];
        int status;

        if (k->pid == 0 || children_wait(k->pid, &status, WNOHANG) != k->pid)
            continue;
        timer_stop(loop_timers(h->m->loop), &k->limit);
        tell_exit(k, status);
        go_on(k);
    }
}

/* ---- how it begins ---- */

/* The names are the same, up to the "=". */
static bool is_same_name(const char *own, const char *other)
{
    const size_t n = strcspn(own, "=") + 1;

    return strncmp(own, other, n) == 0;
}

static bool is_own(char (*own)[VARIABLE_MAX], const char *variable)
{
    for (size_t i = 0; i < OWN_N; i++)
        if (is_same_name(own[i], variable))
            return true;
    return false;
}

/* The four of ours and environ, but for what it has under their names: of two some shells take
 * the first and some the last. NULL: no memory. */
static char **make_environment(char (*own)[VARIABLE_MAX])
{
    size_t n = 0, at = 0;

    while (environ[n] != NULL)
        n++;
    char **list = calloc(n + OWN_N + 1, sizeof(*list));
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < OWN_N; i++)
        list[at++] = own[i];
    for (size_t i = 0; i < n; i++)
        if (!is_own(own, environ[i]))
            list[at++] = environ[i];
    return list;
}

static void fill_own(const struct vip_hook *k, const char *cause, char (*own)[VARIABLE_MAX])
{
    char address[ADDR_TEXT_MAX], id[MEMBERS_ID_TEXT];

    (void)addr_print_ip(&k->address, address);
    const struct cluster *c = k->hooks->m->cluster;

    members_print_id(c != NULL ? members_own_id(c) : 0, id); /* the engine may have gone */
    (void)snprintf(own[0], VARIABLE_MAX, "WELDR_VIP=%s", address);
    (void)snprintf(own[1], VARIABLE_MAX, "WELDR_STATE=%s", k->is_active ? "active" : "passive");
    (void)snprintf(own[2], VARIABLE_MAX, "WELDR_NODE=%s", id);
    (void)snprintf(own[3], VARIABLE_MAX, "WELDR_CAUSE=%s", cause);
}

static int spawn(const char *command, char **environment, pid_t *pid)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};

    return child_spawn("/bin/sh", argv, environment, -1, pid);
}

static void begin(struct vip_hook *k, bool is_active, const char *cause)
{
    char own[OWN_N][VARIABLE_MAX];
    char outcome[OUTCOME_MAX];

    MUST(k->pid == 0 && k->address.family != 0 && command_of(k->hooks, is_active) != NULL);
    k->is_active = is_active;
    k->is_killed = false;
    fill_own(k, cause, own);
    char **environment = make_environment(own);
    const int code = environment != NULL
                         ? spawn(command_of(k->hooks, is_active), environment, &k->pid)
                         : ENOMEM;

    free(environment);
    if (code == 0) {
        loop_timer_in(k->hooks->m->loop, &k->limit, k->hooks->limit_ms);
        return;
    }
    (void)snprintf(outcome, sizeof(outcome), "can't be started: %s", strerror(code));
    tell(k, outcome);
    k->pid = 0;
    k->address.family = 0;
}

static struct vip_hook *find(struct vip_hooks *h, const struct addr *address)
{
    struct vip_hook *spare = NULL;

    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++) {
        if (h->list[i].address.family != 0 && addr_is_equal(&h->list[i].address, address))
            return &h->list[i];
        if (h->list[i].address.family == 0 && spare == NULL)
            spare = &h->list[i];
    }
    return spare;
}

void vip_hooks_run(struct vip_hooks *h, const struct addr *address, bool is_active,
                   const char *cause)
{
    struct vip_hook *k = find(h, address);

    MUST(h->m != NULL && address->family != 0);
    if (command_of(h, is_active) == NULL || k == NULL)
        return;
    if (k->pid == 0) {
        k->address = *address;
        begin(k, is_active, cause);
        return;
    }
    k->has_next = true;
    k->next_is_active = is_active;
    (void)snprintf(k->next_cause, sizeof(k->next_cause), "%s", cause);
}

/* ---- life ---- */

void vip_hooks_init(struct vip_hooks *h, struct manager *m)
{
    *h = (struct vip_hooks){.m = m,
                            .on_active = m->config->on_active,
                            .on_passive = m->config->on_passive,
                            .limit_ms = VIP_HOOKS_LIMIT_MS};
    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++) {
        h->list[i].hooks = h;
        timer_init(&h->list[i].limit, on_limit);
    }
}

void vip_hooks_fini(struct vip_hooks *h)
{
    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++) {
        timer_stop(loop_timers(h->m->loop), &h->list[i].limit);
        h->list[i].has_next = false; /* nothing begins that nobody would end */
    }
}
