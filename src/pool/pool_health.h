/* pool_health.h - the settings of health checks: API key "check".
 *
 * A pool has all of them, a server those that it overrides. They are described once, in a table
 * (pool_health_fields): key, bit, limits. The reader and writer of JSON, the checks and the
 * merging walk the table, so a new member is one line. Owner: the pool or server that it is in.
 * Pure.
 */
#ifndef WELDR_POOL_POOL_HEALTH_H
#define WELDR_POOL_POOL_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"
#include "pool/pool_error.h"

enum pool_health_limits { POOL_HOST_MAX = 255, POOL_PATH_MAX = 1024, POOL_EXPECT_N = 8 };

enum pool_health_type { POOL_HEALTH_HTTP, POOL_HEALTH_TCP, POOL_HEALTH_NONE };

/* What a server counts as until its first check. */
enum pool_health_initial { POOL_INITIAL_UP, POOL_INITIAL_DOWN };

/* Whose view of its health counts: that of the node, or of most nodes of the cluster. */
enum pool_health_agree { POOL_AGREE_OWN, POOL_AGREE_MAJORITY };

/* Which members of a struct pool_health are given (a server overrides its pool). */
enum pool_health_set {
    POOL_HEALTH_SET_TYPE = 1U << 0,
    POOL_HEALTH_SET_INTERVAL = 1U << 1,
    POOL_HEALTH_SET_FAST_INTERVAL = 1U << 2,
    POOL_HEALTH_SET_TIMEOUT = 1U << 3,
    POOL_HEALTH_SET_PATH = 1U << 4,
    POOL_HEALTH_SET_HOST = 1U << 5,
    POOL_HEALTH_SET_EXPECT = 1U << 6,
    POOL_HEALTH_SET_FAILURES = 1U << 7,
    POOL_HEALTH_SET_PASSES = 1U << 8,
    POOL_HEALTH_SET_INITIAL = 1U << 9,
    POOL_HEALTH_SET_AGREE = 1U << 10,
    POOL_HEALTH_SET_ALL = (1U << 11) - 1
};

struct pool_status_range {
    uint16_t from, to;
};

/* The settings of health checks: API key "check". */
struct pool_health {
    uint32_t set; /* enum pool_health_set; all in a pool's defaults and in effective settings */
    uint8_t type; /* enum pool_health_type */
    uint8_t initial; /* enum pool_health_initial */
    uint8_t agree;   /* enum pool_health_agree */
    uint8_t expect_n;
    uint16_t failures;         /* consecutive failures that mark down (3), 1–100 */
    uint16_t passes;           /* consecutive passes that mark active (2), 1–100 */
    uint32_t interval_ms;      /* 30000; 100–3600000 */
    uint32_t fast_interval_ms; /* 2000, between states; 100–3600000 */
    uint32_t timeout_ms;       /* 5000; 10–600000 */
    char *path;                /* "/" */
    char *host;                /* Host of the probe; NULL or "": the server's host:port */
    struct pool_status_range expect[POOL_EXPECT_N]; /* "200-299", "200,204,300-301" */
};

/* A member of struct pool_health. Up to U32 they are numbers, the first three with words for
 * them. */
enum pool_health_kind {
    POOL_KIND_TYPE,
    POOL_KIND_INITIAL,
    POOL_KIND_AGREE,
    POOL_KIND_U16,
    POOL_KIND_U32,
    POOL_KIND_PATH,
    POOL_KIND_HOST,
    POOL_KIND_EXPECT
};

struct pool_health_field {
    const char *key; /* of the API: "interval_ms" */
    uint32_t bit;    /* enum pool_health_set */
    enum pool_health_kind kind;
    size_t offset;     /* numbers: in struct pool_health */
    uint32_t min, max; /* numbers */
};

enum { POOL_HEALTH_FIELD_N = 11, POOL_EXPECT_TEXT_MAX = 80 };
extern const struct pool_health_field pool_health_fields[POOL_HEALTH_FIELD_N];

void pool_health_fini(struct pool_health *h);
/* Built-in defaults of a pool, all set. WERR_NOMEM. */
int pool_health_init_defaults(struct pool_health *h) MUST_USE;
/* *to is overwritten, not freed. WERR_NOMEM. */
int pool_health_copy(struct pool_health *to, const struct pool_health *from) MUST_USE;
/* Takes the members of unset away, then sets those that from gives. WERR_NOMEM: *into may hold
 * some of them. */
int pool_health_merge(struct pool_health *into, const struct pool_health *from,
                      uint32_t unset) MUST_USE;
/* The same members set, to the same. */
bool pool_health_is_equal(const struct pool_health *a, const struct pool_health *b);
uint32_t pool_health_number(const struct pool_health *h, const struct pool_health_field *f);
void pool_health_set_number(struct pool_health *h, const struct pool_health_field *f,
                            uint32_t n);
/* Text of a member that is not a number; buf of POOL_EXPECT_TEXT_MAX is used for expect. */
const char *pool_health_text(const struct pool_health *h, const struct pool_health_field *f,
                             char *buf);
/* Sets a member from text. WERR_INVALID when it is not allowed, WERR_NOMEM. */
int pool_health_set_text(struct pool_health *h, const struct pool_health_field *f,
                         struct span text) MUST_USE;
bool pool_health_is_valid(const struct pool_health *h, const struct pool_health_field *f);
/* What a member must be, as a sentence. */
void pool_health_print_wish(const struct pool_health_field *f, char *buf, size_t size);
/* WERR_INVALID: *error says which member and why. */
int pool_health_check(const struct pool_health *h, struct pool_error *error) MUST_USE;
const char *pool_health_type_word(enum pool_health_type type); /* "http" */

#endif
