/* pool_mem.h - memory for the files of pool/.
 *
 * All of it comes from base/fault.h, so that tests can make any single allocation fail. What
 * can fail leaves its target as it was. Freed by free(). Pure.
 */
#ifndef WELDR_POOL_POOL_MEM_H
#define WELDR_POOL_POOL_MEM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

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

/* Room for one more in a vector of pointers: the block, which may have moved, or NULL. */
static inline void *pool_reserve(void *items, uint32_t n, uint32_t *cap)
{
    if (n < *cap)
        return items;
    uint32_t wider = *cap == 0 ? 8 : *cap * 2;
    void *grown = pool_grow(items, n * sizeof(void *), wider * sizeof(void *));
    if (grown != NULL)
        *cap = wider;
    return grown;
}

#endif
