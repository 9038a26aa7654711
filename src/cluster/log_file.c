#include "cluster/log_file.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cluster/segment.h"

enum {
    DISK_FORMAT = 1,
    WORD_BYTES = 8,
    META_HEAD_BYTES = 4 * WORD_BYTES,
    META_SUMMED_AT = 2 * WORD_BYTES
};

/* Up to three numbers with hyphens between them; how many there are, or 0. */
static unsigned read_numbers(struct span text, uint64_t *numbers)
{
    unsigned n = 0;

    while (text.ptr != NULL && n < 3)
        if (num_from_dec(span_cut(&text, '-'), UINT64_MAX, &numbers[n++]) < 0)
            return 0;
    return text.ptr == NULL ? n : 0;
}

static void print_name(const struct log_file *f, char *name)
{
    const uint64_t *n = f->numbers;

    if (f->kind == LOG_FILE_CLOSED)
        (void)snprintf(name, LOG_FILE_NAME_MAX, "%016" PRIu64 "-%016" PRIu64, n[0], n[1]);
    else if (f->kind == LOG_FILE_OPEN)
        (void)snprintf(name, LOG_FILE_NAME_MAX, "open-%" PRIu64, n[0]);
    else
        (void)snprintf(name, LOG_FILE_NAME_MAX,
                       "snapshot-%" PRIu64 "-%" PRIu64 "-%" PRIu64 "%s", n[0], n[1], n[2],
                       f->kind == LOG_FILE_META ? ".meta" : "");
}

void log_file_closed(uint64_t first, uint64_t last, char name[LOG_FILE_NAME_MAX])
{
    const struct log_file f = {.kind = LOG_FILE_CLOSED, .numbers = {first, last}};

    print_name(&f, name);
}

static enum log_file_kind kind_of(struct span text, uint64_t *numbers)
{
    static const struct span open = {"open-", 5};
    static const struct span snapshot = {"snapshot-", 9};
    static const struct span meta = {".meta", 5};
    const bool is_meta =
        text.len > meta.len && span_is_equal(span_skip(text, text.len - meta.len), meta);

    if (span_has_prefix(text, open))
        return read_numbers(span_skip(text, open.len), numbers) == 1 ? LOG_FILE_OPEN
                                                                     : LOG_FILE_OTHER;
    if (span_has_prefix(text, snapshot)) {
        text = span_skip(text, snapshot.len);
        if (read_numbers(span_first(text, text.len - (is_meta ? meta.len : 0)), numbers) != 3)
            return LOG_FILE_OTHER;
        return is_meta ? LOG_FILE_META : LOG_FILE_SNAPSHOT;
    }
    return read_numbers(text, numbers) == 2 ? LOG_FILE_CLOSED : LOG_FILE_OTHER;
}

/* Written as the engine writes it, or it is none of its names. */
void log_file_name(const char *name, struct log_file *f)
{
    char again[LOG_FILE_NAME_MAX];

    *f = (struct log_file){.kind = LOG_FILE_OTHER};
    if (span_to_str(span_from_str(name), f->name, sizeof(f->name)) < 0)
        return;
    f->kind = kind_of(span_from_str(name), f->numbers);
    if (f->kind == LOG_FILE_OTHER)
        return;
    print_name(f, again);
    if (strcmp(again, name) != 0)
        f->kind = LOG_FILE_OTHER;
}

int log_file_compare(const void *a, const void *b)
{
    static const unsigned order[] = {[LOG_FILE_CLOSED] = 0,
                                     [LOG_FILE_OPEN] = 1,
                                     [LOG_FILE_SNAPSHOT] = 2,
                                     [LOG_FILE_META] = 3,
                                     [LOG_FILE_OTHER] = 4};
    const struct log_file *x = a;
    const struct log_file *y = b;

    if (x->kind != y->kind)
        return order[x->kind] < order[y->kind] ? -1 : 1;
    for (size_t i = 0; i < 3; i++)
        if (x->numbers[i] != y->numbers[i])
            return x->numbers[i] < y->numbers[i] ? -1 : 1;
    return strcmp(x->name, y->name);
}

static uint64_t word(struct span bytes, size_t number)
{
    uint64_t le;

    memcpy(&le, bytes.ptr + number * WORD_BYTES, sizeof(le));
    return le64toh(le);
}

int log_file_vote(struct span bytes, struct vote *vote)
{
    if (bytes.len < LOG_FILE_VOTE_BYTES)
        return WERR_EOF;
    if (bytes.len > LOG_FILE_VOTE_BYTES || word(bytes, 1) == 0)
        return WERR_CORRUPT;
    if (word(bytes, 0) != DISK_FORMAT)
        return WERR_UNSUPPORTED;
    *vote = (struct vote){
        .version = word(bytes, 1), .term = word(bytes, 2), .voted_for = word(bytes, 3)};
    return 0;
}

void log_file_put_vote(const struct vote *vote, uint8_t bytes[LOG_FILE_VOTE_BYTES])
{
    const uint64_t words[] = {htole64(DISK_FORMAT), htole64(vote->version), htole64(vote->term),
                              htole64(vote->voted_for)};

    memcpy(bytes, words, LOG_FILE_VOTE_BYTES);
}

const char *log_file_votes(const struct vote votes[2], const bool has[2], struct vote *vote)
{
    *vote = (struct vote){0};
    for (unsigned i = 0; i < 2; i++)
        if (has[i] && votes[i].version % 2 != (i + 1) % 2)
            return "a version that belongs to the other file";
    if (has[0] && has[1]) {
        const unsigned newer = votes[1].version > votes[0].version ? 1 : 0;

        if (votes[newer].version - votes[1 - newer].version != 1 ||
            votes[newer].term < votes[1 - newer].term)
            return "versions or terms that do not follow each other";
        *vote = votes[newer];
        return NULL;
    }
    if (has[1] || (has[0] && votes[0].version != 1))
        return "no other file beside it";
    if (has[0])
        *vote = votes[0];
    return NULL;
}

int log_file_meta(struct span bytes)
{
    if (bytes.len < META_HEAD_BYTES)
        return WERR_CORRUPT;
    const struct span members = span_skip(bytes, META_HEAD_BYTES);
    const uint32_t head =
        segment_crc(0, span_from(bytes.ptr + META_SUMMED_AT, META_HEAD_BYTES - META_SUMMED_AT));
    if (word(bytes, 3) != members.len || members.len == 0 ||
        word(bytes, 1) != segment_crc(head, members))
        return WERR_CORRUPT;
    return word(bytes, 0) == DISK_FORMAT ? 0 : WERR_UNSUPPORTED;
}
