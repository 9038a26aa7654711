/* An entry of the log: anything. What is read is written again as the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "cluster/raft_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct engine_entry_view view;

    if (engine_entry_read(span_from((const char *)data, size), &view) < 0)
        return 0;
    uint8_t *again = malloc(size);
    MUST(again != NULL && engine_entry_size(view.command.len) == size);
    engine_entry_write(&view, again);
    MUST(memcmp(again, data, ENGINE_ENTRY_HEAD_BYTES + view.command.len) == 0);
    free(again);
    return 0;
}
