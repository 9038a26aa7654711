/* pool_int.h - what the files of pool/ share among themselves; nobody else includes this.
 *
 * The members of a check and the settings are described once, in tables (pool_health.c,
 * settings.def): key, bit, limits. The reader and writer of JSON, the checks and the merging
 * all walk these tables, so a new member is one line. Memory comes from base/fault.h, so that
 * tests can make any single allocation fail; functions that can fail leave their target as it
 * was.
 */
#ifndef WELDR_POOL_POOL_INT_H
#define WELDR_POOL_POOL_INT_H

#include <string.h>

#include "base/fault.h"
#include "pool/pool_apply.h"
#include "pool/pool_command.h"

/* As calloc. */
static inline void *pool_calloc(size_t n, size_t bytes)
{
    void *block = fault_malloc(n * bytes);
    if (block != NULL)
        memset(block, 0, n * bytes);
    return block;
}

/* As strdup. */
static inline char *pool_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = fault_malloc(bytes);
    return copy != NULL ? memcpy(copy, text, bytes) : NULL;
}

/* As realloc; old may be NULL with 0 bytes. NULL leaves the old block. */
static inline void *pool_grow(void *old, size_t old_bytes, size_t bytes)
{
    void *block = fault_malloc(bytes);
    if (block == NULL)
        return NULL;
    if (old_bytes > 0)
        memcpy(block, old, old_bytes);
    free(old);
    return block;
}

/* A member of struct pool_health. Up to U32 they are numbers, the first two with words for
 * them. */
enum pool_health_kind {
    POOL_KIND_TYPE,
    POOL_KIND_INITIAL,
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

enum { POOL_HEALTH_FIELD_N = 10, POOL_EXPECT_TEXT_MAX = 80 };
extern const struct pool_health_field pool_health_fields[POOL_HEALTH_FIELD_N];

/* pool_health.c */
void pool_health_fini(struct pool_health *h);
/* Built-in defaults of a pool, all set. WERR_NOMEM. */
int pool_health_init_defaults(struct pool_health *h) MUST_USE;
/* *to is overwritten, not freed. WERR_NOMEM. */
int pool_health_copy(struct pool_health *to, const struct pool_health *from) MUST_USE;
/* Takes the members of unset away, then sets those that from gives. WERR_NOMEM: *into may hold
 * some of them. */
int pool_health_merge(struct pool_health *into, const struct pool_health *from,
                      uint32_t unset) MUST_USE;
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

/* pool_meta.c: the sorted list server->meta. */
void pool_meta_fini(struct pool_server *server);
int pool_meta_copy(struct pool_server *to, const struct pool_server *from) MUST_USE;
/* Adds or replaces. WERR_TOO_BIG at POOL_META_N entries, WERR_NOMEM. */
int pool_meta_set(struct pool_server *server, const char *key, const char *value) MUST_USE;
void pool_meta_remove(struct pool_server *server, const char *key);
bool pool_meta_is_valid_key(struct span key);
bool pool_meta_is_valid_value(struct span value);

/* pool_command.c */
void pool_server_fini(struct pool_server *server);
/* The code lives for ever; field and detail are cut at a character boundary. error may be NULL.
 */
void pool_error_set(struct pool_error *error, const char *code, const char *field,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* pool.c: servers of a state. */
/* A copy in a box of its own, without id, not in any pool. NULL: no memory. */
struct pool_server *pool_server_new(const struct pool_server *from);
/* The id must be above all others. WERR_NOMEM leaves the pool as it was. */
int pool_insert(struct pool *p, struct pool_server *server) MUST_USE;
/* Out of the pool, not freed. */
void pool_take_out(struct pool *p, struct pool_server *server);
int pool_hash_server(const struct pool_server *server, uint64_t *hash) MUST_USE;
int pool_hash_pool(const struct pool *p, uint64_t *hash) MUST_USE;

/* pool_apply.c: as pool_apply, but leaves state->index alone; a server that is added gets this
 * id. */
int pool_apply_command(struct pool_state *s, const struct pool_command *c, uint64_t id,
                       struct pool_change *change) MUST_USE;

/* pool_code_json.c: the payload of a command's log entry. NULL: no memory. */
char *pool_code_payload_json(const struct pool_command *c);
const char *pool_policy_word(enum pool_policy policy); /* "round_robin" */

/* pool_code.c: the documents of pool_code_pool_json as a SET_POOL that sets all that it holds,
 * and of pool_code_server_json as an ADD. Keys that came later may be missing: defaults.
 * WERR_INVALID, WERR_SYNTAX, WERR_NOMEM. */
int pool_code_read_pool(struct span json, struct pool_command *c) MUST_USE;
int pool_code_read_server(struct span json, struct pool_command *c) MUST_USE;

#endif
