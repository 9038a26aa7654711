#include "manager/upgrade_here.h"

#include <stdio.h>
#include <unistd.h>

#include "log/log.h"
#include "manager/heir.h"
#include "manager/manager.h"
#include "manager/start.h"
#include "manager/upgrade.h"
#include "manager/upgrade_hook.h"
#include "pool/levels.h"

_Static_assert((int)UPGRADE_SAID_BYTES_MAX <= (int)CLUSTER_ORDER_MAX &&
                   (int)UPGRADE_ORDER_BYTES_MAX <= (int)CLUSTER_ORDER_MAX,
               "the engine carries them");

/* ---- how this node is ---- */

static void describe(const struct manager *m, struct upgrade_said *s)
{
    struct cluster_status status = {.known_level = LEVEL_NEWEST};

    if (m->cluster != NULL)
        m->cluster->ops->status(m->cluster, &status);
    s->is_ready = start_is_ready(m) && !manager_is_leaving(m) &&
                  (status.is_witness || slots_count_serving(&m->supervisor.slots) > 0);
    s->has_leader = status.has_quorum;
    s->is_halted = status.halt.is_halted;
    s->applied = status.applied;
    s->has_predecessor = heir_has_predecessor(m);
    s->pid = (uint64_t)getpid();
    s->done_n = m->upgrades_done;
    s->failed_n = m->upgrades_failed;
    s->level = status.known_level;
    (void)snprintf(s->phase, sizeof(s->phase), "%s", upgrade_phase_word(m));
    (void)snprintf(s->version, sizeof(s->version), "%s", WELDR_VERSION);
    (void)snprintf(s->failure, sizeof(s->failure), "%s", m->upgrade->failure);
}

/* Another member is answered by the engine, which may have been let go meanwhile. */
static void say(const struct manager *m, const struct upgrade_asker *to, struct upgrade_said *s)
{
    char buf[UPGRADE_SAID_BYTES_MAX];

    describe(m, s);
    if (to->fn != NULL)
        to->fn(to->arg, s);
    else if (m->cluster != NULL)
        m->cluster->ops->answer(m->cluster, &to->order, upgrade_said_put(s, buf));
}

static void say_result(const struct manager *m, const struct upgrade_asker *to,
                       enum upgrade_result result, const char *why)
{
    struct upgrade_said s = {.result = (uint8_t)result};

    (void)snprintf(s.why, sizeof(s.why), "%s", why);
    say(m, to, &s);
}

/* ---- a program that is looked at ---- */

/* Is there a reason why it may not take this one's place? */
static void judge(const struct manager *m, const struct program_words *words,
                  struct upgrade_said *s)
{
    struct cluster_status status = {.level = LEVEL_NONE};

    if (m->cluster != NULL)
        m->cluster->ops->status(m->cluster, &status);
    (void)snprintf(s->offered_version, sizeof(s->offered_version), "%s", words->version);
    s->offered_level = words->level;
    if (words->level >= status.level)
        return;
    s->result = UPGRADE_REFUSED;
    (void)snprintf(s->why, sizeof(s->why),
                   "version %s knows features up to level %u, and the cluster uses level %u: "
                   "it could not read what is agreed on",
                   words->version, words->level, status.level);
}

static void on_words(void *arg, const struct program_words *words, const char *why)
{
    const struct manager *m = arg;
    const struct upgrade_asker to = m->upgrade->asker;
    struct upgrade_said s = {.result = UPGRADE_DONE};

    m->upgrade->asker = (struct upgrade_asker){.fn = NULL};
    if (words == NULL) {
        say_result(m, &to, UPGRADE_REFUSED, why);
        return;
    }
    judge(m, words, &s);
    say(m, &to, &s);
}

static void check(struct manager *m, const char *binary, const struct upgrade_asker *to)
{
    struct upgrade *u = m->upgrade;
    char path[PATH_MAX], why[UPGRADE_WHY_MAX];

    if (upgrade_find_program(m, binary, path, why) < 0) {
        say_result(m, to, UPGRADE_REFUSED, why);
        return;
    }
    const int rc = program_ask(&u->program, m->loop, path, on_words, m);
    if (rc == 0) {
        u->asker = *to;
    } else if (rc == WERR_IN_USE) {
        say_result(m, to, UPGRADE_IN_USE, "another program is being looked at");
    } else {
        (void)snprintf(why, sizeof(why), "it can't be executed: %s", werr_text(rc));
        say_result(m, to, UPGRADE_REFUSED, why);
    }
}

static void forget(void *arg, const struct upgrade_said *said)
{
    (void)arg;
    (void)said;
}

void upgrade_here_forget(struct manager *m, const void *arg)
{
    struct upgrade_asker *asker = &m->upgrade->asker;

    if (asker->fn != NULL && asker->arg == arg)
        *asker = (struct upgrade_asker){.fn = forget};
}

/* ---- an upgrade that begins ---- */

static enum upgrade_result result_of(int rc)
{
    if (rc == 0)
        return UPGRADE_DONE;
    if (rc == WERR_IN_USE)
        return UPGRADE_IN_USE;
    return rc == WERR_AGAIN ? UPGRADE_LATER : UPGRADE_REFUSED;
}

static void begin(struct manager *m, const char *binary, const struct upgrade_asker *to)
{
    char why[UPGRADE_WHY_MAX];
    const int rc = upgrade_begin(m, binary, why);

    say_result(m, to, result_of(rc), rc < 0 ? why : "");
}

static void follow(struct manager *m, const struct upgrade_order *order,
                   const struct upgrade_asker *to)
{
    const char *binary = order->binary[0] != '\0' ? order->binary : NULL;

    MUST(order->kind < UPGRADE_ORDER_KINDS);
    if (order->kind == UPGRADE_ORDER_CHECK)
        check(m, binary, to);
    else if (order->kind == UPGRADE_ORDER_BEGIN)
        begin(m, binary, to);
    else
        say_result(m, to, UPGRADE_DONE, "");
}

void upgrade_here_do(struct manager *m, const struct upgrade_order *order, upgrade_here_fn fn,
                     void *arg)
{
    MUST(fn != NULL);
    follow(m, order, &(struct upgrade_asker){.fn = fn, .arg = arg});
}

/* ---- orders of other members ---- */

void upgrade_hook_on_order(void *arg, const struct cluster_order *order, struct span request)
{
    struct manager *m = arg;
    struct upgrade_order wanted;

    if (upgrade_order_get(request, &wanted) < 0) {
        log_warn("an order of another member can't be read", LOG_ID("member", order->from));
        m->cluster->ops->answer(m->cluster, order, SPAN_NONE);
        return;
    }
    if (wanted.kind == UPGRADE_ORDER_BEGIN)
        log_always("upgrade is asked for by another member", LOG_S("binary", wanted.binary),
                   LOG_ID("member", order->from));
    follow(m, &wanted, &(struct upgrade_asker){.order = *order});
}
