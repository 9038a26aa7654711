#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_BYTES 34
#define USUAL_BYTES 256

char *request_make(const struct request_shape *shape, size_t *bytes)
{
    static const char filler[] = "0123456789abcdefghi";
    size_t room = USUAL_BYTES + shape->fields_n * FIELD_BYTES + shape->post_bytes;
    char *requests = malloc(room * shape->pipeline_n);
    if (requests == NULL)
        return NULL;
    size_t used = (size_t)snprintf(
        requests, USUAL_BYTES,
        "%s / HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: load\r\nAccept: */*\r\n%s",
        shape->post_bytes > 0 ? "POST" : "GET", shape->is_last ? "Connection: close\r\n" : "");
    for (size_t i = 0; i < shape->fields_n; i++)
        used += (size_t)snprintf(requests + used, FIELD_BYTES, "X-Field-%02zu: %s\r\n", i % 100,
                                 filler);
    if (shape->post_bytes > 0)
        used +=
            (size_t)snprintf(requests + used, 64, "Content-Length: %zu\r\n", shape->post_bytes);
    used += (size_t)snprintf(requests + used, 3, "\r\n");
    memset(requests + used, 'x', shape->post_bytes);
    used += shape->post_bytes;
    for (unsigned i = 1; i < shape->pipeline_n; i++)
        memcpy(requests + i * used, requests, used);
    *bytes = used * shape->pipeline_n;
    return requests;
}
