#include <unistd.h>

#include "base/fault.h"
#include "cluster/raft_int.h"
#include "log/log.h"

/* The memory of libraft. 0.22.1 enters an entry in its books before it has memory for a copy:
 * without, it stands in one of them and not in the other, the next append is handed NULL in
 * place of its entries (UvAppend reads through it), and what was given back is given back once
 * more. Nothing from outside leads back from there. So a node that has no memory for that ends,
 * as one that is killed, and a start finds what is on its disk.
 *
 * Long pieces may be refused: they are messages, whose length another node says, and have not
 * come to the books yet. */

enum { REFUSED_BYTES = 16 * 1024 * 1024, EXIT_NO_MEMORY = 4 };

static void *need(void *got, size_t bytes)
{
    if (got != NULL || bytes >= REFUSED_BYTES)
        return got;
    log_error("no memory for the log of the cluster: this node ends, and has lost nothing that "
              "was acknowledged",
              LOG_U("bytes", bytes));
    _exit(EXIT_NO_MEMORY);
}

static void *get(void *data, size_t size)
{
    (void)data;
    return need(fault_malloc(size), size);
}

static void give_back(void *data, void *ptr)
{
    (void)data;
    free(ptr);
}

static void *get_zeroed(void *data, size_t n, size_t size)
{
    (void)data;
    return need(calloc(n, size), n * size);
}

static void *get_more(void *data, void *ptr, size_t size)
{
    (void)data;
    return need(realloc(ptr, size), size);
}

static void *get_aligned(void *data, size_t alignment, size_t size)
{
    (void)data;
    return need(aligned_alloc(alignment, size), size);
}

static void give_back_aligned(void *data, size_t alignment, void *ptr)
{
    (void)data;
    (void)alignment;
    free(ptr);
}

void engine_heap_use(void)
{
    static struct raft_heap heap = {.malloc = get,
                                    .free = give_back,
                                    .calloc = get_zeroed,
                                    .realloc = get_more,
                                    .aligned_alloc = get_aligned,
                                    .aligned_free = give_back_aligned};

    raft_heap_set(&heap);
}
