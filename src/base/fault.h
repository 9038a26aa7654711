/* fault.h - allocation that can be made to fail on purpose.
 *
 * All of base allocates through fault_malloc (memory is given back with plain free). Not armed,
 * it is malloc behind one predictable branch. A test arms it: fault_set(n) makes the n-th
 * allocation from now return NULL, once; the ones before and after succeed. A fault sweep runs
 * the same scenario with n = 1, 2, 3 … until fault_is_armed() is still true at its end: then
 * every allocation of the scenario has failed once. The counter is one a process and not
 * thread-safe (so are the arena, slab and bufq stores).
 */
#ifndef WELDR_BASE_FAULT_H
#define WELDR_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

extern unsigned fault_countdown; /* 0: not armed; only for fault_malloc */

/* Arms: the n-th fault_malloc from now fails (1 = the next one); 0 disarms. */
void fault_set(unsigned n);
/* True while the armed failure has not happened yet. */
bool fault_is_armed(void);

/* As malloc; free() gives the memory back. */
static inline void *fault_malloc(size_t bytes)
{
    if (__builtin_expect(fault_countdown != 0, 0) && --fault_countdown == 0)
        return NULL;
    return malloc(bytes);
}

#endif
