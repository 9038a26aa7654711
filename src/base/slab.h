/* slab.h - objects of one size, with a cap.
 *
 * slab_get returns zeroed objects; freed ones wait in a LIFO list (warm in cache). Memory is
 * taken from malloc in batches and given back with slab_settle when a burst is over (whole
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
    unsigned peak_n;     /* most in use since the last slab_settle */
    unsigned total_n;    /* objects of all batches */
    unsigned batch_n;    /* objects a batch */
    unsigned pause_n;    /* calls of slab_settle that do nothing */
    unsigned pause_next_n;
    void *free_list;
    struct slab_batch *batches;
};

void slab_init(struct slab *s, const char *name, size_t object_bytes, unsigned max);
/* All objects must have been put back (MUST). */
void slab_fini(struct slab *s);
/* Zeroed, aligned to 8; NULL at the cap or out of memory. */
void *slab_get(struct slab *s);
/* The same, but not zeroed. */
void *slab_get_raw(struct slab *s);
void slab_put(struct slab *s, void *object);
/* Gives wholly free batches back to the system while keep_n free objects are left; returns how
 * many. Walks over all free objects. */
unsigned slab_trim(struct slab *s, unsigned keep_n);
/* To be called every few seconds: gives back what was not needed since the last call, but for a
 * batch; returns the number of batches. When few objects hold many batches and nothing comes of
 * it, the next tries follow at growing distances. */
unsigned slab_settle(struct slab *s);

#endif
