#include "manager/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fsm.h"
#include "log/log.h"
#include "manager/events.h"
#include "manager/heir.h"
#include "manager/manager.h"
#include "manager/membership.h"
#include "manager/start.h"
#include "manager/store.h"
#include "manager/vips_here.h"
#include "net/rights.h"

static const struct fsm_state phases[UPGRADE_PHASES] = {
    [UPGRADE_IDLE] = {"IDLE", FSM_TO(UPGRADE_STARTED)},
    [UPGRADE_STARTED] = {"STARTED", FSM_TO(UPGRADE_PARTING) | FSM_TO(UPGRADE_HANDING) |
                                        FSM_TO(UPGRADE_AGAIN) | FSM_TO(UPGRADE_IDLE)},
    [UPGRADE_PARTING] = {"PARTING", FSM_TO(UPGRADE_HANDING) | FSM_TO(UPGRADE_IDLE)},
    [UPGRADE_HANDING] = {"HANDING", FSM_TO(UPGRADE_WAITING) | FSM_TO(UPGRADE_AGAIN) |
                                        FSM_TO(UPGRADE_IDLE)},
    [UPGRADE_WAITING] = {"WAITING", FSM_TO(UPGRADE_LEAVING) | FSM_TO(UPGRADE_AGAIN) |
                                        FSM_TO(UPGRADE_IDLE)},
    [UPGRADE_AGAIN] = {"AGAIN", FSM_TO(UPGRADE_STARTED) | FSM_TO(UPGRADE_IDLE)},
    [UPGRADE_LEAVING] = {"LEAVING", 0},
};
static const struct fsm phase_fsm = {"upgrade", phases, UPGRADE_PHASES};

static void move(struct upgrade *u, enum upgrade_phase next, const char *why)
{
    log_debug("upgrade goes on", LOG_S("from", fsm_name(&phase_fsm, u->phase)),
              LOG_S("to", fsm_name(&phase_fsm, next)), LOG_S("why", why));
    fsm_move(&phase_fsm, &u->phase, next, 0, why);
}

const char *upgrade_phase_word(const struct manager *m)
{
    static const char *const words[UPGRADE_PHASES] = {
        [UPGRADE_IDLE] = "idle",       [UPGRADE_STARTED] = "started",
        [UPGRADE_PARTING] = "parting", [UPGRADE_HANDING] = "handing",
        [UPGRADE_WAITING] = "waiting", [UPGRADE_AGAIN] = "again",
        [UPGRADE_LEAVING] = "leaving",
    };

    return words[m->upgrade->phase];
}

bool upgrade_has_let_go(const struct manager *m)
{
    const struct upgrade *u = m->upgrade;

    return u != NULL && !TAILQ_EMPTY(&u->estate.items);
}

/* ---- how it ends ---- */

static void tell_waiter(struct upgrade *u, const char *why)
{
    const upgrade_fn fn = u->fn;

    u->fn = NULL;
    if (fn != NULL)
        fn(u->waiter, why);
}

static void close_socket(struct upgrade *u)
{
    if (u->fd < 0)
        return;
    loop_watch_stop(&u->watch);
    (void)close(u->fd);
    u->fd = -1;
}

static void stop_timers(struct upgrade *u)
{
    timer_stop(loop_timers(u->m->loop), &u->limit);
    timer_stop(loop_timers(u->m->loop), &u->send);
}

/* Its end was seen, or nobody waits for it: one that was killed ends at once. */
static void end_successor(struct upgrade *u)
{
    close_socket(u);
    successor_end(&u->successor);
}

static void tell_failure(struct upgrade *u, const char *why)
{
    u->m->upgrades_failed++;
    (void)snprintf(u->failure, sizeof(u->failure), "%s", why);
    events_tell(u->m, &(struct event_note){.kind = EVENT_UPGRADE_FAILED, .reason = why});
}

/* What was let go can't be had back: a successor of our own program takes it. */
static void fail(struct upgrade *u, const char *why)
{
    MUST(u->phase != UPGRADE_IDLE && u->phase != UPGRADE_LEAVING); /* one is under way */
    stop_timers(u);
    u->m->memberships->parting = NULL;
    end_successor(u);
    tell_failure(u, why);
    if (upgrade_has_let_go(u->m)) {
        move(u, UPGRADE_AGAIN, why);
        loop_timer_in(u->m->loop, &u->limit, UPGRADE_AGAIN_MS);
    } else {
        move(u, UPGRADE_IDLE, why);
    }
    tell_waiter(u, why);
}

void upgrade_give_up(struct manager *m, const char *why)
{
    struct upgrade *u = m->upgrade;

    if (u->phase == UPGRADE_IDLE || u->phase == UPGRADE_LEAVING)
        return;
    stop_timers(u);
    end_successor(u);
    move(u, UPGRADE_IDLE, why);
    log_warn("upgrade is given up", LOG_S("reason", why));
    tell_waiter(u, why);
}

/* ---- the successor is ready ---- */

static void send_totals(struct upgrade *u)
{
    const int fd = estate_totals(u->m);
    char buf[SUCCESSION_MAX_BYTES];
    const struct iovec iov = {
        buf, succession_put(buf, &(struct succession){.type = SUCCESSION_TOTALS})};

    if (fd < 0)
        return;
    if (rights_send(u->fd, &iov, 1, fd) < 0)
        log_debug("the successor does not take counters");
    (void)close(fd);
}

static void leave(struct upgrade *u)
{
    struct manager *m = u->m;

    MUST(upgrade_has_let_go(m)); /* or there would be two of us */
    stop_timers(u);
    move(u, UPGRADE_LEAVING, "the successor is ready");
    log_always("upgraded: the successor serves, this process ends when its workers have",
               LOG_I("pid", u->successor.pid), LOG_S("version", u->version));
    m->upgrades_done++;
    estate_fini(&u->estate);
    successor_release(&u->successor); /* before it is named */
    loop_timer_in(m->loop, &u->send, UPGRADE_TOTALS_MS);
    tell_waiter(u, NULL);
    u->hooks.on_ready(m);
}

void upgrade_tell_last(struct manager *m)
{
    struct upgrade *u = m->upgrade;

    if (u->phase == UPGRADE_LEAVING && u->fd >= 0)
        send_totals(u);
}

/* ---- handing over ---- */

static void send_estate(struct upgrade *u)
{
    MUST(u->phase == UPGRADE_HANDING);
    const int rc = estate_send(&u->estate, u->fd);

    loop_watch_set(&u->watch, true, rc == WERR_AGAIN);
    if (rc == 0)
        move(u, UPGRADE_WAITING, "all was sent");
    else if (rc == WERR_NO_FD || rc == WERR_NOMEM)
        loop_timer_in(u->m->loop, &u->send, UPGRADE_SEND_MS);
    else if (rc != WERR_AGAIN)
        fail(u, "it ended before it had all");
}

static int make_estate(struct upgrade *u)
{
    static const struct succession go = {.type = SUCCESSION_GO};
    int rc = estate_make(&u->estate, u->m);

    if (rc == 0)
        rc = u->hooks.bequeath(u->api, &u->estate);
    if (rc == 0)
        rc = estate_add(&u->estate, &go, -1);
    if (rc < 0)
        estate_fini(&u->estate);
    return rc;
}

/* From here on nothing is changed that the successor would not hear of. */
static void hand_over(struct upgrade *u)
{
    struct manager *m = u->m;

    if (!upgrade_has_let_go(m)) {
        const int rc = make_estate(u);

        if (rc < 0) {
            fail(u, werr_text(rc));
            return;
        }
        u->hooks.hand_over(u->api);
        vips_here_yield(m->vips_here);
        store_hand_over(m);
    }
    move(u, UPGRADE_HANDING, "nobody has the directory");
    loop_timer_in(m->loop, &u->limit, UPGRADE_READY_MS);
    estate_renew(&u->estate, m);
    estate_rewind(&u->estate);
    send_estate(u);
}

static void on_hello(struct upgrade *u, const struct succession *s)
{
    if (s->protocol != SUCCESSION_PROTOCOL) {
        fail(u, "it can't take over from this version: stop this one and start it");
        return;
    }
    if (span_to_str(s->text, u->version, sizeof(u->version)) < 0)
        u->version[0] = '\0'; /* too long to be one */
    timer_stop(loop_timers(u->m->loop), &u->limit);
    const uint64_t wait_ms =
        upgrade_has_let_go(u->m) ? 0 : membership_lend_lead(u->m, &u->limit);
    if (wait_ms == 0) {
        hand_over(u);
        return;
    }
    move(u, UPGRADE_PARTING, "this node leads");
    loop_timer_in(u->m->loop, &u->limit, wait_ms);
}

/* ---- what comes from the successor ---- */

static void on_message(struct upgrade *u, const struct succession *s)
{
    if (s->type == SUCCESSION_HELLO && u->phase == UPGRADE_STARTED)
        on_hello(u, s);
    else if (s->type == SUCCESSION_READY && u->phase == UPGRADE_WAITING)
        leave(u);
    else
        fail(u, "it does not keep to the protocol: is it a Weldr?");
}

/* While we leave it says nothing, and its socket ends with it. */
static void note_end(struct upgrade *u)
{
    close_socket(u);
    log_error("the successor has ended");
}

static void receive(struct upgrade *u)
{
    char buf[SUCCESSION_MAX_BYTES];
    struct succession s;
    enum rights_got got;
    int fd = -1;
    const int64_t n = rights_receive(u->fd, buf, sizeof(buf), &fd, &got);

    if (got == RIGHTS_ONE)
        (void)close(fd); /* a successor sends none */
    if (n == WERR_AGAIN || n == WERR_NOMEM)
        return;
    if (u->phase == UPGRADE_LEAVING)
        note_end(u);
    else if (n <= 0)
        loop_watch_set(&u->watch, false, false); /* its end is told by SIGCHLD, with the code */
    else if (succession_get(span_from(buf, (size_t)n), &s) < 0)
        fail(u, "it does not keep to the protocol: is it a Weldr?");
    else
        on_message(u, &s);
}

static void on_socket(struct loop_watch *w, bool can_read, bool can_write)
{
    struct upgrade *u = (struct upgrade *)((char *)w - offsetof(struct upgrade, watch));

    if (can_write && u->phase == UPGRADE_HANDING)
        send_estate(u);
    if (can_read && u->fd >= 0)
        receive(u);
}

static void say_end(char why[UPGRADE_WHY_MAX], int status)
{
    const char *when = "before it was ready; its log says more";

    if (WIFSIGNALED(status))
        (void)snprintf(why, UPGRADE_WHY_MAX, "it was killed by signal %d %s", WTERMSIG(status),
                       when);
    else if (WEXITSTATUS(status) == SUCCESSOR_EXIT_NO_EXEC)
        (void)snprintf(why, UPGRADE_WHY_MAX, "it can't be executed");
    else
        (void)snprintf(why, UPGRADE_WHY_MAX, "it ended with exit code %d %s",
                       WEXITSTATUS(status), when);
}

/* What it said before it died comes first: it may have been ready. */
void upgrade_reap(struct manager *m)
{
    struct upgrade *u = m->upgrade;
    char why[UPGRADE_WHY_MAX];
    int status;

    program_reap(&u->program);
    if (!successor_reap(&u->successor, &status))
        return;
    say_end(why, status);
    fail(u, why);
}

/* ---- begun ---- */

int upgrade_find_program(const struct manager *m, const char *binary, char path[PATH_MAX],
                         char why[UPGRADE_WHY_MAX])
{
    const char *wanted = binary != NULL ? binary : m->upgrade->origin.path;

    why[0] = '\0';
    if (getpid() == 1)
        (void)snprintf(why, UPGRADE_WHY_MAX,
                       "this is process 1, whose end is that of its container: start another");
    else if (wanted[0] != '/')
        (void)snprintf(why, UPGRADE_WHY_MAX, "%s",
                       binary != NULL
                           ? "the path must be absolute"
                           : "it can't be told from which file this one was started");
    else if (strlen(wanted) >= PATH_MAX)
        (void)snprintf(why, UPGRADE_WHY_MAX, "the path is too long");
    else if (successor_check(wanted) < 0)
        (void)snprintf(why, UPGRADE_WHY_MAX, "%.180s: %s", wanted, strerror(errno));
    else if (binary != NULL && !successor_is_trusted(wanted))
        (void)snprintf(
            why, UPGRADE_WHY_MAX,
            "others than root and weldr's user may write to it, or to a folder on the "
            "way there");
    if (why[0] != '\0')
        return WERR_INVALID;
    (void)snprintf(path, PATH_MAX, "%s", wanted);
    return 0;
}

/* path empty: our own program. */
static int start_successor(struct upgrade *u)
{
    MUST(u->fd < 0 && u->successor.pid == 0); /* the one before was ended */
    const int rc = successor_start(&u->origin, u->path, u->m->supervisor.exe_fd, &u->successor);

    if (rc < 0)
        return rc;
    u->fd = rc;
    loop_watch_start(u->m->loop, &u->watch, u->fd);
    loop_watch_set(&u->watch, true, false);
    move(u, UPGRADE_STARTED, "forked");
    loop_timer_in(u->m->loop, &u->limit, UPGRADE_HELLO_MS);
    log_always("upgrade: a successor is started", LOG_S("binary", u->path),
               LOG_I("pid", u->successor.pid));
    return 0;
}

int upgrade_begin(struct manager *m, const char *binary, char why[UPGRADE_WHY_MAX])
{
    struct upgrade *u = m->upgrade;

    (void)snprintf(why, UPGRADE_WHY_MAX, "an upgrade is under way");
    if (u->phase != UPGRADE_IDLE)
        return WERR_IN_USE;
    if (heir_has_predecessor(m)) {
        (void)snprintf(
            why, UPGRADE_WHY_MAX,
            "the process that was here before has not ended yet: it finishes what it "
            "has, until the drain limit");
        return WERR_IN_USE;
    }
    if (manager_is_leaving(m) || !start_is_ready(m)) {
        (void)snprintf(why, UPGRADE_WHY_MAX, "weldr %s",
                       manager_is_leaving(m) ? "is shutting down" : "is starting");
        return WERR_AGAIN;
    }
    u->failure[0] = '\0';
    int rc = upgrade_find_program(m, binary, u->path, why);
    if (rc == 0) {
        rc = start_successor(u);
        if (rc < 0)
            (void)snprintf(why, UPGRADE_WHY_MAX, "can't start it: %s", werr_text(rc));
    }
    if (rc < 0)
        tell_failure(u, why);
    return rc;
}

void upgrade_on_signal(struct manager *m)
{
    char why[UPGRADE_WHY_MAX];
    const int rc = upgrade_begin(m, NULL, why);

    if (rc == WERR_IN_USE || rc == WERR_AGAIN) /* all else is an event */
        log_warn("upgrade is refused", LOG_S("reason", why));
}

void upgrade_await(struct manager *m, upgrade_fn fn, struct api_conn *waiter)
{
    MUST(m->upgrade->fn == NULL && m->upgrade->phase == UPGRADE_STARTED); /* of this one */
    m->upgrade->fn = fn;
    m->upgrade->waiter = waiter;
}

void upgrade_forget(struct manager *m, const struct api_conn *waiter)
{
    if (m->upgrade->waiter == waiter)
        m->upgrade->fn = NULL;
}

/* ---- time ---- */

static void start_again(struct upgrade *u)
{
    u->path[0] = '\0';
    if (start_successor(u) < 0)
        loop_timer_in(u->m->loop, &u->limit, UPGRADE_AGAIN_MS);
}

static void on_limit(struct timer *t)
{
    struct upgrade *u = (struct upgrade *)((char *)t - offsetof(struct upgrade, limit));

    if (u->phase == UPGRADE_AGAIN)
        start_again(u);
    else if (u->phase == UPGRADE_PARTING)
        hand_over(u);
    else
        fail(u, u->phase == UPGRADE_STARTED ? "it does not say within 10 s that it is a Weldr"
                                            : "it was not ready within 60 s");
}

static void on_send(struct timer *t)
{
    struct upgrade *u = (struct upgrade *)((char *)t - offsetof(struct upgrade, send));

    if (u->phase == UPGRADE_HANDING) {
        send_estate(u);
    } else if (u->phase == UPGRADE_LEAVING && u->fd >= 0) {
        send_totals(u);
        loop_timer_in(u->m->loop, &u->send, UPGRADE_TOTALS_MS);
    }
}

/* ---- life ---- */

void upgrade_init(struct upgrade *u, struct manager *m, struct api *api,
                  const struct upgrade_hooks *hooks)
{
    *u = (struct upgrade){.m = m, .api = api, .hooks = *hooks, .phase = UPGRADE_IDLE, .fd = -1};
    u->watch.on_ready = on_socket;
    timer_init(&u->limit, on_limit);
    timer_init(&u->send, on_send);
    estate_init(&u->estate);
    program_init(&u->program);
    m->upgrade = u;
}

/* A successor that is ready has nothing to do with this end. */
void upgrade_fini(struct upgrade *u)
{
    if (u->m->loop != NULL)
        stop_timers(u);
    if (u->phase == UPGRADE_LEAVING)
        close_socket(u);
    else
        end_successor(u);
    program_fini(&u->program);
    estate_fini(&u->estate);
    origin_fini(&u->origin);
}
