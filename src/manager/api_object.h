/* api_object.h - what the resources of pools, listeners and rules have in common: find, show,
 * add, change, put and remove an object of the description, by a table of what differs.
 *
 * POST adds (201; a name or priority that is taken: 409), PUT is the upsert (201 or 200), PATCH
 * changes the members that are given, DELETE removes. A body may be what GET has answered,
 * edited (api_shown.h). Every change passes api_wish.h. Each kind has a file with its table and
 * thin handlers: api_pools.c, api_listeners.c, api_rules.c, api_certificates.c.
 */
#ifndef WELDR_MANAGER_API_OBJECT_H
#define WELDR_MANAGER_API_OBJECT_H

#include "manager/api_json.h"
#include "pool/pool_command.h"

struct api_conn;

struct api_object_kind {
    enum kind kind;
    enum pool_command_type remove;
    /* The object that the path names; NULL: none. */
    const void *(*find)(const struct api_conn *ac);
    /* After a change: by its id. */
    const void *(*find_id)(const struct api_conn *ac, uint64_t id);
    char *(*show)(const struct api_conn *ac, const void *object);
    uint64_t (*digest)(const void *object);
    /* By what the path names, or the object itself; for PUT and DELETE. */
    void (*name)(const struct api_conn *ac, const void *object, struct pool_command *c);
    /* is_put: to the name of the path. */
    int (*read_add)(const struct api_conn *ac, bool is_put, struct span body,
                    struct pool_command *c, struct pool_error *error);
    int (*read_change)(struct span body, struct pool_command *c, struct pool_error *error);
    /* Members of its document that can't be changed. */
    struct api_json_fixed_set fixed;
    void (*locate)(const struct api_conn *ac, const void *object, char *buf, size_t size);
};

/* For kinds whose bodies are read elsewhere: the command (ended) becomes a wish, whose outcome
 * is answered with the object; the object as it is. */
void api_object_wish(struct api_conn *ac, const struct api_object_kind *k,
                     struct pool_command *c);
void api_object_show(struct api_conn *ac, const struct api_object_kind *k, const void *object);
void api_object_none(struct api_conn *ac, const struct api_object_kind *k); /* 404 */
void api_object_get(struct api_conn *ac, const struct api_object_kind *k);
void api_object_add(struct api_conn *ac, const struct api_object_kind *k);
void api_object_put(struct api_conn *ac, const struct api_object_kind *k);
void api_object_change(struct api_conn *ac, const struct api_object_kind *k);
void api_object_remove(struct api_conn *ac, const struct api_object_kind *k);

#endif
