/*
 * The roster. The input is read as a snapshot, as a command, and as commands in a row (length
 * u16, little-endian, before each) that two rosters get, one of them by way of a snapshot after
 * each. What is taken has one form; what is refused changes nothing; both rosters stay equal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/bytes.h"
#include "cluster/roster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of *r: what its snapshot says. */
static void start_again(struct roster **r)
{
    struct roster *fresh = roster_new();
    char *bytes = NULL;
    size_t len = 0;

    MUST(fresh != NULL && roster_encode(*r, &bytes, &len) == 0);
    MUST(roster_decode(fresh, span_from(bytes, len)) == 0);
    MUST(roster_digest(fresh) == roster_digest(*r));
    free(bytes);
    roster_free(*r);
    *r = fresh;
}

/* True: it is one. */
static bool check_command(struct span bytes, struct roster_command *c)
{
    char *again = NULL;
    size_t len = 0;

    if (roster_command_decode(bytes, c) < 0)
        return false;
    MUST(roster_command_encode(c, &again, &len) == 0);
    MUST(span_is_equal(span_from(again, len), bytes));
    free(again);
    return true;
}

static void check_snapshot(struct roster *r, struct span bytes)
{
    const uint64_t before = roster_digest(r);
    char *again = NULL;
    size_t len = 0;

    if (roster_decode(r, bytes) < 0) {
        MUST(roster_digest(r) == before);
        return;
    }
    MUST(roster_encode(r, &again, &len) == 0);
    MUST(span_is_equal(span_from(again, len), bytes));
    free(again);
}

static void check_run(struct roster **a, struct roster **b, struct span bytes)
{
    struct bytes_in in;

    bytes_in_init(&in, bytes);
    while (!in.is_bad && in.rest.len > 0) {
        struct roster_command c;
        const size_t len = bytes_get_u16(&in);
        const struct span command = span_first(in.rest, len);

        in.rest = span_skip(in.rest, command.len);
        if (!check_command(command, &c))
            continue;
        const uint64_t before = roster_digest(*a);
        const int rc = roster_apply(*a, &c);
        MUST(roster_apply(*b, &c) == rc);
        MUST(rc == 0 || (rc != WERR_INVALID || c.type == ROSTER_LEVEL));
        MUST(rc == 0 || roster_digest(*a) == before);
        start_again(b);
        MUST(roster_digest(*a) == roster_digest(*b));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct roster *a = roster_new();
    struct roster *b = roster_new();
    struct roster_command c;

    MUST(a != NULL && b != NULL);
    (void)check_command(span_from(data, size), &c);
    check_run(&a, &b, span_from(data, size));
    check_snapshot(a, span_from(data, size));
    roster_free(a);
    roster_free(b);
    return 0;
}
