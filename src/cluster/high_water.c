#include "cluster/high_water.h"

#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "cluster/small_file.h"

enum { SLOT_IS_EMPTY = 1 };

static const char file_name[] = "high_water";

struct slot {
    char magic[8]; /* the format is its last letter */
    uint64_t sequence;
    uint8_t identity[DATA_DIR_IDENTITY_BYTES];
    uint64_t index, term, entry_checksum;
    uint64_t vote_version, vote_term, voted_for;
    uint64_t checksum; /* of what stands before it */
};

static const char magic[8] = {'W', 'E', 'L', 'D', 'R', 'H', 'W', '1'};

static uint64_t slot_checksum(const struct slot *s)
{
    return XXH3_64bits(s, offsetof(struct slot, checksum));
}

static void make_slot(const struct high_water *h, struct slot *s)
{
    *s = (struct slot){.sequence = htole64(h->sequence),
                       .index = htole64(h->mark.index),
                       .term = htole64(h->mark.term),
                       .entry_checksum = htole64(h->mark.checksum),
                       .vote_version = htole64(h->mark.vote.version),
                       .vote_term = htole64(h->mark.vote.term),
                       .voted_for = htole64(h->mark.vote.voted_for)};
    memcpy(s->magic, magic, sizeof(magic));
    memcpy(s->identity, h->identity, sizeof(s->identity));
    s->checksum = htole64(slot_checksum(s));
}

static bool is_zero(const char *bytes, size_t n)
{
    return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

/* 0, SLOT_IS_EMPTY or WERR_CORRUPT. What stands behind the mark counts: it is never written. */
static int read_slot(const char *bytes, struct slot *s)
{
    if (!is_zero(bytes + sizeof(*s), HIGH_WATER_SLOT_BYTES - sizeof(*s)))
        return WERR_CORRUPT;
    if (is_zero(bytes, sizeof(*s)))
        return SLOT_IS_EMPTY;
    memcpy(s, bytes, sizeof(*s));
    return memcmp(s->magic, magic, sizeof(magic)) == 0 &&
                   le64toh(s->checksum) == slot_checksum(s)
               ? 0
               : WERR_CORRUPT;
}

static void take_slot(struct high_water_slots *slots, const struct slot *s, unsigned number)
{
    slots->sequence = le64toh(s->sequence);
    slots->newest = number;
    slots->mark = (struct high_water_mark){.index = le64toh(s->index),
                                           .term = le64toh(s->term),
                                           .checksum = le64toh(s->entry_checksum),
                                           .vote = {.version = le64toh(s->vote_version),
                                                    .term = le64toh(s->vote_term),
                                                    .voted_for = le64toh(s->voted_for)}};
}

int high_water_read(struct span file, const uint8_t *identity, struct high_water_slots *slots)
{
    bool is_found = false;
    bool is_ours = true;

    *slots = (struct high_water_slots){0};
    if (file.len != HIGH_WATER_FILE_BYTES)
        return WERR_CORRUPT;
    for (unsigned i = 0; i < HIGH_WATER_SLOTS; i++) {
        struct slot s;
        const int rc = read_slot(file.ptr + (size_t)i * HIGH_WATER_SLOT_BYTES, &s);

        if (rc == WERR_CORRUPT)
            slots->bad |= 1U << i;
        if (rc != 0 || (is_found && le64toh(s.sequence) <= slots->sequence))
            continue;
        take_slot(slots, &s, i);
        is_found = true;
        is_ours = memcmp(s.identity, identity, sizeof(s.identity)) == 0;
    }
    if (!is_found)
        return WERR_CORRUPT;
    return is_ours ? 0 : WERR_INVALID;
}

uint64_t high_water_checksum(struct span entry)
{
    return XXH3_64bits(entry.ptr, entry.len);
}

static int write_slot(struct high_water *h)
{
    struct slot s;

    h->sequence++;
    make_slot(h, &s);
    return small_file_write_at(h->fd, &s, sizeof(s), (size_t)h->slot * HIGH_WATER_SLOT_BYTES);
}

int high_water_write(struct high_water *h, uint64_t index, uint64_t term, uint64_t checksum)
{
    h->mark.index = index;
    h->mark.term = term;
    h->mark.checksum = checksum;
    return write_slot(h);
}

int high_water_vote(struct high_water *h, const struct vote *vote)
{
    h->mark.vote = *vote;
    const int rc = write_slot(h);

    return rc == 0 ? high_water_sync(h) : rc;
}

bool high_water_is_due(const struct high_water *h)
{
    return h->mark.index >= h->synced_index + HIGH_WATER_SYNC_ENTRIES;
}

bool high_water_is_behind(const struct high_water *h)
{
    return h->mark.index != h->synced_index;
}

void high_water_sync_begin(struct high_water *h)
{
    MUST(h->syncing == HIGH_WATER_SLOTS);
    h->syncing = h->slot;
    h->syncing_index = h->mark.index;
    /* The slot that is neither the kept one nor this one. */
    for (h->slot = 0; h->slot == h->kept || h->slot == h->syncing;)
        h->slot++;
}

void high_water_sync_end(struct high_water *h, int rc)
{
    MUST(h->syncing < HIGH_WATER_SLOTS);
    if (rc == 0) {
        h->kept = h->syncing;
        h->synced_index = h->syncing_index;
    }
    h->syncing = HIGH_WATER_SLOTS;
}

int high_water_sync(struct high_water *h)
{
    high_water_sync_begin(h);
    const int rc = fdatasync(h->fd) == 0 ? 0 : WERR_IO;

    high_water_sync_end(h, rc);
    return rc;
}

static void begin(struct high_water *h, const struct high_water_slots *slots)
{
    h->mark = slots->mark;
    h->sequence = slots->sequence;
    h->kept = slots->newest;
    h->slot = (slots->newest + 1) % HIGH_WATER_SLOTS;
    h->syncing = HIGH_WATER_SLOTS;
    h->bad = slots->bad;
    h->synced_index = slots->mark.index;
}

/* Damaged ones are as if never written, and the newest mark, which may never have been synced
 * by a process that was killed, is now. */
static int mend_slots(struct high_water *h)
{
    static const char zeros[HIGH_WATER_SLOT_BYTES];

    for (unsigned i = 0; i < HIGH_WATER_SLOTS; i++) {
        const int rc = (h->bad >> i & 1U) == 0
                           ? 0
                           : small_file_write_at(h->fd, zeros, sizeof(zeros),
                                                 (size_t)i * HIGH_WATER_SLOT_BYTES);
        if (rc < 0)
            return rc;
    }
    return fdatasync(h->fd) == 0 ? 0 : WERR_IO;
}

/* bytes: room for the file. */
static int make_file(struct high_water *h, const struct data_dir *d,
                     const struct high_water_mark *mark, char *bytes)
{
    const struct high_water_slots slots = {.mark = *mark, .sequence = 1};
    struct slot s;

    begin(h, &slots);
    make_slot(h, &s);
    memset(bytes, 0, HIGH_WATER_FILE_BYTES);
    memcpy(bytes, &s, sizeof(s));
    return small_file_write(d->fd, file_name, span_from(bytes, HIGH_WATER_FILE_BYTES));
}

static int read_file(const struct data_dir *d, char *bytes, struct high_water_slots *slots)
{
    size_t len;
    int rc = small_file_read(d->fd, file_name, bytes, HIGH_WATER_FILE_BYTES, &len);

    if (rc == 0)
        rc = high_water_read(span_from(bytes, len), d->identity, slots);
    return rc == WERR_TOO_BIG ? WERR_CORRUPT : rc;
}

/* NULL: it is not damaged. */
static const char *damage_of(int rc)
{
    switch (rc) {
    case WERR_NOT_FOUND:
        return "is missing";
    case WERR_INVALID:
        return "is of another node's directory";
    case WERR_CORRUPT:
        return "is damaged";
    default:
        return NULL;
    }
}

static int say(const struct data_dir *d, int rc, const char *what, struct strb *wrong)
{
    if (what != NULL)
        strb_addf(wrong, "%s/%s: %s, so that nobody can tell whether the log is whole; %s",
                  d->path, file_name, what, data_dir_way_out);
    else if (rc < 0)
        strb_addf(wrong, "%s/%s: %s", d->path, file_name, werr_text(rc));
    return what != NULL ? WERR_CORRUPT : rc;
}

/* bytes: room for the file. What a new directory has of a first start that was cut off is
 * written over; a mark above 0 in it tells that only its identity is lost. */
static int read_or_make(struct high_water *h, const struct data_dir *d, char *bytes,
                        const char **what)
{
    struct high_water_slots slots = {.sequence = 0};
    const int rc = read_file(d, bytes, &slots);

    *what = d->is_new ? NULL : damage_of(rc);
    if (d->is_new && (rc == 0 || rc == WERR_INVALID) && slots.mark.index > 0)
        *what = "is of a node whose identity is missing";
    else if (d->is_new)
        return make_file(h, d, &(struct high_water_mark){0}, bytes);
    if (rc == 0)
        begin(h, &slots);
    return rc;
}

static int open_file(struct high_water *h, const struct data_dir *d)
{
    h->fd = openat(d->fd, file_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (h->fd < 0)
        return WERR_IO;
    const int rc = mend_slots(h);

    if (rc < 0)
        (void)close(h->fd);
    return rc;
}

int high_water_open(struct high_water *h, const struct data_dir *d, struct strb *wrong)
{
    const char *what = NULL;
    char *bytes = fault_malloc(HIGH_WATER_FILE_BYTES);

    *h = (struct high_water){.fd = -1};
    memcpy(h->identity, d->identity, sizeof(h->identity));
    int rc = bytes != NULL ? read_or_make(h, d, bytes, &what) : WERR_NOMEM;
    free(bytes);
    if (rc == 0 && what == NULL)
        rc = open_file(h, d);
    return say(d, rc, what, wrong);
}

int high_water_look(const struct data_dir *d, struct high_water_mark *mark, struct strb *wrong)
{
    struct high_water_slots slots = {.sequence = 0};
    char *bytes = fault_malloc(HIGH_WATER_FILE_BYTES);
    const int rc = bytes != NULL ? read_file(d, bytes, &slots) : WERR_NOMEM;

    free(bytes);
    *mark = slots.mark;
    return say(d, rc, damage_of(rc), wrong);
}

int high_water_replace(const struct data_dir *d, const struct high_water_mark *mark)
{
    struct high_water h = {.fd = -1};
    char *bytes = fault_malloc(HIGH_WATER_FILE_BYTES);

    if (bytes == NULL)
        return WERR_NOMEM;
    memcpy(h.identity, d->identity, sizeof(h.identity));
    const int rc = make_file(&h, d, mark, bytes);
    free(bytes);
    return rc;
}

void high_water_close(struct high_water *h)
{
    (void)close(h->fd);
    h->fd = -1;
}
