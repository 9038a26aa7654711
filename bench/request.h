/*
 * What the load generator sends.
 */
#ifndef WELDR_BENCH_REQUEST_H
#define WELDR_BENCH_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct request_shape {
    size_t post_bytes;   /* of the body; 0: a GET */
    size_t fields_n;     /* beside the usual ones */
    unsigned pipeline_n; /* the same request so many times */
    bool is_last;        /* of its connection */
};

/* On the heap; NULL: no memory. */
char *request_make(const struct request_shape *shape, size_t *bytes);

#endif
