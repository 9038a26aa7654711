/* rule_read.h - where in a document a reader of rules is, and how it refuses; shared by
 * rule_code.c and rule_code_action.c. */
#ifndef WELDR_POOL_RULE_READ_H
#define WELDR_POOL_RULE_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/werr.h"
#include "pool/pool_error.h"

struct json_t;

struct rule_reading {
    struct pool_error *error; /* or NULL */
    char path[sizeof(((struct pool_error *)0)->field)];
    size_t path_len;
    uint32_t left;  /* conditions that may still come */
    uint32_t depth; /* objects around the one being read */
};

void rule_reading_init(struct rule_reading *r, const char *field, struct pool_error *error);
/* One step down, to a member or an entry; returns where to go back to with rule_leave. */
size_t rule_enter(struct rule_reading *r, const char *key);
size_t rule_enter_entry(struct rule_reading *r, size_t i);
void rule_leave(struct rule_reading *r, size_t path_len);
/* WERR_INVALID: what the value here must be. */
int rule_refuse(struct rule_reading *r, const char *wish);
int rule_refuse_key(struct rule_reading *r, const char *key);
/* An object: read is called for each member, in its place; WERR_NOT_FOUND of it: there is no
 * such key. Else its result, or WERR_INVALID when there is no object. */
typedef int (*rule_member_fn)(struct rule_reading *r, const char *key, struct json_t *value,
                              void *out);
int rule_read_members(struct rule_reading *r, struct json_t *value, rule_member_fn read,
                      void *out);
/* A copy of the text here, of 1 to max bytes without control characters; *out is the caller's.
 * WERR_INVALID, WERR_NOMEM. */
int rule_read_text(struct rule_reading *r, struct json_t *value, size_t max, char **out);

#endif
