/* search.h - binary search in what is sorted by a number.
 *
 * The array may be of anything: key_at says the number of its i-th. Always inlined, and key_at
 * with it, so that it costs what a loop written on the spot does. Pure.
 */
#ifndef WELDR_BASE_SEARCH_H
#define WELDR_BASE_SEARCH_H

#include <stdint.h>

typedef uint64_t (*search_key_fn)(const void *array, uint32_t i);

/* The least i whose key is not below this one; n: all are. The keys do not fall. */
static inline __attribute__((always_inline)) uint32_t
search_place(const void *array, uint32_t n, search_key_fn key_at, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (key_at(array, middle) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
