/*
 * Names and small files of the engine's directory. A name that is one of its is written again
 * as it was; votes and heads of snapshots are taken or refused, within their bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cluster/log_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const uint8_t *data, size_t size)
{
    char name[2 * LOG_FILE_NAME_MAX];
    struct log_file f;

    if (span_to_str(span_from(data, size), name, sizeof(name)) < 0)
        return;
    log_file_name(name, &f);
    if (f.kind == LOG_FILE_OTHER)
        return;
    MUST(strcmp(f.name, name) == 0);
    MUST(log_file_compare(&f, &f) == 0);
}

static void check_votes(const uint8_t *data, size_t size)
{
    struct vote votes[2] = {{0}};
    bool has[2];
    struct vote vote;
    const size_t half = size / 2;

    has[0] = log_file_vote(span_from(data, half), &votes[0]) == 0;
    has[1] = log_file_vote(span_from(data + half, size - half), &votes[1]) == 0;
    if (log_file_votes(votes, has, &vote) != NULL)
        return;
    MUST((vote.version != 0) == (has[0] || has[1]));
    for (unsigned i = 0; i < 2; i++)
        MUST(!has[i] || votes[i].version <= vote.version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_name(data, size);
    check_votes(data, size);
    const int rc = log_file_meta(span_from(data, size));
    MUST(rc == 0 || rc == WERR_CORRUPT || rc == WERR_UNSUPPORTED);
    return 0;
}
