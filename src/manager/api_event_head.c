#include "manager/api_event_head.h"

#include <string.h>

#include "http/msg.h"

void api_event_head_read(const struct msg *m, struct api_event_head *out)
{
    *out = (struct api_event_head){0};
    for (unsigned i = 0; i < m->field_n; i++) {
        const struct span name = msg_field_name(m, &m->fields[i]);
        const struct span value = msg_field_value(m, &m->fields[i]);

        if (span_is_equal_nocase(name, SPAN("Accept")))
            out->wants_stream = out->wants_stream ||
                                memmem(value.ptr, value.len, "text/event-stream", 17) != NULL;
        else if (span_is_equal_nocase(name, SPAN("Last-Event-ID")) &&
                 span_to_str(value, out->last_id, sizeof(out->last_id)) < 0)
            out->last_id[0] = '\0';
    }
}
