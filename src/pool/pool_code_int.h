/* pool_code_int.h - what the files pool_code_*.c share: reading JSON into a command, and
 * writing it back.
 *
 * A document is read member by member, by a table of keys; what is wrong is told with its
 * field. Each kind of object has one struct code_kind, whose read and write are the two
 * directions of the same document: the object of a command as "set" of its log entry, as API
 * body and as record of a snapshot. Only these files know jansson.
 */
#ifndef WELDR_POOL_POOL_CODE_INT_H
#define WELDR_POOL_POOL_CODE_INT_H

#include <jansson.h>

#include "base/jtext.h"
#include "pool/pool_code.h"
#include "pool/pool_command.h"
#include "pool/pool_health.h"

/* A document being read into a command. */
struct reading {
    struct pool_command *c;
    const struct pool_server *current; /* PATCH of a server: its meta is merged into; or NULL */
    struct pool_error *error;          /* or NULL */
    bool is_stored;                    /* our own: a log entry or a record of a snapshot */
    bool is_listed;                    /* a server in a list of all: admin counts */
    struct span name;                  /* PUT of a named object: what its name must be */
    uint32_t seen;                     /* bits of struct member */
    /* The settings that the document may hold, and where they go. */
    const struct settings_table *table;
    void *settings;
    uint64_t *given;
    const struct member *tls; /* "tls": what it may hold beside those; NULL: nothing */
};

typedef int (*read_fn)(struct reading *r, json_t *value);

/* null is read too: it stands for the default. */
struct member {
    const char *key; /* NULL: end of the table */
    read_fn read;
    uint32_t bit; /* remembered in seen */
};

struct code_kind {
    /* Into r->c, by its verb (ADD: all, but with defaults for what is missing). */
    read_fn read;
    /* What the command gives, as an object with this key; nothing for a REMOVE. */
    void (*write)(struct jtext *t, const char *key, const struct pool_command *c);
};

extern const struct code_kind code_server, code_pool, code_listener, code_rule,
    code_certificate, code_vip;
const struct code_kind *code_kind(enum kind kind);

/* ---- pool_code_server.c, pool_code_list.c ---- */

/* A server as in a POST or in a snapshot; what GET alone shows is passed over. */
int code_read_whole_server(struct reading *r, json_t *object);
void code_write_whole_server(struct jtext *t, const char *key,
                             const struct pool_server *server);
/* What it says beside the defaults. */
void code_write_short_server(struct jtext *t, const struct pool_server *server);
/* {"servers":[]} of a log entry: those that were in it are read one by one. */
int code_read_list(struct reading *r, json_t *object);
/* A payload up to its first server, closed behind that; *rest is what follows. NULL: no memory,
 * or there is no list (rest->ptr NULL). */
char *code_cut_list(struct span payload, struct span *rest);
/* Room for the servers of rest. WERR_NOMEM. */
int code_make_list(struct pool_code_parts *parts);
void code_write_list(struct jtext *t, const char *key, const struct pool_command *c);

/* ---- pool_code_read.c ---- */

int code_refuse_value(struct reading *r, const char *field, const char *wish);
int code_refuse_key(struct reading *r, const char *prefix, const char *key);
int code_refuse_missing(struct reading *r, const char *field);
int code_read_members(struct reading *r, json_t *object, const struct member *members);
/* The same, and the settings of r->table. */
int code_read_settings(struct reading *r, json_t *object, const struct member *members);
struct span code_text(json_t *value);
/* False when the value is no integer (1.0 is none) or out of range. */
bool code_number(json_t *value, uint64_t min, uint64_t max, uint64_t *n);
/* "check" of a server or a pool. */
int code_read_check(struct reading *r, json_t *value);
/* "name" of a pool or a listener, into name of POOL_NAME_MAX + 1. */
int code_read_name(struct reading *r, json_t *value, char *name);
/* r->name, when there is one, likewise; frees the command when it is no name. */
int code_take_name(struct reading *r, char *name);
/* Reads a whole document into the initialised command, which is freed again on failure. */
int code_read_document(struct span body, struct reading *r, read_fn read);
/* The object that the text begins with, which is cut off. WERR_CORRUPT, WERR_NOMEM. */
int code_cut_object(struct span *text, json_t **object);
/* The body as an object. WERR_SYNTAX, WERR_INVALID, WERR_NOMEM. */
int code_parse(struct span body, json_t **object, struct pool_error *error);

/* ---- pool_code_write.c ---- */

/* Takes the value over; NULL counts as out of memory. */
void code_write_json(struct jtext *t, const char *key, json_t *value);
/* Members of h in set as values, those in unset as null. */
void code_write_health(struct jtext *t, const char *key, const struct pool_health *h,
                       uint32_t unset);
/* What "tls" holds beside settings: the members of `of` in set (0: none). */
struct code_tls {
    void (*write)(struct jtext *t, const void *of, uint32_t set);
    const void *of;
    uint32_t set;
};
/* Groups as objects, then the settings that have none; those in given. tls may be NULL. */
void code_write_settings(struct jtext *t, const struct settings_table *table,
                         const void *settings, uint64_t given, const struct code_tls *tls);
/* null for NULL. */
void code_write_text(struct jtext *t, const char *key, const char *text);

/* ---- pool_code_listener_tls.c ---- */

extern const struct member code_listener_tls[];
void code_write_listener_tls(struct jtext *t, const void *of, uint32_t set);
/* null or certificates in PEM, which are not looked into. */
int code_read_pem(struct reading *r, const char *field, json_t *value, size_t most, char **to);
/* The name or the id of a certificate. */
int code_read_certificate_name(struct reading *r, const char *field, json_t *value, char **to);

/* ---- pool_code_pool_tls.c ---- */

extern const struct member code_pool_tls[];
void code_write_pool_tls(struct jtext *t, const void *of, uint32_t set);

#endif
