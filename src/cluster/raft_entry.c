#include "cluster/raft_entry.h"

#include <endian.h>
#include <string.h>

enum { FORMAT = 1, ALIGNMENT = 8 };

struct head {
    uint8_t format;
    uint8_t type;
    uint8_t level;
    uint8_t flags;
    uint32_t len;
    uint8_t request_id[CLUSTER_ID_BYTES];
};
_Static_assert(sizeof(struct head) == ENGINE_ENTRY_HEAD_BYTES, "as it stands on disk");

size_t engine_entry_size(size_t command_len)
{
    const size_t whole = ENGINE_ENTRY_HEAD_BYTES + command_len;

    return (whole + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void engine_entry_write(const struct engine_entry_view *view, uint8_t *to)
{
    const struct span command = view->command;
    struct head head = {.format = FORMAT, .type = (uint8_t)view->type, .level = view->level};
    const size_t used = sizeof(head) + command.len;

    MUST(command.len <= ENGINE_ENTRY_MAX_BYTES);
    head.len = htole32((uint32_t)command.len);
    memcpy(head.request_id, view->request_id, sizeof(head.request_id));
    memcpy(to, &head, sizeof(head));
    if (command.len > 0)
        memcpy(to + sizeof(head), command.ptr, command.len);
    memset(to + used, 0, engine_entry_size(command.len) - used);
}

static bool is_known(uint8_t type)
{
    return type == ENGINE_ENTRY_COMMAND || type == ENGINE_ENTRY_ROSTER;
}

int engine_entry_read(struct span whole, struct engine_entry_view *view)
{
    struct head head;

    view->level = 0;
    if (whole.len < sizeof(head))
        return WERR_CORRUPT;
    memcpy(&head, whole.ptr, sizeof(head));
    view->level = head.level;
    if (head.format != FORMAT || !is_known(head.type) || head.flags != 0)
        return WERR_UNSUPPORTED;
    const size_t len = le32toh(head.len);
    if (len > ENGINE_ENTRY_MAX_BYTES || engine_entry_size(len) != whole.len)
        return WERR_CORRUPT;
    view->type = (enum engine_entry_type)head.type;
    view->request_id = (const uint8_t *)whole.ptr + offsetof(struct head, request_id);
    view->command = span_from(whole.ptr + sizeof(head), len);
    return 0;
}
