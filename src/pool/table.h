/* table.h - look-up tables of the description: from a text and from an id to an object.
 *
 * A table is a pointer to its first node, NULL when empty. The key of a text table is a string
 * that belongs to the object and must live as long as it is in the table. Only pool/ uses this.
 * Memory comes from base/fault.h; taking away needs none. Pure.
 */
#ifndef WELDR_POOL_TABLE_H
#define WELDR_POOL_TABLE_H

#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"
#include "pool/kinds.h"

struct text_node;
struct id_node;

struct id_entry {
    enum kind kind;
    void *object;
    void *owner; /* the pool of a server, the listener of a rule; else NULL */
};

/* The key must not be there. WERR_NOMEM. */
int text_table_add(struct text_node **table, const char *key, void *object) MUST_USE;
void text_table_remove(struct text_node **table, const char *key);
void *text_table_find(struct text_node *table, struct span key); /* NULL: none */
void text_table_clear(struct text_node **table);

/* The id must not be there. WERR_NOMEM. */
int id_table_add(struct id_node **table, uint64_t id, const struct id_entry *entry) MUST_USE;
void id_table_remove(struct id_node **table, uint64_t id);
/* To be read, or to be given another object; NULL: none. */
struct id_entry *id_table_find(struct id_node *table, uint64_t id);
void id_table_clear(struct id_node **table);

#endif
