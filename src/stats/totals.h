/* totals.h - what a node has counted, as text for a file, so that its next start goes on from
 * there.
 *
 *     weldr-counters 1 1764432000000000 1764432900000000
 *     node 0 0000000000000000 count.requests=17 end.OK=17 latency.0=17 latency.1=9230
 *     listener 0 00112233445566ff count.requests=17 class.2=17
 *     rule 9 00112233445566ff count.requests=17
 *     pool 0 ffeeddccbbaa9988 count.requests=17 class.2=17 total.1=17 total.15=9230
 *     server 12 0123456789abcdef count.success=17
 *     fedcba9876543210
 *
 * The first line says format, since when the counters count, and when this was written: wall
 * clock in microseconds. Each line after it is an object that has counted something: its kind,
 * its id, a hash of its name, and the numbers that are not 0. A number is named by a group and
 * a place in it: a word of a .def table, or how many are before it. The last line is a
 * checksum: XXH3 of each line, with that of the line before as its seed, so that a text can be
 * written in pieces. Gauges are not kept.
 *
 * Words that are not known are passed over, so that a Weldr with other counters reads what it
 * can. A group without words (buckets, classes) keeps its layout within a format. Pure;
 * manager/counters.h writes and reads the file.
 */
#ifndef WELDR_STATS_TOTALS_H
#define WELDR_STATS_TOTALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum stats_total_kind {
    STATS_TOTAL_NODE,
    STATS_TOTAL_LISTENER,
    STATS_TOTAL_RULE,
    STATS_TOTAL_POOL,
    STATS_TOTAL_SERVER,
    STATS_TOTAL_KINDS
};

enum { STATS_TOTAL_MAX = 400 }; /* numbers of an object: the node has most */

/* All numbers of an object: those of its groups (stats_int.h), one behind the other. */
struct stats_total {
    uint8_t kind; /* enum stats_total_kind */
    uint64_t id;
    uint64_t name; /* hash: with the id it tells the object from others, of other lives too */
    uint64_t n[STATS_TOTAL_MAX];
};

/* A text that is written. Zeroed: none. */
struct stats_totals {
    char *bytes;
    size_t len, cap;
    uint64_t checksum; /* of all lines so far */
    bool has_failed;   /* for want of memory */
};

void stats_totals_begin(struct stats_totals *t, uint64_t since_us, uint64_t at_us);
/* One that has counted nothing is left out. */
void stats_totals_add(struct stats_totals *t, const struct stats_total *one);
/* What was not taken yet, until the next call: so a long text is written piece by piece. */
struct span stats_totals_take(struct stats_totals *t);
/* The last line. *text: what was not taken yet, here too. WERR_NOMEM: what was is of no use. */
int stats_totals_end(struct stats_totals *t, struct span *text) MUST_USE;
void stats_totals_free(struct stats_totals *t); /* and zeroes it */

/* A text that is read. */
struct stats_totals_head {
    uint64_t since_us, at_us;
    struct span lines; /* that are left, of the text */
};

/* All of it is checked. WERR_CORRUPT: stats_totals_end never gave that; WERR_UNSUPPORTED: a
 * whole text of another format. */
int stats_totals_open(struct span text, struct stats_totals_head *head) MUST_USE;
/* The next object; false: there is none. Of a kind that is not known none is told. */
bool stats_totals_next(struct stats_totals_head *head, struct stats_total *one) MUST_USE;

#endif
