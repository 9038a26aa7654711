#include "http/event.h"

const char *event_name(enum event_type type)
{
    static const char *const names[] = {
        [EVENT_INFO] = "INFO",         [EVENT_HEAD] = "HEAD", [EVENT_BODY] = "BODY",
        [EVENT_TRAILERS] = "TRAILERS", [EVENT_END] = "END",   [EVENT_RESET] = "RESET",
    };
    return (unsigned)type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}
