/* listener_settings.h - what the description says of how a listener treats its clients. */
#ifndef WELDR_WORKER_LISTENER_SETTINGS_H
#define WELDR_WORKER_LISTENER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

struct listener_timeouts {
    uint32_t client_head_ms;
    uint32_t client_body_ms;
    uint32_t client_idle_ms;
    uint32_t client_write_ms;
};

struct listener_bounds {
    uint64_t body_bytes; /* 0: unlimited */
    uint32_t request_line_bytes;
    uint32_t head_bytes;
    uint32_t fields;
    uint32_t chunk_extension_bytes; /* of a body in all */
    uint32_t trailer_bytes;
    uint32_t requests_per_connection; /* 0: unlimited */
    uint32_t connections;             /* of a worker; 0: unlimited */
    uint32_t connections_per_client;  /* in a worker; 0: unlimited */
    uint32_t min_rate_bytes;          /* per second; 0: off */
    uint32_t hops;                    /* Weldrs that a request has come through */
};

struct listener_settings {
    struct listener_timeouts timeouts;
    struct listener_bounds bounds;
    bool client_abort_on_fin;
    bool request_id_to_client;
};

#endif
