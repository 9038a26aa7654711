#include "cli/top_jobs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strb.h"
#include "cli/args.h"

enum { PAGE_ROWS = 1000, EVENTS_N = 300, LINES_N = 64, PAGES_SHARE = 20 };
static const double retry_s = 1, sight_s = 0.2;

static const struct {
    double every_s;
    unsigned tabs;
} jobs[TOP_JOBS] = {
#define JOB(name, every, tabs, help) {(every) / 1000.0, tabs},
#define ALL                          ~0U
#include "cli/top_jobs.def"
#undef ALL
#undef JOB
};

void top_jobs_init(struct top_jobs *j, double interval_s)
{
    memset(j, 0, sizeof(*j));
    j->interval_s = interval_s;
    j->current = j->refused = TOP_JOBS;
}

/* ---- what is due ---- */

static bool is_wanted(enum top_job job, const struct top_ui *u)
{
    const bool is_server = u->mode == TOP_MODE_DETAIL && u->tab == TOP_SERVERS;

    if ((jobs[job].tabs & 1U << u->tab) == 0)
        return false;
    if (job == TOP_JOB_SERVER)
        return is_server;
    return !is_server || job != TOP_JOB_SERVERS;
}

/* Where the list stands: other rows have other lines. */
static void say_sight(const struct top_model *m, const struct top_ui *u, char *buf, size_t size)
{
    const struct top_list *l = &m->list[u->tab];
    const size_t first = u->tabs[u->tab].first;

    (void)snprintf(buf, size, "%d %d %s", (int)u->tab, (int)u->mode,
                   first < l->shown_n ? top_list_shown(l, first)->key : "");
}

static double due_of(const struct top_jobs *j, enum top_job job, const struct top_model *m,
                     const struct top_ui *u)
{
    char sight[TOP_NAME_BYTES];

    if (job != TOP_JOB_LINES)
        return j->due_s[job];
    say_sight(m, u, sight, sizeof(sight));
    if (strcmp(sight, j->sight) == 0 || j->due_s[job] == 0)
        return j->due_s[job];
    return fmin(j->due_s[job], j->due_s[job] - jobs[job].every_s + sight_s);
}

/* The one that has been due for the longest time. */
static enum top_job first_due(const struct top_jobs *j, const struct top_model *m,
                              const struct top_ui *u, double *due_s)
{
    enum top_job first = TOP_JOBS;

    *due_s = INFINITY;
    for (int i = 0; i < TOP_JOBS; i++) {
        const enum top_job job = (enum top_job)i;
        const double due = is_wanted(job, u) ? due_of(j, job, m, u) : INFINITY;

        if (due < *due_s) {
            *due_s = due;
            first = job;
        }
        if (m->link.is_down)
            break; /* one is enough to see whether it is back */
    }
    return first;
}

double top_jobs_wait(const struct top_jobs *j, const struct top_model *m,
                     const struct top_ui *u, double mono_s)
{
    double due_s;

    if (u->is_paused || j->current != TOP_JOBS)
        return INFINITY;
    (void)first_due(j, m, u, &due_s);
    return fmax(0, due_s - mono_s);
}

/* ---- targets ---- */

static void add_pool_path(struct strb *b, const char *pool)
{
    strb_add_str(b, "/pools/");
    args_add_escaped(b, pool);
    strb_add_str(b, "/servers");
}

static void add_servers(struct top_jobs *j, const struct top_model *m, struct strb *b,
                        double mono_s)
{
    if (j->cursor[0] == '\0' || strcmp(j->pool, m->pool) != 0) {
        j->cursor[0] = '\0';
        j->pages_s = mono_s;
    }
    (void)snprintf(j->pool, sizeof(j->pool), "%s", m->pool);
    add_pool_path(b, m->pool);
    strb_addf(b, "?limit=%d&fields=id,url,state,reason,since,weight,in_flight,success,failed",
              PAGE_ROWS);
    if (j->cursor[0] != '\0') {
        strb_add_str(b, "&cursor=");
        args_add_escaped(b, j->cursor);
    }
}

/* Those in sight, as many as one request may name; of more rows each time others. */
static bool add_lines(struct top_jobs *j, const struct top_model *m, const struct top_ui *u,
                      struct strb *b)
{
    const struct top_list *l = &m->list[u->tab];
    const size_t first = u->tabs[u->tab].first;
    const size_t n = l->shown_n > first ? l->shown_n - first : 0;
    const size_t sight_n = n < u->fit_n ? n : u->fit_n;
    const char *before = u->tab == TOP_POOLS ? "pools=" : "servers=";

    say_sight(m, u, j->sight, sizeof(j->sight));
    strb_add_str(b, "/stats/samples?");
    if (u->mode == TOP_MODE_DETAIL) {
        strb_addf(b, "servers=%s", u->detail);
        return u->tab == TOP_SERVERS;
    }
    const size_t skip = sight_n > LINES_N ? j->turn++ * LINES_N % sight_n : 0;
    for (size_t i = skip; i < sight_n && i < skip + LINES_N && b->len < 900; i++) {
        strb_add_str(b, before);
        args_add_escaped(b, top_list_shown(l, first + i)->key);
        before = ",";
    }
    return sight_n > 0;
}

static bool add_troubled(struct top_jobs *j, const struct top_model *m, const struct top_ui *u,
                         struct strb *b)
{
    const struct top_list *l = &m->list[TOP_POOLS];
    const size_t first = u->tabs[TOP_POOLS].first;
    const size_t n = l->shown_n > first ? l->shown_n - first : 0;
    const size_t sight_n = n < u->fit_n ? n : u->fit_n;

    if (sight_n == 0)
        return false;
    (void)snprintf(j->pool, sizeof(j->pool), "%s",
                   top_list_shown(l, first + j->turn++ % sight_n)->key);
    add_pool_path(b, j->pool);
    strb_addf(b, "?state=down,ejected,initial,draining,maintenance,standby&limit=%d&fields=id",
              PAGE_ROWS);
    return true;
}

static bool add_target(struct top_jobs *j, enum top_job job, const struct top_model *m,
                       const struct top_ui *u, struct strb *b, double mono_s)
{
    static const char *const plain[TOP_JOBS] = {[TOP_JOB_STATS] = "/stats",
                                                [TOP_JOB_HEALTH] = "/health",
                                                [TOP_JOB_CLUSTER] = "/cluster",
                                                [TOP_JOB_POOLS] = "/pools",
                                                [TOP_JOB_VIPS] = "/vips",
                                                [TOP_JOB_WORKERS] = "/workers",
                                                [TOP_JOB_CERTIFICATES] = "/certificates"};

    switch (job) {
    case TOP_JOB_SAMPLES:
        strb_addf(b, "/stats/samples?step=1&limit=%zu", u->bars_n);
        return true;
    case TOP_JOB_SERVERS:
        add_servers(j, m, b, mono_s);
        return true;
    case TOP_JOB_LINES:
        return add_lines(j, m, u, b);
    case TOP_JOB_TROUBLED:
        return add_troubled(j, m, u, b);
    case TOP_JOB_EVENTS:
        strb_addf(b, "/events?limit=%d", EVENTS_N);
        return true;
    case TOP_JOB_SERVER:
        add_pool_path(b, m->pool);
        strb_add_char(b, '/');
        args_add_escaped(b, u->detail);
        return true;
    default:
        strb_add_str(b, plain[job]);
        return true;
    }
}

static void plan_again(struct top_jobs *j, enum top_job job, double mono_s)
{
    j->due_s[job] = mono_s + fmax(jobs[job].every_s, j->interval_s);
}

bool top_jobs_next(struct top_jobs *j, const struct top_model *m, const struct top_ui *u,
                   double mono_s, char target[TOP_TARGET_BYTES])
{
    double due_s;
    struct strb b;

    while (!u->is_paused && j->current == TOP_JOBS) {
        const enum top_job job = first_due(j, m, u, &due_s);

        if (job == TOP_JOBS || due_s > mono_s)
            return false;
        strb_init(&b, target, TOP_TARGET_BYTES);
        plan_again(j, job, mono_s);
        if (!add_target(j, job, m, u, &b, mono_s)) {
            j->answered |= 1U << job; /* there is nothing to ask */
            continue;
        }
        j->current = job;
        j->asked_s = mono_s;
        return true;
    }
    return false;
}

/* ---- responses ---- */

/* The next page at once, or the first one when it has been long enough. */
static int take_servers(struct top_jobs *j, struct top_model *m, struct doc *d, double mono_s)
{
    const bool is_first = j->cursor[0] == '\0';
    char *next = doc_text(doc_get(d, "next"));

    if (strcmp(j->pool, m->pool) != 0) { /* another one is wanted by now */
        j->cursor[0] = '\0';
        j->due_s[TOP_JOB_SERVERS] = 0;
        doc_free(d);
        free(next);
        return 0;
    }
    const bool is_last = next == NULL || strcmp(next, "-") == 0;
    (void)snprintf(j->cursor, sizeof(j->cursor), "%s", is_last ? "" : next);
    free(next);
    const double took_s = mono_s - j->pages_s;
    j->due_s[TOP_JOB_SERVERS] =
        is_last ? fmax(j->pages_s + j->interval_s, mono_s + PAGES_SHARE * took_s) : 0;
    if (!is_last)
        j->answered &= ~(1U << TOP_JOB_SERVERS);
    return top_fill_servers(m, d, is_first, mono_s);
}

/* Takes d. */
static int take_document(struct top_jobs *j, struct top_model *m, const struct top_ui *u,
                         struct doc *d, double mono_s)
{
    static const enum top_list_id list[TOP_JOBS] = {
        [TOP_JOB_POOLS] = TOP_POOLS,   [TOP_JOB_CLUSTER] = TOP_MEMBERS,
        [TOP_JOB_VIPS] = TOP_VIPS,     [TOP_JOB_CERTIFICATES] = TOP_CERTIFICATES,
        [TOP_JOB_EVENTS] = TOP_EVENTS, [TOP_JOB_WORKERS] = TOP_WORKERS,
    };

    switch (j->current) {
    case TOP_JOB_SERVERS:
        return take_servers(j, m, d, mono_s);
    case TOP_JOB_SERVER:
        if (u->mode == TOP_MODE_DETAIL)
            top_fill_server(m, d);
        else
            doc_free(d);
        return 0;
    case TOP_JOB_SAMPLES:
        top_fill_samples(m, d);
        break;
    case TOP_JOB_STATS:
        top_fill_stats(m, d, mono_s);
        break;
    case TOP_JOB_HEALTH:
        top_fill_health(m, d);
        break;
    case TOP_JOB_LINES:
        top_fill_lines(m, d);
        break;
    case TOP_JOB_TROUBLED:
        top_fill_troubled(m, j->pool, d);
        break;
    default:
        return top_fill_list(m, list[j->current], d);
    }
    doc_free(d);
    return 0;
}

static void say_problem(struct top_jobs *j, struct top_link *link, int status,
                        const struct doc *d)
{
    char *detail = doc_text(doc_get(d, "detail"));

    if (status == 401)
        (void)snprintf(link->problem, sizeof(link->problem),
                       "401: no token that it knows (--token-file, WELDR_TOKEN)");
    else
        (void)snprintf(link->problem, sizeof(link->problem), "%d: %s", status,
                       detail != NULL ? detail : "");
    free(detail);
    j->refused = j->current;
}

/* What was refused is granted by now, or wanted no more. */
static void forget_problem(struct top_jobs *j, struct top_link *link, const struct top_ui *u,
                           bool is_refused)
{
    if (j->refused == TOP_JOBS ||
        (is_wanted(j->refused, u) && (j->refused != j->current || is_refused)))
        return;
    link->problem[0] = '\0';
    j->refused = TOP_JOBS;
}

static void say_down(struct top_jobs *j, struct top_link *link, const char *why,
                     struct top_now now)
{
    (void)snprintf(link->why, sizeof(link->why), "%s", why);
    if (!link->is_down)
        link->down_since = isnan(link->last_ok) ? now.wall_s : link->last_ok;
    link->is_down = true;
    j->cursor[0] = '\0';
    for (int i = 0; i < TOP_JOBS; i++)
        j->due_s[i] = fmax(now.mono_s, j->asked_s + retry_s);
}

static void say_up(struct top_jobs *j, struct top_link *link, double wall_s)
{
    if (link->is_down)
        memset(j->due_s, 0, sizeof(j->due_s));
    link->is_down = false;
    link->last_ok = wall_s;
}

/* Takes d. */
static void take_response(struct top_jobs *j, struct top_model *m, const struct top_ui *u,
                          int status, struct doc *d, double mono_s)
{
    const bool is_refused = status != 200 && j->current != TOP_JOB_HEALTH;

    j->answered |= 1U << j->current;
    forget_problem(j, &m->link, u, is_refused);
    if (is_refused) {
        say_problem(j, &m->link, status, d);
        doc_free(d);
        if (j->current == TOP_JOB_SERVERS)
            j->cursor[0] = '\0';
        return;
    }
    const int rc = take_document(j, m, u, d, mono_s);
    if (rc < 0)
        (void)snprintf(m->link.problem, sizeof(m->link.problem), "%s", werr_text(rc));
}

void top_jobs_take(struct top_jobs *j, struct top_model *m, const struct top_ui *u, int status,
                   struct span text, struct top_now now)
{
    char why[TOP_WHY_BYTES];
    struct doc *d = status > 0 ? doc_parse(text, why, sizeof(why)) : NULL;

    MUST(j->current < TOP_JOBS);
    if (d == NULL) {
        say_down(j, &m->link, status <= 0 ? werr_text(status) : "no JSON: no API of a weldr",
                 now);
    } else {
        say_up(j, &m->link, now.wall_s);
        take_response(j, m, u, status, d, now.mono_s);
    }
    j->current = TOP_JOBS;
}

void top_jobs_look_again(struct top_jobs *j)
{
    j->answered &= ~(1U << TOP_JOB_SERVERS | 1U << TOP_JOB_STATS);
}

bool top_jobs_is_complete(const struct top_jobs *j, const struct top_model *m,
                          const struct top_ui *u)
{
    if (m->link.is_down)
        return true;
    for (int i = 0; i < TOP_JOBS; i++)
        if (is_wanted((enum top_job)i, u) && (j->answered & 1U << i) == 0)
            return false;
    return true;
}
