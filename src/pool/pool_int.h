/* pool_int.h - what the files of pool/ share among themselves; nobody else includes this.
 *
 * Each kind of object (kinds.def) has a struct kind_ops; pool_apply, pool_check, digests and
 * snapshots go through it, so that they know no kind.
 *
 * The members of a check and the settings are described once, in tables (pool_health.c,
 * *_settings.def): key, bit, limits. The reader and writer of JSON, the checks and the merging
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
#include "pool/table.h"

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

/* ---- kinds of objects ---- */

/* One object of a state. */
struct kind_object {
    enum kind kind;
    uint64_t id, owner; /* owner: id of its pool or listener, 0 for kinds that have none */
    const void *object;
};

/* Not 0 ends the visit and is its result. */
typedef int (*kind_visit_fn)(void *arg, const struct kind_object *o);

struct kind_ops {
    /* Are the values of an ADD, SET or SET_ADMIN within their limits? 0, WERR_INVALID. */
    int (*check)(const struct pool_command *c, struct pool_error *error);
    /* Would apply take it? 0 or a refusal of pool_apply.h; guards are judged elsewhere. */
    int (*judge)(const struct pool_state *s, const struct pool_command *c);
    /* Of what judge has let through; a new object gets this id. Only WERR_NOMEM, which leaves
     * the state as it was. */
    int (*apply)(struct pool_state *s, const struct pool_command *c, uint64_t id,
                 struct pool_change *change);
    /* Digest of the object that a command means; 0: there is none. WERR_NOMEM. */
    int (*target)(const struct pool_state *s, const struct pool_command *c, uint64_t *digest);
    /* All objects of the kind, in the order of their owners. */
    int (*visit)(const struct pool_state *s, kind_visit_fn fn, void *arg);
    /* As in pool_code.h. */
    char *(*json)(const void *object);
};

#define KIND(name, number, letter, word, list, family) \
    extern const struct kind_ops kind_ops_##family;
#include "pool/kinds.def"
#undef KIND

/* NULL: no such kind. */
const struct kind_ops *kind_ops(unsigned kind);
/* Digest of an object's encoding. Frees json; NULL is WERR_NOMEM. */
int kind_hash(enum kind kind, uint64_t id, uint64_t owner, char *json, uint64_t *hash) MUST_USE;

/* Room for one more in a vector of pointers: the block, which may have moved, or NULL. */
void *pool_reserve(void *items, uint32_t n, uint32_t *cap);

/* pool_check.c */
int pool_check_settings(const struct settings_table *t, const void *settings, uint64_t given,
                        struct pool_error *error) MUST_USE;
int pool_check_health(const struct pool_health *h, struct pool_error *error) MUST_USE;

/* server.c */
struct pool_server *pool_target_server(const struct pool_state *s, const struct pool_command *c,
                                       struct pool **pool);
/* pool_apply.c: why not, without looking at the values. */
int pool_judge(const struct pool_state *s, const struct pool_command *c) MUST_USE;
/* Usable servers that a guarded command would leave in its pool. */
uint32_t pool_guard_left(const struct pool_state *s, const struct pool_command *c);
/* As pool_apply, but leaves state->index alone; an object that is added gets this id. */
int pool_apply_command(struct pool_state *s, const struct pool_command *c, uint64_t id,
                       struct pool_change *change) MUST_USE;

/* pool.c: a pool with the defaults, not in a state. NULL: no memory. */
struct pool *pool_new(struct span name);
/* Into the state, with its id; the digest is made. WERR_NOMEM leaves the state as it was. */
int pool_enter(struct pool_state *s, struct pool *p) MUST_USE;
/* listener.c: likewise; without a default action it forwards to "default". */
struct listener *listener_new(struct span name);
int listener_enter(struct pool_state *s, struct listener *l) MUST_USE;

/* pool_code_*.c: the payload of a command's log entry. NULL: no memory. */
char *pool_code_payload_json(const struct pool_command *c);
/* The document of kind_ops.json as an ADD; c->pool and c->listener get its name, but for
 * servers and rules, whose owner is not in it. WERR_INVALID, WERR_SYNTAX, WERR_NOMEM. */
int pool_code_read_stored(enum kind kind, struct span json, struct pool_command *c) MUST_USE;

#define POOL_NAME_WISH "name must be 1 to %d of the characters A-Z a-z 0-9 . _ -"
/* pool_policy.c */
#define POOL_POLICY_WISH \
    "policy must be \"round_robin\", \"least_outstanding\", \"p2c\" or \"hash\""
#define POOL_HASH_KEY_WISH \
    "hash_key must be \"address\", \"path\", \"header:NAME\" or \"cookie:NAME\""
bool pool_policy_from_word(const char *word, uint8_t *policy);
enum { POOL_HASH_KEY_TEXT_MAX = POOL_NAME_MAX + 8 };
/* "header:X-User"; buf of POOL_HASH_KEY_TEXT_MAX. */
const char *pool_hash_key_print(const struct pool_hash_key *key, char *buf);
/* WERR_INVALID. */
int pool_hash_key_from_text(struct span text, struct pool_hash_key *key) MUST_USE;
bool pool_hash_key_is_valid(const struct pool_hash_key *key);

#endif
