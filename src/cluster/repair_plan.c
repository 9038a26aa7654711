#include "cluster/repair_plan.h"

#include <stdlib.h>

#include "cluster/image.h"
#include "cluster/segment.h"

struct looking {
    struct repair_plan *p;
    const struct high_water_mark *mark;
    uint64_t next; /* the first entry of the open segment that comes next; 0: nobody knows */
    uint64_t open_number; /* of the open segment before; 0: none */
};

static void note_seen(struct repair_plan *p, uint64_t index, uint64_t term)
{
    if (index > p->seen)
        p->seen = index;
    if (term > p->term)
        p->term = term;
}

/* *len 0: it can't be read, which is damage like any other. */
static int read_file(struct repair_plan *p, size_t i, size_t *len)
{
    const int rc = log_files_read(&p->in, p->in.files[i].name, len);

    if (rc < 0)
        *len = 0;
    return rc == WERR_NOMEM ? rc : 0;
}

/* ---- segments ---- */

static bool is_other_entry(const struct looking *k, const struct segment *seg)
{
    const struct high_water_mark *mark = k->mark;

    return seg->watched_term != 0 &&
           ((mark->term != 0 && mark->term != seg->watched_term) ||
            (mark->checksum != 0 && mark->checksum != seg->watched_checksum));
}

/* How many entries of it count, from first on: at most so many. */
static int walk(struct looking *k, size_t i, uint64_t first, uint64_t max, struct segment *seg)
{
    struct repair_file *f = &k->p->files[i];
    size_t len;
    const int rc = read_file(k->p, i, &len);

    if (rc < 0)
        return rc;
    segment_walk(span_from(k->p->in.bytes, len),
                 k->mark->index >= first ? k->mark->index - first + 1 : 0, seg);
    if (seg->entries_n > max || is_other_entry(k, seg))
        *seg = (struct segment){.end = SEGMENT_BAD};
    *f = (struct repair_file){.first = first,
                              .last = first + seg->entries_n - 1,
                              .term = seg->last_term,
                              .bytes = seg->offset};
    if (seg->entries_n > 0)
        note_seen(k->p, f->last, f->term);
    return 0;
}

static int look_at_closed(struct looking *k, size_t i)
{
    const uint64_t first = k->p->in.files[i].numbers[0], last = k->p->in.files[i].numbers[1];
    struct segment seg;

    if (first == 0 || last < first)
        return 0;
    const int rc = walk(k, i, first, last - first + 1, &seg);
    if (rc < 0)
        return rc;
    k->p->files[i].is_exact = seg.end == SEGMENT_WHOLE && seg.entries_n == last - first + 1;
    note_seen(k->p, last, 0);
    k->next = last + 1;
    return 0;
}

/* Behind one that is damaged, or is missing, nobody knows what number an entry has. */
static int look_at_open(struct looking *k, size_t i)
{
    const uint64_t number = k->p->in.files[i].numbers[0];
    const bool is_behind_gap = k->open_number != 0 && number != k->open_number + 1;
    struct segment seg;

    const uint64_t first = is_behind_gap ? 0 : k->next;
    const int rc = walk(k, i, first != 0 ? first : 1, UINT64_MAX, &seg);
    if (rc < 0)
        return rc;
    struct repair_file *f = &k->p->files[i];
    if (seg.end != SEGMENT_BAD && seg.entries_n == 0) {
        f->fate = REPAIR_FORGET;
        return 0;
    }
    if (first == 0)
        *f = (struct repair_file){0};
    k->next = first == 0 || seg.end == SEGMENT_BAD ? 0 : first + seg.entries_n;
    k->open_number = number;
    return 0;
}

static int look_at_segments(struct looking *k)
{
    const struct log_files *in = &k->p->in;
    int rc = 0;

    for (size_t i = 0; i < in->n && rc == 0; i++)
        if (in->files[i].kind == LOG_FILE_CLOSED)
            rc = look_at_closed(k, i);
    for (size_t i = 0; i < in->n && rc == 0; i++)
        if (in->files[i].kind == LOG_FILE_OPEN)
            rc = look_at_open(k, i);
    return rc;
}

/* ---- snapshots ---- */

static int look_at_meta(struct repair_plan *p, size_t i)
{
    size_t len;
    const int rc = read_file(p, i, &len);

    if (rc == 0)
        p->files[i].is_exact = log_file_meta(span_from(p->in.bytes, len)) == 0;
    return rc;
}

static int look_at_snapshot(struct looking *k, size_t i)
{
    struct repair_plan *p = k->p;
    const struct log_file *f = &p->in.files[i];
    const struct log_file *meta = log_files_other(&p->in, f);
    struct image image = {0};
    size_t len;

    if (meta == NULL)
        return 0;
    note_seen(p, f->numbers[1], f->numbers[0]);
    const size_t m = (size_t)(meta - p->in.files);
    int rc = look_at_meta(p, m);
    if (rc == 0)
        rc = read_file(p, i, &len);
    if (rc < 0)
        return rc;
    p->files[m].is_exact = p->files[m].is_exact &&
                           image_open(span_from(p->in.bytes, len), &image) == 0 &&
                           image.index == f->numbers[1];
    p->files[i].is_exact = p->files[m].is_exact;
    k->next = f->numbers[1] + 1;
    return 0;
}

/* Before segments are: without closed ones the open ones begin behind the latest snapshot,
 * whole or not. */
static int look_at_snapshots(struct looking *k)
{
    const struct log_files *in = &k->p->in;
    int rc = 0;

    for (size_t i = 0; i < in->n && rc == 0; i++)
        if (in->files[i].kind == LOG_FILE_SNAPSHOT)
            rc = look_at_snapshot(k, i);
    return rc;
}

/* ---- the choice ---- */

/* The last entry that one gets to from there; keeps: files on the way are. */
static uint64_t follow(struct repair_plan *p, uint64_t from, bool keeps)
{
    uint64_t at = from, term = 0;

    for (size_t i = 0; i < p->in.n && p->in.files[i].kind <= LOG_FILE_OPEN; i++) {
        struct repair_file *f = &p->files[i];
        const bool is_next = at == from ? f->first <= at + 1 : f->first == at + 1;

        if (f->last <= at || f->first == 0 || !is_next || f->term < term)
            continue;
        at = f->last;
        term = f->term;
        if (keeps)
            f->fate = f->is_exact ? REPAIR_KEEP : REPAIR_CUT;
        if (keeps)
            p->last_term = term;
    }
    return at;
}

static void try_from(struct repair_plan *p, uint64_t from, uint64_t term)
{
    const uint64_t end = follow(p, from, false);

    if (end < p->last || (end == p->last && from <= p->snapshot))
        return;
    p->snapshot = from;
    p->last = end;
    p->last_term = term;
}

static void choose(struct repair_plan *p)
{
    p->last = follow(p, 0, false);
    for (size_t i = 0; i < p->in.n; i++)
        if (p->in.files[i].kind == LOG_FILE_SNAPSHOT && p->files[i].is_exact)
            try_from(p, p->in.files[i].numbers[1], p->in.files[i].numbers[0]);
    (void)follow(p, p->snapshot, true);
    for (size_t i = 0; i < p->in.n; i++)
        if (p->in.files[i].kind >= LOG_FILE_SNAPSHOT && p->files[i].is_exact)
            p->files[i].fate = REPAIR_KEEP;
}

int repair_plan_make(struct repair_plan *p, int dir_fd, const struct high_water_mark *mark)
{
    struct looking k = {.p = p, .mark = mark, .next = 1};

    *p = (struct repair_plan){.in.dir_fd = dir_fd, .seen = mark->index, .term = mark->term};
    int rc = log_files_list(&p->in);
    if (rc < 0)
        return rc;
    p->files = calloc(p->in.n + 1, sizeof(*p->files));
    if (p->files == NULL)
        return WERR_NOMEM;
    rc = look_at_snapshots(&k);
    if (rc == 0)
        rc = look_at_segments(&k);
    if (rc == 0)
        choose(p);
    return rc;
}

void repair_plan_free(struct repair_plan *p)
{
    log_files_free(&p->in);
    free(p->files);
    p->files = NULL;
}
