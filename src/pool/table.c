#include "pool/table.h"

#include "base/fault.h"

/* Adding must survive a failing allocation inside the table: uthash then takes the item out
 * again. */
#define HASH_NONFATAL_OOM      1
#define uthash_malloc(bytes)   fault_malloc(bytes)
#define uthash_free(ptr, size) free(ptr)
#define HASH_FUNCTION(key, len, value)             \
    do {                                           \
        (value) = (unsigned)XXH3_64bits(key, len); \
    } while (0)
#define XXH_INLINE_ALL
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <xxhash.h>

struct text_node {
    const char *key; /* the object's */
    void *object;
    UT_hash_handle hh;
};

struct id_node {
    uint64_t id;
    struct id_entry entry;
    UT_hash_handle hh;
};

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-cognitive-complexity,readability-function-size) */
static struct text_node *find_text(struct text_node *table, struct span key)
{
    struct text_node *node = NULL;
    HASH_FIND(hh, table, key.ptr, key.len, node);
    return node;
}

static int put_text(struct text_node **table, struct text_node *node)
{
    HASH_ADD_KEYPTR(hh, *table, node->key, strlen(node->key), node);
    return node->hh.tbl != NULL ? 0 : WERR_NOMEM;
}

static void delete_text(struct text_node **table, struct text_node *node)
{
    HASH_DELETE(hh, *table, node);
}

static struct id_node *find_id(struct id_node *table, uint64_t id)
{
    struct id_node *node = NULL;
    HASH_FIND(hh, table, &id, sizeof(id), node);
    return node;
}

static int put_id(struct id_node **table, struct id_node *node)
{
    HASH_ADD(hh, *table, id, sizeof(node->id), node);
    return node->hh.tbl != NULL ? 0 : WERR_NOMEM;
}

static void delete_id(struct id_node **table, struct id_node *node)
{
    HASH_DELETE(hh, *table, node);
}
/* NOLINTEND(readability-function-cognitive-complexity,readability-function-size) */

int text_table_add(struct text_node **table, const char *key, void *object)
{
    MUST(text_table_find(*table, span_from_str(key)) == NULL);
    struct text_node *node = fault_malloc(sizeof(*node));
    if (node == NULL)
        return WERR_NOMEM;
    *node = (struct text_node){.key = key, .object = object};
    int rc = put_text(table, node);
    if (rc != 0)
        free(node);
    return rc;
}

void text_table_remove(struct text_node **table, const char *key)
{
    struct text_node *node = find_text(*table, span_from_str(key));
    MUST(node != NULL);
    delete_text(table, node);
    free(node);
}

void *text_table_find(struct text_node *table, struct span key)
{
    struct text_node *node = key.len > 0 ? find_text(table, key) : NULL;
    return node != NULL ? node->object : NULL;
}

/* The list of all nodes outlives the table itself. */
void text_table_clear(struct text_node **table)
{
    struct text_node *node = *table;
    HASH_CLEAR(hh, *table);
    while (node != NULL) {
        struct text_node *next = node->hh.next;
        free(node);
        node = next;
    }
}

int id_table_add(struct id_node **table, uint64_t id, const struct id_entry *entry)
{
    MUST(id != 0 && find_id(*table, id) == NULL);
    struct id_node *node = fault_malloc(sizeof(*node));
    if (node == NULL)
        return WERR_NOMEM;
    *node = (struct id_node){.id = id, .entry = *entry};
    int rc = put_id(table, node);
    if (rc != 0)
        free(node);
    return rc;
}

void id_table_remove(struct id_node **table, uint64_t id)
{
    struct id_node *node = find_id(*table, id);
    MUST(node != NULL);
    delete_id(table, node);
    free(node);
}

struct id_entry *id_table_find(struct id_node *table, uint64_t id)
{
    struct id_node *node = find_id(table, id);
    return node != NULL ? &node->entry : NULL;
}

void id_table_clear(struct id_node **table)
{
    struct id_node *node = *table;
    HASH_CLEAR(hh, *table);
    while (node != NULL) {
        struct id_node *next = node->hh.next;
        free(node);
        node = next;
    }
}
