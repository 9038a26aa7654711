#include "manager/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fsm.h"
#include "cluster/small_file.h"
#include "log/log.h"
#include "manager/manager.h"
#include "stats/carried.h"

static const char file_name[] = "counters", aside_name[] = "counters.aside";

static const struct fsm_state phases[COUNTERS_PHASES] = {
    [COUNTERS_OFF] = {"OFF", FSM_TO(COUNTERS_WAITING)},
    [COUNTERS_WAITING] = {"WAITING", FSM_TO(COUNTERS_WALKING) | FSM_TO(COUNTERS_RELEASED) |
                                         FSM_TO(COUNTERS_OFF)},
    [COUNTERS_WALKING] = {"WALKING", FSM_TO(COUNTERS_WAITING)},
    [COUNTERS_RELEASED] = {"RELEASED", FSM_TO(COUNTERS_WAITING) | FSM_TO(COUNTERS_OFF)},
};
static const struct fsm phase_fsm = {"counters", phases, COUNTERS_PHASES};

static void move(struct counters *c, enum counters_phase next, const char *why)
{
    fsm_move(&phase_fsm, &c->phase, next, 0, why);
}

/* ---- written ---- */

static void get_node(const struct manager *m, struct stats_total *out)
{
    struct counted_walk first = {0};

    MUST(counted_next(m, &first, out) && out->kind == STATS_TOTAL_NODE);
}

/* Whatever is counted anywhere, something of the node is counted with it. */
static bool has_news(struct counters *c)
{
    get_node(c->m, &c->node);
    return memcmp(c->node.n, c->saved.n, sizeof(c->saved.n)) != 0;
}

static void tell_failure(struct counters *c, int rc)
{
    if (rc < 0 && !c->has_failed)
        log_warn("can't keep the counters for the next start",
                 LOG_S("directory", c->m->data_dir.path), LOG_S("error", werr_text(rc)));
    else if (rc == 0 && c->has_failed)
        log_info("the counters are kept again", LOG_S("directory", c->m->data_dir.path));
    c->has_failed = rc < 0;
}

static void put(struct counters *c, struct span piece)
{
    if (c->error == 0)
        c->error = small_file_write_at(c->fd, piece.ptr, piece.len, c->written_bytes);
    c->written_bytes += piece.len;
}

static void begin_write(struct counters *c)
{
    MUST(c->m->data_dir.path != NULL && c->m->data_dir.fd >= 0); /* not given back yet */
    c->error = small_file_begin(c->m->data_dir.fd, file_name, &c->fd);
    if (c->error < 0) {
        tell_failure(c, c->error);
        return;
    }
    move(c, COUNTERS_WALKING, "something was counted");
    c->written_bytes = 0;
    c->writing_us = loop_wall_us(c->m->loop);
    c->walk = (struct counted_walk){0};
    stats_totals_begin(&c->text, c->since_us, c->writing_us);
    MUST(counted_next(c->m, &c->walk, &c->node));
    stats_totals_add(&c->text, &c->node);
}

/* A slice more; true: that was the last. */
static bool collect(struct counters *c)
{
    struct stats_total one;

    for (unsigned i = 0; i < COUNTERS_SLICE; i++) {
        if (!counted_next(c->m, &c->walk, &one))
            return true;
        stats_totals_add(&c->text, &one);
    }
    put(c, stats_totals_take(&c->text));
    return c->error < 0;
}

static void end_write(struct counters *c)
{
    struct span rest;
    int rc = stats_totals_end(&c->text, &rest);

    if (rc == 0)
        put(c, rest);
    rc = small_file_finish(c->m->data_dir.fd, file_name, c->fd, rc < 0 ? rc : c->error);
    if (rc == 0) {
        c->saved = c->node;
        c->at_us = c->writing_us;
    }
    stats_totals_free(&c->text);
    move(c, COUNTERS_WAITING, "a write has ended");
    tell_failure(c, rc);
}

/* One that is under way, to its end; then what was counted since. */
static void write_at_once(struct counters *c)
{
    for (unsigned i = 0; i < 2; i++) {
        if (c->phase == COUNTERS_WAITING && has_news(c))
            begin_write(c);
        if (c->phase != COUNTERS_WALKING)
            return;
        while (!collect(c))
            ;
        end_write(c);
    }
}

static void set_timer(struct counters *c)
{
    const uint64_t now_ms = loop_now_ms(c->m->loop);
    const uint64_t due_ms = c->looked_ms + (c->is_shown ? COUNTERS_PAUSE_MS : COUNTERS_SAVE_MS);

    if (c->phase == COUNTERS_WALKING || due_ms <= now_ms)
        loop_timer_in(c->m->loop, &c->timer, 0);
    else
        loop_timer_in(c->m->loop, &c->timer, due_ms - now_ms);
}

static void on_timer(struct timer *t)
{
    struct counters *c = (struct counters *)((char *)t - offsetof(struct counters, timer));

    if (c->phase == COUNTERS_WAITING) {
        c->looked_ms = loop_now_ms(c->m->loop);
        c->is_shown = false;
        if (has_news(c))
            begin_write(c);
    }
    if (c->phase == COUNTERS_WALKING && collect(c))
        end_write(c);
    set_timer(c);
}

void counters_shown(const struct manager *m)
{
    struct counters *c = m->counters;

    if (c == NULL || (c->phase != COUNTERS_WAITING && c->phase != COUNTERS_WALKING))
        return;
    c->is_shown = true;
    set_timer(c);
}

/* ---- read ---- */

/* *text: the caller's to free, also when this fails. */
static int read_file(const struct manager *m, char **text, struct stats_totals_head *head)
{
    struct stat st;
    size_t len = 0;

    *text = NULL;
    if (fstatat(m->data_dir.fd, file_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return werr_from_errno(errno);
    if (st.st_size > COUNTERS_FILE_MAX)
        return WERR_TOO_BIG;
    const size_t cap = (size_t)st.st_size + 1;
    *text = fault_malloc(cap);
    if (*text == NULL)
        return WERR_NOMEM;
    const int rc = small_file_read(m->data_dir.fd, file_name, *text, cap, &len);
    return rc < 0 ? rc : stats_totals_open(span_from(*text, len), head);
}

static int carry_all(struct counters *c, struct stats_totals_head *head)
{
    struct stats_total one;
    unsigned n = 0;
    uint32_t slot;

    while (stats_totals_next(head, &one)) {
        if (!counted_find(c->m, &one, &slot))
            continue;
        const int rc = stats_carry(c->m->stats, slot, &one);
        if (rc < 0)
            return rc;
        n++;
    }
    c->since_us = head->since_us;
    log_debug("counters of earlier runs are taken", LOG_U("objects", n));
    return 0;
}

static int carry_file(struct counters *c, char **text)
{
    struct stats_totals_head head = {0};
    int rc = read_file(c->m, text, &head);

    if (rc == 0)
        rc = carry_all(c, &head);
    if (rc < 0)
        return rc;
    c->at_us = head.at_us;
    get_node(c->m, &c->saved);
    log_info("counters go on from earlier runs");
    return 0;
}

static int carry_handed(struct counters *c)
{
    struct stats_totals_head head = {0};
    int rc = stats_totals_open(span_from(c->handed, c->handed_len), &head);

    if (rc == 0)
        rc = carry_all(c, &head);
    free(c->handed);
    c->handed = NULL;
    return rc;
}

/* What can't be read ever is kept for people; the rest is written over. */
static void set_aside(struct counters *c, int error)
{
    const int fd = c->m->data_dir.fd;
    const bool is_bad =
        error == WERR_CORRUPT || error == WERR_UNSUPPORTED || error == WERR_TOO_BIG;
    const bool is_kept = is_bad && renameat(fd, file_name, fd, aside_name) == 0;

    log_warn("counters of earlier runs can't be read: counting begins at 0",
             LOG_S("directory", c->m->data_dir.path), LOG_S("file", file_name),
             LOG_S("error", werr_text(error)), LOG_S("kept", is_kept ? aside_name : ""));
}

void counters_begin(struct manager *m)
{
    struct counters *c = m->counters;
    char *text = NULL;
    int rc = 0;

    c->since_us = m->started_us;
    if (c->phase != COUNTERS_OFF)
        return;
    c->is_begun = true;
    const bool is_handed = c->handed != NULL && carry_handed(c) == 0;
    if (manager_data_dir(m) == NULL)
        return;
    move(c, COUNTERS_WAITING, "what was stored is here");
    if (!is_handed)
        rc = carry_file(c, &text);
    free(text);
    if (rc < 0 && rc != WERR_NOT_FOUND)
        set_aside(c, rc);
    c->looked_ms = loop_now_ms(m->loop);
    set_timer(c);
}

int counters_take(struct manager *m, char *text, size_t len)
{
    struct counters *c = m->counters;

    MUST(text != NULL);
    free(c->handed);
    c->handed = text;
    c->handed_len = len;
    if (!c->is_begun)
        return 0;
    const int rc = carry_handed(c);
    if (rc < 0)
        log_warn("counters of the predecessor can't be read", LOG_S("error", werr_text(rc)));
    return rc == WERR_NOMEM ? rc : 0;
}

int counters_text(const struct manager *m, struct stats_totals *text, struct span *bytes)
{
    struct counted_walk walk = {0};
    struct stats_total one;

    stats_totals_begin(text, counters_since_us(m), loop_wall_us(m->loop));
    while (counted_next(m, &walk, &one))
        stats_totals_add(text, &one);
    return stats_totals_end(text, bytes);
}

uint64_t counters_since_us(const struct manager *m)
{
    const struct counters *c = m->counters;

    return c != NULL && c->since_us != 0 ? c->since_us : m->started_us;
}

/* ---- life ---- */

void counters_init(struct counters *c, struct manager *m)
{
    *c = (struct counters){.m = m};
    m->counters = c;
    timer_init(&c->timer, on_timer);
}

void counters_release(struct manager *m)
{
    struct counters *c = m->counters;

    if (c->phase == COUNTERS_OFF)
        return;
    write_at_once(c);
    timer_stop(loop_timers(m->loop), &c->timer);
    move(c, COUNTERS_RELEASED, "the directory is given back");
}

bool counters_want_directory(const struct counters *c)
{
    return c->phase == COUNTERS_RELEASED && c->at_us != 0;
}

/* Nobody had the directory meanwhile. */
static bool is_file_ours(const struct counters *c)
{
    struct stats_totals_head head = {0};
    char *text;
    const bool is_ours = read_file(c->m, &text, &head) == 0 && head.at_us == c->at_us &&
                         head.since_us == c->since_us;

    free(text);
    return is_ours;
}

void counters_fini(struct counters *c)
{
    free(c->handed);
    c->handed = NULL;
    if (c->m == NULL || c->phase == COUNTERS_OFF)
        return;
    timer_stop(loop_timers(c->m->loop), &c->timer);
    if (counters_want_directory(c) && manager_data_dir(c->m) != NULL && is_file_ours(c))
        move(c, COUNTERS_WAITING, "nobody has the directory");
    if (c->phase != COUNTERS_RELEASED)
        write_at_once(c);
    move(c, COUNTERS_OFF, "nothing is counted any more");
}
