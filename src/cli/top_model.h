/* top_model.h - what `weldr top` knows of a Weldr: the lists, the numbers of the node, and how
 * its API responds. top_fill.c fills it in from documents of the API; pure.
 *
 * Times are seconds: wall_s since 1970, mono_s of a clock that is never set.
 */
#ifndef WELDR_CLI_TOP_MODEL_H
#define WELDR_CLI_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/doc.h"
#include "cli/top_list.h"

enum {
    TOP_SAMPLES_MAX = 300, /* a second each: what the API keeps */
    TOP_POINTS_MAX = 60,   /* ten seconds each */
    TOP_LINES_MAX = 256,
    TOP_NAME_BYTES = 256,
    TOP_WHY_BYTES = 256
};

/* The numbers of the node; NAN: not known yet. */
struct top_numbers {
    double rate, failed_percent, half_us, most_us; /* most: 99 % took no longer */
    double in_flight, clients, workers, revision;
    double sample[TOP_SAMPLES_MAX]; /* requests, the newest last */
    size_t sample_n;
};

/* The last ten minutes of a server or pool. */
struct top_line {
    char key[TOP_NAME_BYTES]; /* "" none */
    double point[TOP_POINTS_MAX];
    size_t point_n;
    double mean_us; /* of the newest point; NAN: it has served nothing */
    uint64_t turn;  /* when it was told: the oldest makes room */
};

/* Whom the API belongs to, and how it responds. */
struct top_node {
    char name[TOP_NAME_BYTES], role[32], health[32], warning[TOP_WHY_BYTES];
};

struct top_link {
    bool is_down;
    double down_since, last_ok;  /* wall_s; last_ok NAN: never */
    char why[TOP_WHY_BYTES];     /* it is down */
    char problem[TOP_WHY_BYTES]; /* what the API refused last; "": nothing */
};

struct top_model {
    struct top_list list[TOP_LISTS];
    struct top_numbers numbers;
    struct top_node node;
    struct top_link link;
    struct top_line line[TOP_LINES_MAX];
    uint64_t line_turn;
    char pool[TOP_NAME_BYTES]; /* whose servers the first list has */
    double pool_total;         /* how many the API says that it has */
    struct doc *server;        /* the one that is looked into; NULL: not here yet */
};

void top_model_init(struct top_model *m);
void top_model_fini(struct top_model *m);
/* Another pool: its servers are not known yet. */
void top_model_choose_pool(struct top_model *m, const char *pool);
/* NULL: it is not known. */
const struct top_line *top_model_line(const struct top_model *m, const char *key);

/* ---- documents of the API; those that return int give WERR_NOMEM ---- */

void top_fill_samples(struct top_model *m, const struct doc *d);
void top_fill_lines(struct top_model *m, const struct doc *d);
void top_fill_stats(struct top_model *m, const struct doc *d, double mono_s);
void top_fill_health(struct top_model *m, const struct doc *d);
/* Pages of the servers: the first one begins the list anew, the last one (without "next")
 * completes it. Takes d. */
int top_fill_servers(struct top_model *m, struct doc *d, bool is_first, double mono_s) MUST_USE;
/* How many servers of this pool are not active. */
void top_fill_troubled(struct top_model *m, const char *pool, const struct doc *d);
/* All others: pools to events. Takes d. */
int top_fill_list(struct top_model *m, enum top_list_id id, struct doc *d) MUST_USE;
/* The server that is looked into; d NULL: another one, which is not here yet. Takes d. */
void top_fill_server(struct top_model *m, struct doc *d);

#endif
