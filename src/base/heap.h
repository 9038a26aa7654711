/* heap.h - what the C library's allocator holds back, and making it let go.
 *
 * free() gives memory to the system only from the end of the heap; what lies between blocks in
 * use stays with the process until heap_trim.
 */
#ifndef WELDR_BASE_HEAP_H
#define WELDR_BASE_HEAP_H

#include <stddef.h>

/* Opens /proc/self/statm, once, for heap_held_bytes: a worker may open nothing later. */
void heap_watch(void);
/* Memory that this process has of the system beyond what is allocated: free blocks that are
 * held back, and some that never changes (stack, variables). The allocator's own figures will
 * not do, they count pages that it has given away as free. 0 unless heap_watch came before. */
size_t heap_held_bytes(void);
/* Gives whole free pages to the system, wherever they lie; takes as long as there are many. */
void heap_trim(void);

#endif
