#include "cluster/segments.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cluster/image.h"
#include "cluster/log_files.h"
#include "cluster/segment.h"

/* libraft reads the checksums and the number of entries of a batch before it looks at them. */
enum { BATCH_BYTES_MIN = 16 };

/* One look through a directory. */
struct look {
    struct log_files in;
    const char *path;
    const struct high_water_mark *mark;
    struct segments *s;
    struct strb *wrong;
    uint64_t next;            /* index behind the entries so far */
    uint64_t marked_term;     /* of the entry that the mark is of; 0: it wasn't met */
    uint64_t marked_checksum; /* 0: not known, or it is no command */
    bool has_marked;          /* it was met in a segment */
};

static void name_file(struct look *l, const char *name, uint64_t offset)
{
    if (name != l->s->file)
        memcpy(l->s->file, name, strlen(name) + 1); /* a log_file's, or a short one of ours */
    l->s->offset = offset;
}

static void say_way_out(struct look *l)
{
    strb_addf(l->wrong, "; %s", data_dir_way_out);
}

static int say_damaged(struct look *l, const char *name, uint64_t offset, const char *what)
{
    name_file(l, name, offset);
    strb_addf(l->wrong, "%s/%s: is damaged at byte %" PRIu64 " (%s)", l->path, name, offset,
              what);
    say_way_out(l);
    return WERR_CORRUPT;
}

/* The format itself has no checksum: it may be the damage. */
static int say_later(struct look *l, const char *name)
{
    strb_addf(l->wrong,
              "%s/%s: is of a later format; start a later Weldr, or, if none was here", l->path,
              name);
    say_way_out(l);
    return WERR_UNSUPPORTED;
}

static int say_error(struct look *l, const char *name, int rc)
{
    if (rc == WERR_UNSUPPORTED)
        return say_later(l, name);
    strb_addf(l->wrong, "%s/%s: %s", l->path, name, werr_text(rc));
    return rc;
}

static int list_files(struct look *l)
{
    const int rc = log_files_list(&l->in);

    return rc < 0 ? say_error(l, ".", rc) : 0;
}

/* One of the two; one that is shorter than it should be was never whole: the engine takes it
 * for one that isn't there. */
static int read_vote(struct look *l, const char *name, struct vote *vote, bool *has)
{
    size_t len = 0;
    int rc = log_files_read(&l->in, name, &len);

    *has = rc == 0;
    if (rc == WERR_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = log_file_vote(span_from(l->in.bytes, len), vote);
    if (rc == WERR_EOF)
        *has = false;
    if (rc == WERR_CORRUPT)
        return say_damaged(l, name, 0, "a vote that is none");
    return rc < 0 && rc != WERR_EOF ? say_error(l, name, rc) : 0;
}

static int read_votes(struct look *l)
{
    struct vote votes[2];
    bool has[2];
    int rc = read_vote(l, "metadata1", &votes[0], &has[0]);

    if (rc == 0)
        rc = read_vote(l, "metadata2", &votes[1], &has[1]);
    if (rc < 0)
        return rc;
    const char *what = log_file_votes(votes, has, &l->s->vote);
    return what == NULL ? 0 : say_damaged(l, has[0] ? "metadata1" : "metadata2", 0, what);
}

static int check_meta(struct look *l, const struct log_file *meta)
{
    size_t len = 0;
    int rc = log_files_read(&l->in, meta->name, &len);

    if (rc == 0)
        rc = log_file_meta(span_from(l->in.bytes, len));
    if (rc == WERR_CORRUPT)
        return say_damaged(l, meta->name, 0, "a wrong checksum");
    return rc < 0 ? say_error(l, meta->name, rc) : 0;
}

static int check_snapshot(struct look *l, const struct log_file *f)
{
    const struct log_file *meta = log_files_other(&l->in, f);
    struct image image = {0};
    size_t len = 0;

    if (meta == NULL)
        return 0;
    int rc = check_meta(l, meta);
    if (rc < 0)
        return rc;
    rc = log_files_read(&l->in, f->name, &len);
    if (rc == 0)
        rc = image_open(span_from(l->in.bytes, len), &image);
    if (rc == WERR_CORRUPT)
        return say_damaged(l, f->name, 0, "a wrong checksum, or cut off");
    if (rc < 0)
        return say_error(l, f->name, rc);
    if (image.index != f->numbers[1])
        return say_damaged(l, f->name, 0, "it is the snapshot of another index");
    l->s->snapshot_term = f->numbers[0];
    l->s->snapshot_index = f->numbers[1];
    return 0;
}

static int check_snapshots(struct look *l)
{
    int rc = 0;

    for (size_t i = 0; i < l->in.n && rc == 0; i++)
        if (l->in.files[i].kind == LOG_FILE_SNAPSHOT)
            rc = check_snapshot(l, &l->in.files[i]);
    return rc;
}

static int walk_file(struct look *l, const struct log_file *f, uint64_t first,
                     struct segment *seg, size_t *len)
{
    const int rc = log_files_read(&l->in, f->name, len);

    if (rc < 0)
        return say_error(l, f->name, rc);
    segment_walk(span_from(l->in.bytes, *len),
                 l->mark->index >= first ? l->mark->index - first + 1 : 0, seg);
    if (seg->watched_term != 0) {
        l->marked_term = seg->watched_term;
        l->marked_checksum = seg->watched_checksum;
        l->has_marked = true;
    }
    if (seg->entries_n > 0)
        l->s->last_term = seg->last_term;
    return 0;
}

static int check_closed(struct look *l, const struct log_file *f)
{
    struct segment seg;
    size_t len = 0;
    int rc = walk_file(l, f, f->numbers[0], &seg, &len);

    if (rc < 0)
        return rc;
    if (seg.end == SEGMENT_BAD)
        return say_damaged(l, f->name, seg.bad_offset, seg.what);
    if (seg.end != SEGMENT_WHOLE || seg.entries_n != f->numbers[1] - f->numbers[0] + 1 ||
        f->numbers[1] < f->numbers[0])
        return say_damaged(l, f->name, seg.offset, "not the entries that its name speaks of");
    if (f->numbers[0] < l->next)
        return say_damaged(l, f->name, 0, "entries that another file has too");
    /* Behind a gap a new log begins: what was before is in a snapshot, or missing. */
    if (f->numbers[0] > l->next || l->s->first_index == 0)
        l->s->first_index = f->numbers[0];
    l->next = f->numbers[1] + 1;
    return 0;
}

/* Without closed segments the open ones begin behind the snapshot. */
static int check_closed_ones(struct look *l)
{
    const char *last = NULL;
    int rc = 0;

    for (size_t i = 0; i < l->in.n && l->in.files[i].kind == LOG_FILE_CLOSED && rc == 0; i++) {
        rc = check_closed(l, &l->in.files[i]);
        last = l->in.files[i].name;
    }
    if (rc < 0)
        return rc;
    if (last == NULL)
        l->next = l->s->snapshot_index + 1;
    else if (l->s->first_index > l->s->snapshot_index + 1)
        return say_damaged(l, last, 0, "a file with the entries before it is missing");
    return 0;
}

/* Told to nobody: no entry up to the mark, and nothing whole came behind it in one write. */
static bool is_torn(const struct look *l, const struct segment *seg)
{
    return l->next > l->mark->index && (!seg->is_followed || seg->has_gap);
}

/* The engine aborts on it: it reads a batch's head where there is none. */
static bool has_short_rest(const struct segment *seg, size_t len)
{
    return seg->end != SEGMENT_BAD && seg->offset < len && len - seg->offset < BATCH_BYTES_MIN;
}

/* Empty ones are allocated for later, and removed one by one when the engine stops. */
static int check_open(struct look *l, const struct log_file *f, const struct log_file *before)
{
    struct segment seg;
    size_t len = 0;
    int rc = walk_file(l, f, l->next, &seg, &len);

    if (rc < 0)
        return rc;
    l->s->is_short = l->s->is_short || has_short_rest(&seg, len);
    if (seg.entries_n == 0 && seg.end != SEGMENT_BAD)
        return 0;
    if (before != NULL && f->numbers[0] != before->numbers[0] + 1)
        return say_damaged(l, f->name, 0, "the file before it is missing");
    if (l->s->is_torn)
        return say_damaged(l, l->s->file, l->s->offset, "and more entries come in later files");
    if (seg.entries_n > 0 && l->s->first_index == 0)
        l->s->first_index = l->next;
    l->next += seg.entries_n;
    if (seg.end != SEGMENT_BAD)
        return 0;
    if (!is_torn(l, &seg))
        return say_damaged(l, f->name, seg.bad_offset, seg.what);
    l->s->is_torn = true;
    name_file(l, f->name, seg.offset);
    return 0;
}

static int check_open_ones(struct look *l)
{
    const struct log_file *before = NULL;
    int rc = 0;

    for (size_t i = 0; i < l->in.n && rc == 0; i++) {
        if (l->in.files[i].kind != LOG_FILE_OPEN)
            continue;
        rc = check_open(l, &l->in.files[i], before);
        before = &l->in.files[i];
    }
    return rc;
}

static void take_last(struct look *l)
{
    struct segments *s = l->s;

    s->last_index = l->next - 1;
    if (s->snapshot_index < s->last_index)
        return;
    if (s->snapshot_index == l->mark->index && l->marked_term == 0)
        l->marked_term = s->snapshot_term;
    if (s->snapshot_index > 0)
        s->last_term = s->snapshot_term;
    s->last_index = s->snapshot_index;
}

/* A mark with a checksum is of a command, and an entry that is none has no checksum. */
static bool is_marked(const struct look *l)
{
    const struct high_water_mark *mark = l->mark;

    return (mark->term == 0 || mark->term == l->marked_term) &&
           (mark->checksum == 0 || !l->has_marked || mark->checksum == l->marked_checksum);
}

static int check_mark(struct look *l)
{
    const struct high_water_mark *mark = l->mark;

    if (l->s->last_index < mark->index) {
        strb_addf(l->wrong,
                  "%s: the log ends at entry %" PRIu64 ", but entry %" PRIu64
                  " was applied: acknowledged writes are lost",
                  l->path, l->s->last_index, mark->index);
        say_way_out(l);
        return WERR_CORRUPT;
    }
    if (l->marked_term == 0 || is_marked(l))
        return 0;
    strb_addf(l->wrong,
              "%s: entry %" PRIu64 " (term %" PRIu64 ") is not the one that was applied (term "
              "%" PRIu64 "): files of another log are among these",
              l->path, mark->index, l->marked_term, mark->term);
    say_way_out(l);
    return WERR_CORRUPT;
}

/* A vote that was changed, or put back, could let two leaders have one term. */
static int check_vote(struct look *l)
{
    const struct vote *vote = &l->s->vote;
    const struct vote *noted = &l->mark->vote;
    const char *name = vote->version % 2 == 1 ? "metadata1" : "metadata2";

    if (vote->version == 0 && l->s->last_index > 0)
        return say_damaged(l, "metadata1", 0, "it is missing beside a log");
    if (vote->term < l->s->last_term || vote->term < l->mark->term)
        return say_damaged(l, name, 0, "a term before the one of the log");
    if (vote->version < noted->version || vote->term < noted->term ||
        (vote->version == noted->version && memcmp(vote, noted, sizeof(*vote)) != 0))
        return say_damaged(l, name, 0, "not the vote that was given");
    return 0;
}

static int look_through(struct look *l)
{
    int rc = list_files(l);

    if (rc == 0)
        rc = read_votes(l);
    if (rc == 0)
        rc = check_snapshots(l);
    if (rc == 0)
        rc = check_closed_ones(l);
    if (rc == 0)
        rc = check_open_ones(l);
    if (rc < 0)
        return rc;
    take_last(l);
    rc = check_mark(l);
    return rc == 0 ? check_vote(l) : rc;
}

int segments_check(int dir_fd, const char *path, const struct high_water_mark *mark,
                   struct segments *s, struct strb *wrong)
{
    struct look l = {
        .in.dir_fd = dir_fd, .path = path, .mark = mark, .s = s, .wrong = wrong, .next = 1};

    *s = (struct segments){0};
    const int rc = look_through(&l);

    log_files_free(&l.in);
    return rc;
}

int segments_vote(int dir_fd, const char *path, struct vote *vote, struct strb *wrong)
{
    struct segments s = {0};
    struct look l = {.in.dir_fd = dir_fd, .path = path, .s = &s, .wrong = wrong};
    const int rc = read_votes(&l);

    log_files_free(&l.in);
    *vote = s.vote;
    return rc;
}

static int cut_file(struct look *l, const char *name, size_t n)
{
    const int fd = openat(l->in.dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    int rc =
        fd >= 0 && ftruncate(fd, (off_t)n) == 0 && fsync(fd) == 0 ? 0 : werr_from_errno(errno);

    if (fd >= 0)
        (void)close(fd);
    return rc < 0 ? say_error(l, name, rc) : 0;
}

/* The torn one, and those with a short rest. */
static int heal_file(struct look *l, const char *name)
{
    struct segment seg;
    size_t len = 0;
    const int rc = log_files_read(&l->in, name, &len);

    if (rc < 0)
        return say_error(l, name, rc);
    segment_walk(span_from(l->in.bytes, len), 0, &seg);
    const bool is_the_torn = l->s->is_torn && strcmp(l->s->file, name) == 0;
    return (is_the_torn && seg.offset < len) || has_short_rest(&seg, len)
               ? cut_file(l, name, seg.offset)
               : 0;
}

int segments_heal(int dir_fd, const char *path, const struct segments *s, struct strb *wrong)
{
    struct segments copy = *s;
    struct look l = {.in.dir_fd = dir_fd, .path = path, .s = &copy, .wrong = wrong};

    if (!s->is_torn && !s->is_short)
        return 0;
    int rc = list_files(&l);

    for (size_t i = 0; i < l.in.n && rc == 0; i++)
        if (l.in.files[i].kind == LOG_FILE_OPEN)
            rc = heal_file(&l, l.in.files[i].name);
    log_files_free(&l.in);
    return rc;
}
