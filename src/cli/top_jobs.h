/* top_jobs.h - what `weldr top` asks next, and what becomes of the response. Pure.
 *
 * One request at a time, and only for what is in sight (top_jobs.def). A list of many servers
 * comes in pages; it is asked for again after the interval, but no sooner than 20 times as long
 * as it took: so a pool of any size costs the manager at most a twentieth of its time. When
 * nobody answers one job tries again every second; at the first response all are due.
 */
#ifndef WELDR_CLI_TOP_JOBS_H
#define WELDR_CLI_TOP_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "cli/top_model.h"
#include "cli/top_ui.h"

enum top_job {
#define JOB(name, every, tabs, help) TOP_JOB_##name,
#include "cli/top_jobs.def"
#undef JOB
    TOP_JOBS
};

enum { TOP_TARGET_BYTES = 2048 };

/* Both clocks. */
struct top_now {
    double mono_s, wall_s;
};

struct top_jobs {
    double interval_s;
    double due_s[TOP_JOBS];     /* mono_s; 0: at once */
    double asked_s;             /* when the current one was */
    enum top_job current;       /* TOP_JOBS: none */
    char cursor[128];           /* of the next page of servers; "": the first */
    double pages_s;             /* when the first page was asked for */
    char pool[TOP_NAME_BYTES];  /* the current job is about this one */
    size_t turn;                /* whose turn it is among those in sight */
    char sight[TOP_NAME_BYTES]; /* what was in sight when lines were asked for */
    unsigned answered;          /* jobs that were answered once: 1U << job */
    enum top_job refused;       /* whose problem the model tells; TOP_JOBS: none */
};

void top_jobs_init(struct top_jobs *j, double interval_s);
/* The target of what is due, which is the current job then. false: nothing is due. */
bool top_jobs_next(struct top_jobs *j, const struct top_model *m, const struct top_ui *u,
                   double mono_s, char target[TOP_TARGET_BYTES]);
/* Seconds until something is due; 0: now. */
double top_jobs_wait(const struct top_jobs *j, const struct top_model *m,
                     const struct top_ui *u, double mono_s);
/* The response to the current job: status as call_run has it. */
void top_jobs_take(struct top_jobs *j, struct top_model *m, const struct top_ui *u, int status,
                   struct span text, struct top_now now);
/* Counters have to be asked for again: rates need two looks at them. */
void top_jobs_look_again(struct top_jobs *j);
/* Has all that is in sight been answered, or is nobody there? */
bool top_jobs_is_complete(const struct top_jobs *j, const struct top_model *m,
                          const struct top_ui *u);

#endif
