/* slab.h - objects of one size, with a cap.
 *
 * slab_get returns zeroed objects; freed ones wait in a LIFO list (warm in cache). Memory is
 * taken from malloc in batches and given back with slab_trim when a burst is over (whole
 * batches that are free) or slab_fini. The cap is the bound that turns overload into refusal.
 * In a build with AddressSanitizer objects that are not in use are poisoned, so that a use
 * after slab_put shows as it would after free().
 */
#ifndef WELDR_BASE_SLAB_H
#define WELDR_BASE_SLAB_H

#include <stddef.h>

struct slab_batch;
struct slab {
    const char *name;
    size_t object_bytes; /* rounded up to 8 */
    unsigned max;        /* 0: no cap */
    unsigned in_use;     /* objects got and not yet put */
    unsigned batch_n;    /* objects a batch */
    void *free_list;
    struct slab_batch *batches;
};

void slab_init(struct slab *s, const char *name, size_t object_bytes, unsigned max);
/* All objects must have been put back (MUST). */
void slab_fini(struct slab *s);
/* Zeroed, aligned to 8; NULL at the cap or out of memory. */
void *slab_get(struct slab *s);
void slab_put(struct slab *s, void *object);
/* Gives wholly free batches back to the system; returns how many. */
unsigned slab_trim(struct slab *s);

#endif
