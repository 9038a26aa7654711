#include "cluster/repair.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/seal.h"
#include "cluster/member_file.h"
#include "cluster/node_key.h"
#include "cluster/repair_plan.h"
#include "cluster/segments.h"
#include "cluster/small_file.h"

enum { PATH_BYTES = 512 };

/* One repair. */
struct mending {
    struct data_dir dir;
    bool has_identity; /* false: it is damaged, and known from `member` */
    bool has_mark;
    struct high_water_mark mark;
    int log_fd; /* -1 */
    char log_path[PATH_BYTES];
    struct repair_plan plan;
    int old_fd, old_log_fd; /* DIR/old-DATE, and log in it; -1 */
    struct strb *wrong;
};

static int say(struct mending *m, const char *name, int rc)
{
    strb_addf(m->wrong, "%s/%s: %s", m->dir.path, name, werr_text(rc));
    return rc;
}

/* ---- who the node is ---- */

static int check_is_alone(struct mending *m, const struct member_file *f)
{
    if (f->address_n == 0)
        return 0;
    strb_addf(
        m->wrong,
        "%s: the node is one of several, and the others count on what it has stored: "
        "move it aside (weldr cluster rejoin) and join anew; if most of the others are gone "
        "for good, recover the cluster from one that is whole (weldr cluster recover)",
        m->dir.path);
    return WERR_DENIED;
}

/* What is wrong with it, and no word of the way out that led here. */
static int say_hopeless(struct mending *m, const struct strb *said)
{
    struct span rest = strb_span(said);

    strb_add(m->wrong, span_cut(&rest, ';'));
    strb_add_str(m->wrong,
                 "; what it holds is in no other file: put a copy of it back, or begin "
                 "with an empty directory (weldr cluster rejoin moves this one aside)");
    return WERR_CORRUPT;
}

static int open_member(struct mending *m, struct member_file *f, struct strb *said)
{
    unsigned char *key = seal_memory_new(SEAL_KEY_BYTES);

    if (key == NULL)
        return WERR_NOMEM;
    int rc = m->has_identity ? 0 : member_file_directory(&m->dir, m->dir.identity, said);
    if (rc == 0)
        rc = node_key_open(&m->dir, NULL, key, said);
    if (rc == 0)
        rc = member_file_open(&m->dir, key, f, said);
    seal_memory_free(key);
    return rc;
}

/* Its keys, and the identity if that is lost. */
static int read_member(struct mending *m)
{
    char text[DATA_DIR_WRONG_MAX];
    struct member_file f = {.certificate = NULL};
    struct strb said;

    strb_init(&said, text, sizeof(text));
    int rc = open_member(m, &f, &said);
    if (rc == WERR_CORRUPT)
        return say_hopeless(m, &said);
    if (rc < 0)
        return say(m, "member", rc);
    rc = check_is_alone(m, &f);
    member_file_fini(&f);
    return rc;
}

/* ---- what is damaged ---- */

static int look_at_mark(struct mending *m)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb said;

    strb_init(&said, text, sizeof(text));
    const int rc = high_water_look(&m->dir, &m->mark, &said);
    m->has_mark = rc == 0;
    if (!m->has_mark)
        m->mark = (struct high_water_mark){0};
    return rc == 0 || rc == WERR_CORRUPT ? 0 : say(m, "high_water", rc);
}

/* 0, or as segments_check; its sentence is of no use here. */
static int check_log(struct mending *m, const struct high_water_mark *mark, struct segments *s,
                     struct strb *said, char *text)
{
    strb_init(said, text, DATA_DIR_WRONG_MAX);
    return segments_check(m->log_fd, m->log_path, mark, s, said);
}

static int make_plan(struct mending *m, struct repair *r)
{
    const int rc = repair_plan_make(&m->plan, m->log_fd, &m->mark);

    if (rc < 0)
        return say(m, "log", rc);
    r->last = m->plan.last;
    r->snapshot = m->plan.snapshot;
    r->is_unknown = !m->has_mark;
    if (m->plan.seen > m->plan.last) {
        r->lost_from = m->plan.last + 1;
        r->lost_to = m->plan.seen;
    }
    if (m->plan.last > 0)
        return 0;
    strb_addf(
        m->wrong,
        "%s: no entry and no snapshot in it is whole: put a copy of the log back, or begin "
        "with an empty directory (weldr cluster rejoin moves this one aside)",
        m->log_path);
    return WERR_CORRUPT;
}

/* ---- doing it ---- */

static int fail(struct mending *m, const char *name, const char *what)
{
    const int errnum = errno;

    strb_addf(m->wrong, "%s/%s: can't %s: %s", m->dir.path, name, what, strerror(errnum));
    return werr_from_errno(errnum);
}

/* A copy of one that is to be written anew under its name. */
static int keep_old(struct mending *m, int from, const char *name, int to)
{
    return linkat(from, name, to, name, 0) == 0 || errno == EEXIST || errno == ENOENT
               ? 0
               : fail(m, name, "keep the damaged file");
}

/* Of two names of one file rename does nothing: the other may be a copy that was kept. */
static int move_old(struct mending *m, int from, const char *name, int to)
{
    if (renameat(from, name, to, name) < 0)
        return errno == ENOENT ? 0 : fail(m, name, "move it aside");
    (void)unlinkat(from, name, 0);
    return 0;
}

static int cut(struct mending *m, size_t i)
{
    const struct repair_file *f = &m->plan.files[i];
    const char *old = m->plan.in.files[i].name;
    char name[LOG_FILE_NAME_MAX];
    size_t len;

    log_file_closed(f->first, f->last, name);
    int rc = keep_old(m, m->log_fd, old, m->old_log_fd);
    if (rc < 0)
        return rc;
    rc = log_files_read(&m->plan.in, old, &len);
    if (rc == 0 && len < f->bytes)
        rc = WERR_EOF;
    if (rc == 0)
        rc = small_file_write(m->log_fd, name, span_from(m->plan.in.bytes, f->bytes));
    if (rc < 0)
        return say(m, old, rc);
    return strcmp(name, old) == 0 ? 0 : move_old(m, m->log_fd, old, m->old_log_fd);
}

static int mend_file(struct mending *m, size_t i)
{
    const char *name = m->plan.in.files[i].name;

    switch ((enum repair_fate)m->plan.files[i].fate) {
    case REPAIR_CUT:
        return cut(m, i);
    case REPAIR_DROP:
        return move_old(m, m->log_fd, name, m->old_log_fd);
    case REPAIR_FORGET:
        return unlinkat(m->log_fd, name, 0) == 0 ? 0 : fail(m, name, "remove it");
    case REPAIR_KEEP:
        break;
    }
    return 0;
}

/* What stays is written before anything goes. */
static int mend_log(struct mending *m)
{
    int rc = 0;

    for (size_t i = 0; i < m->plan.in.n && rc == 0; i++)
        if (m->plan.files[i].fate == REPAIR_CUT)
            rc = mend_file(m, i);
    for (size_t i = 0; i < m->plan.in.n && rc == 0; i++)
        if (m->plan.files[i].fate != REPAIR_CUT)
            rc = mend_file(m, i);
    return rc;
}

static bool vote_is_right(const struct mending *m, const struct vote *vote)
{
    const struct vote *noted = &m->mark.vote;

    return vote->version > 0 && vote->term >= m->plan.last_term && vote->term >= m->mark.term &&
           vote->version >= noted->version && vote->term >= noted->term &&
           (vote->version > noted->version || memcmp(vote, noted, sizeof(*vote)) == 0);
}

/* Alone it votes for itself in each new term: a vote that is lost is one of the highest term
 * that anything tells of, given to nobody. */
static int mend_vote(struct mending *m, struct vote *vote)
{
    char text[DATA_DIR_WRONG_MAX];
    uint8_t bytes[LOG_FILE_VOTE_BYTES];
    struct strb said;

    strb_init(&said, text, sizeof(text));
    const int found = segments_vote(m->log_fd, m->log_path, vote, &said);
    if (found == 0 && vote_is_right(m, vote))
        return 0;
    uint64_t term = m->mark.vote.term > m->plan.term ? m->mark.vote.term : m->plan.term;
    if (found == 0 && vote->term > term)
        term = vote->term;
    *vote = (struct vote){.version = 1, .term = term};
    log_file_put_vote(vote, bytes);
    int rc = move_old(m, m->log_fd, "metadata2", m->old_log_fd);
    if (rc == 0)
        rc = keep_old(m, m->log_fd, "metadata1", m->old_log_fd);
    if (rc < 0)
        return rc;
    rc =
        small_file_write(m->log_fd, "metadata1", span_from((const char *)bytes, sizeof(bytes)));
    return rc < 0 ? say(m, "log/metadata1", rc) : 0;
}

static int mend_identity(struct mending *m)
{
    if (m->has_identity)
        return 0;
    const int rc = keep_old(m, m->dir.fd, "identity", m->old_fd);

    m->dir.is_new = true;
    return rc < 0 ? rc : data_dir_settle(&m->dir, m->wrong);
}

/* Last of all: until then the old one refuses a start. */
static int mend_mark(struct mending *m, const struct vote *vote)
{
    const struct high_water_mark mark = {.index = m->plan.last, .vote = *vote};
    char text[DATA_DIR_WRONG_MAX];
    struct segments s;
    struct strb said;

    int rc = check_log(m, &mark, &s, &said, text);
    if (rc < 0) {
        strb_addf(m->wrong, "what was repaired is not whole: %.*s", (int)said.len, said.buf);
        return rc;
    }
    rc = keep_old(m, m->dir.fd, "high_water", m->old_fd);
    if (rc < 0)
        return rc;
    rc = high_water_replace(&m->dir, &mark);
    return rc < 0 ? say(m, "high_water", rc) : 0;
}

static int open_aside(struct mending *m, uint64_t now_s, struct repair *r)
{
    int rc = set_aside_enter(&m->dir, now_s, r->aside, &m->old_fd, m->wrong);

    if (rc < 0) {
        m->old_fd = -1;
        return rc;
    }
    const struct data_dir old = {.path = m->dir.path, .fd = m->old_fd};
    rc = data_dir_enter(&old, "log", &m->old_log_fd, m->wrong);
    if (rc < 0)
        m->old_log_fd = -1;
    return rc;
}

static int mend(struct mending *m, uint64_t now_s, struct repair *r)
{
    struct vote vote = {0};
    int rc = open_aside(m, now_s, r);

    if (rc == 0)
        rc = mend_log(m);
    if (rc == 0)
        rc = mend_vote(m, &vote);
    if (rc == 0 && (fsync(m->old_log_fd) < 0 || fsync(m->log_fd) < 0))
        rc = fail(m, "log", "sync it");
    if (rc == 0)
        rc = mend_identity(m);
    if (rc == 0)
        rc = mend_mark(m, &vote);
    if (rc == 0 && (fsync(m->old_fd) < 0 || fsync(m->dir.fd) < 0))
        rc = fail(m, ".", "sync it");
    return rc;
}

/* ---- the whole ---- */

/* Sets r->is_whole; 0: go on. */
static int look(struct mending *m, struct repair *r)
{
    char text[DATA_DIR_WRONG_MAX];
    struct segments s;
    struct strb said;
    int rc = read_member(m);

    if (rc == 0)
        rc = look_at_mark(m);
    if (rc == 0)
        rc = data_dir_enter(&m->dir, "log", &m->log_fd, m->wrong);
    if (rc < 0)
        return rc;
    (void)snprintf(m->log_path, sizeof(m->log_path), "%s/log", m->dir.path);
    rc = check_log(m, &m->mark, &s, &said, text);
    r->is_whole = rc == 0 && m->has_identity && m->has_mark;
    if (r->is_whole)
        r->last = s.last_index;
    if (rc == 0 || rc == WERR_CORRUPT)
        return 0;
    strb_add(m->wrong, strb_span(&said));
    return rc;
}

static int run(struct mending *m, bool may_lose, uint64_t now_s, struct repair *r)
{
    int rc = look(m, r);

    if (rc < 0 || r->is_whole)
        return rc;
    rc = make_plan(m, r);
    if (rc < 0)
        return rc;
    if ((r->lost_from > 0 || r->is_unknown) && !may_lose)
        return WERR_GUARD;
    return mend(m, now_s, r);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

int repair_run(const char *path, bool may_lose, uint64_t now_s, struct repair *r,
               struct strb *wrong)
{
    struct mending m = {.log_fd = -1, .old_fd = -1, .old_log_fd = -1, .wrong = wrong};
    bool is_damaged;
    int rc = set_aside_open_damaged(&m.dir, path, &is_damaged, wrong);

    *r = (struct repair){.is_whole = false};
    if (rc < 0)
        return rc;
    m.has_identity = !is_damaged;
    rc = run(&m, may_lose, now_s, r);
    repair_plan_free(&m.plan);
    close_fd(m.log_fd);
    close_fd(m.old_log_fd);
    close_fd(m.old_fd);
    data_dir_close(&m.dir);
    return rc;
}
