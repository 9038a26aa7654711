#include "manager/hints.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "cluster/small_file.h"
#include "health/hint.h"
#include "log/log.h"
#include "manager/manager.h"

enum { US_PER_MS = 1000 };

static const char file_name[] = "health";

/* ---- written ---- */

/* What waits for its first pass does so after a restart too. */
static bool is_down(const struct facts_addr *a)
{
    return !a->rule.up && !a->rule.waits;
}

static void add_server(struct health_hints *all, const struct server_facts *f)
{
    const struct facts_addr *a;

    if (!f->is_checked || f->removed != NULL)
        return;
    TAILQ_FOREACH (a, &f->addrs, entry)
        if (is_down(a) && all->n < HEALTH_HINTS_MAX)
            all->list[all->n++] = (struct health_hint){f->id, f->check_settings, a->addr};
}

/* NULL: no memory. */
static struct health_hints *collect(const struct manager *m)
{
    struct health_hints *all = health_hints_new(HEALTH_HINTS_MAX);
    const struct server_facts *f = NULL;

    if (all == NULL)
        return NULL;
    all->at_us = loop_wall_us(m->loop);
    while ((f = facts_next(&m->facts, f)) != NULL)
        add_server(all, f);
    return all;
}

static int write_file(struct manager *m, const struct health_hints *all)
{
    char *text = fault_malloc(health_hints_room(all->n));

    if (text == NULL)
        return WERR_NOMEM;
    const size_t len = health_hints_write(all, text);
    const int rc = small_file_put(m->data_dir.fd, file_name, span_from(text, len));
    free(text);
    return rc;
}

static int remove_file(struct manager *m)
{
    return unlinkat(m->data_dir.fd, file_name, 0) == 0 || errno == ENOENT
               ? 0
               : werr_from_errno(errno);
}

static void save(struct hints *h)
{
    struct manager *m = h->m;
    struct health_hints *all = collect(m);
    int rc = WERR_NOMEM;

    MUST(m->data_dir.path != NULL && m->data_dir.fd >= 0); /* not given back yet */
    h->is_soon = false;
    if (all != NULL)
        rc = all->n > 0 ? write_file(m, all) : remove_file(m);
    if (rc < 0)
        log_warn("can't note which servers are down, for the next start",
                 LOG_S("directory", m->data_dir.path), LOG_S("error", werr_text(rc)));
    if (all == NULL || all->n > 0)
        loop_timer_in(m->loop, &h->save, HINTS_RENEW_MS);
    free(all);
}

static void on_save(struct timer *t)
{
    save((struct hints *)((char *)t - offsetof(struct hints, save)));
}

void hints_note(struct manager *m)
{
    struct hints *h = m->hints;

    if (!h->is_begun || h->is_soon)
        return;
    h->is_soon = true;
    loop_timer_in(m->loop, &h->save, HINTS_SAVE_MS);
}

/* ---- read ---- */

static int read_file(const struct manager *m, struct health_hints **all)
{
    const size_t cap = health_hints_room(HEALTH_HINTS_MAX);
    char *text = fault_malloc(cap);
    size_t len = 0;

    if (text == NULL)
        return WERR_NOMEM;
    int rc = small_file_read(m->data_dir.fd, file_name, text, cap, &len);
    if (rc == 0)
        rc = health_hints_read(span_from(text, len), all);
    free(text);
    return rc;
}

/* A clock that was set back makes it too old as well. */
static bool is_too_old(const struct manager *m, const struct health_hints *all)
{
    return loop_wall_us(m->loop) - all->at_us > (uint64_t)HINTS_AGE_MAX_MS * US_PER_MS;
}

static void recall(struct manager *m, const struct health_hints *all)
{
    unsigned down_n = 0;

    MUST(m->checks.hints == NULL);
    m->checks.hints = all;
    for (unsigned i = 0; i < all->n; i++) {
        struct server_facts *f = facts_find(&m->facts, all->list[i].server_id);

        if (f != NULL)
            down_n += checks_recall(&m->checks, f);
    }
    if (down_n > 0)
        log_info("servers that were down before the restart stay down until a check passes",
                 LOG_U("servers", down_n));
}

static void forget(struct hints *h)
{
    MUST(h->m->checks.hints == NULL || h->m->checks.hints == h->recalled);
    h->m->checks.hints = NULL;
    free(h->recalled);
    h->recalled = NULL;
}

static void on_forget(struct timer *t)
{
    forget((struct hints *)((char *)t - offsetof(struct hints, forget)));
}

void hints_begin(struct manager *m)
{
    struct hints *h = m->hints;

    if (manager_data_dir(m) == NULL || h->is_begun)
        return;
    MUST(h->recalled == NULL && m->checks.hints == NULL); /* once in a life */
    h->is_begun = true;
    const int rc = read_file(m, &h->recalled);
    if (rc == WERR_NOT_FOUND)
        return;
    if (rc < 0)
        log_warn("which servers were down before the restart is not known: all count as new",
                 LOG_S("directory", m->data_dir.path), LOG_S("file", file_name),
                 LOG_S("error", werr_text(rc)));
    else if (is_too_old(m, h->recalled))
        forget(h);
    else
        recall(m, h->recalled);
    loop_timer_in(m->loop, &h->forget, HINTS_HELD_MS);
    hints_note(m);
}

/* ---- life ---- */

void hints_init(struct hints *h, struct manager *m)
{
    *h = (struct hints){.m = m};
    m->hints = h;
    timer_init(&h->save, on_save);
    timer_init(&h->forget, on_forget);
}

void hints_end(struct manager *m)
{
    struct hints *h = m->hints;

    if (!h->is_begun)
        return;
    save(h);
    h->is_begun = false;
    timer_stop(loop_timers(m->loop), &h->save);
}

void hints_fini(struct hints *h)
{
    if (h->m == NULL)
        return;
    h->is_begun = false;
    timer_stop(loop_timers(h->m->loop), &h->save);
    timer_stop(loop_timers(h->m->loop), &h->forget);
    forget(h);
}
