#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/roll_int.h"
#include "cli/waiting.h"
#include "log/progress.h"

uint64_t roll_now_ms(void)
{
    return clock_boot_ns() / 1000000;
}

static void pause_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = ROLL_POLL_MS * 1000000L};

    (void)nanosleep(&moment, NULL);
    progress_tick();
}

/* ---- documents ---- */

void roll_read_text(const struct doc *d, const char *key, char *text, size_t size)
{
    char *value = doc_text(doc_get(d, key));

    (void)snprintf(text, size, "%s", value == NULL || strcmp(value, "-") == 0 ? "" : value);
    free(value);
}

uint64_t roll_read_number(const struct doc *d, const char *key)
{
    char text[32];

    roll_read_text(d, key, text, sizeof(text));
    return strtoull(text, NULL, 10);
}

bool roll_read_bool(const struct doc *d, const char *key)
{
    char text[8];

    roll_read_text(d, key, text, sizeof(text));
    return strcmp(text, "true") == 0;
}

/* ---- the API ---- */

static int make_body(const struct roll *r, struct doc **body)
{
    char why[ROLL_WHY_MAX];

    *body = doc_new();
    return *body != NULL ? doc_set(*body, SPAN("binary"), r->binary, why, sizeof(why))
                         : WERR_NOMEM;
}

static void note_problem(struct roll *r, int rc, const struct doc *d)
{
    r->code[0] = r->why[0] = '\0';
    if (rc >= 0 && d != NULL) {
        roll_read_text(d, "code", r->code, sizeof(r->code));
        roll_read_text(d, "detail", r->why, sizeof(r->why));
    }
    if (r->why[0] != '\0')
        return;
    if (rc < 0)
        (void)snprintf(r->why, sizeof(r->why), "the API at %s: %s", r->session.place,
                       werr_text(rc));
    else
        (void)snprintf(r->why, sizeof(r->why), "the API responds with status %d", rc);
}

/* The node of the API is upgraded too, and who leads may change at any time. */
static bool is_passing(const struct roll *r, int rc)
{
    if (rc < 0)
        return rc != WERR_NOMEM && rc != WERR_TOO_BIG;
    return rc == 503 || (rc == 409 && strcmp(r->code, "upgrade_under_way") == 0);
}

int roll_ask(struct roll *r, const char *method, const char *target, bool binary,
             uint64_t limit_ms, struct doc **out)
{
    const uint64_t end_ms = roll_now_ms() + limit_ms;
    struct doc *body = NULL;
    int rc = binary ? make_body(r, &body) : 0;

    *out = NULL;
    while (rc >= 0) {
        rc = session_try(&r->session, method, target, body, out);
        if (rc >= 200 && rc < 300 && *out != NULL)
            break;
        note_problem(r, rc, *out);
        if (!is_passing(r, rc) || roll_now_ms() >= end_ms)
            break;
        doc_free(*out);
        *out = NULL;
        rc = 0;
        pause_a_moment();
    }
    doc_free(body);
    return rc;
}

static bool is_success(int rc)
{
    return rc >= 200 && rc < 300;
}

static int code_of(int rc)
{
    return rc < 0 && rc != WERR_NOMEM ? CLI_EXIT_UNREACHABLE : CLI_EXIT_FAILURE;
}

/* ---- a node ---- */

static void target_of(const struct roll_node *node, const char *more, char *target, size_t size)
{
    (void)snprintf(target, size, "/cluster/members/%s/upgrade%s", node->id, more);
}

static int get_state(struct roll *r, const struct roll_node *node, uint64_t limit_ms,
                     struct roll_state *s)
{
    char target[96];
    struct doc *d;

    target_of(node, "", target, sizeof(target));
    const int rc = roll_ask(r, "GET", target, false, limit_ms, &d);
    if (is_success(rc)) {
        roll_read_text(d, "phase", s->phase, sizeof(s->phase));
        roll_read_text(d, "version", s->version, sizeof(s->version));
        roll_read_text(d, "failure", s->failure, sizeof(s->failure));
        s->is_ready = roll_read_bool(d, "is_ready");
        s->has_leader = roll_read_bool(d, "has_leader");
        s->is_halted = roll_read_bool(d, "is_halted");
        s->applied = roll_read_number(d, "applied");
        s->pid = roll_read_number(d, "pid");
        s->failed_n = roll_read_number(d, "failed");
    }
    doc_free(d);
    return is_success(rc) ? 0 : rc < 0 ? rc : WERR_REFUSED;
}

/* NULL: it is well. */
static const char *illness_of(const struct roll_state *s)
{
    if (s->is_halted)
        return "it has halted: it can't read what the cluster has agreed on";
    if (!s->has_leader)
        return "it knows of no leader";
    return s->is_ready ? NULL : "it does not serve, or is told to end";
}

int roll_look_at(struct roll *r, const struct roll_node *node, struct roll_state *s)
{
    const uint64_t end_ms = roll_now_ms() + ROLL_PASSING_MS;
    const char *ill = NULL;
    int rc;

    do {
        if (ill != NULL)
            pause_a_moment();
        rc = get_state(r, node, ROLL_PASSING_MS, s);
        if (rc < 0)
            return code_of(rc == WERR_REFUSED ? 0 : rc);
        ill = illness_of(s);
        if (ill == NULL && strcmp(s->phase, "idle") != 0)
            ill = "another upgrade of it is under way";
    } while (ill != NULL && roll_now_ms() < end_ms);
    if (ill != NULL)
        (void)snprintf(r->why, sizeof(r->why), "%s", ill);
    return ill == NULL ? CLI_EXIT_OK : CLI_EXIT_FAILURE;
}

int roll_check(struct roll *r, const struct roll_node *node, char *version)
{
    char target[96];
    struct doc *d;

    target_of(node, "/check", target, sizeof(target));
    const int rc = roll_ask(r, "POST", target, true, ROLL_PASSING_MS, &d);
    if (is_success(rc))
        roll_read_text(d, "version", version, ROLL_WORD_MAX);
    doc_free(d);
    return is_success(rc) ? CLI_EXIT_OK : code_of(rc);
}

/* ---- its upgrade ---- */

/* 1: it serves anew; 0: not yet; < 0: it never will, and r->why says so. */
static int judge(struct roll *r, const struct roll_state *before, const struct roll_state *now)
{
    const bool is_new = now->pid != before->pid;

    if (now->failed_n > before->failed_n) {
        (void)snprintf(r->why, sizeof(r->why), "%s%s",
                       is_new ? "the new one failed after it had taken over, and the one of "
                                "before was started again: its log says more"
                              : now->failure,
                       is_new ? "" : "; it goes on as it was");
        return WERR_REFUSED;
    }
    if (!is_new || strcmp(now->phase, "idle") != 0)
        return 0;
    const char *ill = illness_of(now);
    if (ill == NULL && now->applied < r->applied)
        ill = "it has not applied yet what the others have";
    if (ill != NULL)
        (void)snprintf(r->why, sizeof(r->why), "%s", ill);
    return ill == NULL;
}

static int await(struct roll *r, const struct roll_node *node, const struct roll_state *before,
                 uint64_t *pid)
{
    const uint64_t end_ms = roll_now_ms() + ROLL_NODE_MS;
    struct roll_state now;
    char last[ROLL_WHY_MAX] = "it does not respond";

    while (roll_now_ms() < end_ms) {
        const int rc = get_state(r, node, 0, &now);

        if (rc == 0) {
            r->why[0] = '\0';
            progress_detail("%s", waiting_phase_words(now.phase));
        }
        const int end = rc == 0 ? judge(r, before, &now) : 0;
        if (end > 0)
            *pid = now.pid;
        if (end != 0)
            return end > 0 ? CLI_EXIT_OK : CLI_EXIT_FAILURE;
        if (r->why[0] != '\0')
            (void)snprintf(last, sizeof(last), "%.400s", r->why);
        pause_a_moment();
    }
    (void)snprintf(r->why, sizeof(r->why), "it was not well within %d s: %.400s",
                   ROLL_NODE_MS / 1000, last);
    return CLI_EXIT_FAILURE;
}

int roll_upgrade(struct roll *r, const struct roll_node *node, uint64_t *pid)
{
    struct roll_state before;
    char target[96];
    struct doc *d;
    int rc = get_state(r, node, ROLL_PASSING_MS, &before);

    if (rc < 0)
        return code_of(rc == WERR_REFUSED ? 0 : rc);
    progress_begin(ROLL_NODE_MS / 1000, "node %s", node->id);
    progress_detail("its upgrade begins");
    target_of(node, "", target, sizeof(target));
    rc = roll_ask(r, "POST", target, true, ROLL_NODE_MS, &d);
    doc_free(d);
    /* Whether it has begun is seen by what the node is then. */
    if (!is_success(rc) && rc != 504)
        return code_of(rc);
    return await(r, node, &before, pid);
}
