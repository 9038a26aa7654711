#include "manager/api_cursor.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"

void api_cursor_print(const struct api_cursor *at, uint64_t epoch, char *buf)
{
    (void)snprintf(buf, PICK_CURSOR_MAX,
                   "%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64, epoch, at->next,
                   at->left_id, at->left_no, at->left_end);
}

int api_cursor_read(struct span text, uint64_t epoch, struct api_cursor *at)
{
    uint64_t numbers[5];

    for (unsigned i = 0; i < 5; i++)
        if (num_from_hex(span_cut(&text, '-'), UINT64_MAX, &numbers[i]) < 0)
            return WERR_SYNTAX;
    if (text.ptr != NULL)
        return WERR_SYNTAX;
    if (numbers[0] != epoch)
        return WERR_NOT_FOUND;
    at->next = numbers[1];
    at->left_id = numbers[2];
    at->left_no = numbers[3];
    at->left_end = numbers[4];
    return 0;
}
