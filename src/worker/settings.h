/* settings.h - what a pool may say about how its requests are handled: bounds, slow peers,
 * further attempts.
 *
 * One of these a worker; the values are the defaults. Read through worker_settings() at the
 * moment of use, so that a change holds for the next decision of everything that runs.
 */
#ifndef WELDR_WORKER_SETTINGS_H
#define WELDR_WORKER_SETTINGS_H

#include <stdint.h>

struct worker_settings {
    struct {
        uint32_t tunnel_ms; /* without a byte either way */
    } timeouts;
    struct {
        uint32_t attempts;       /* in all, the first one too */
        uint32_t budget_percent; /* of the running requests may be further attempts */
        uint32_t replay_bytes;   /* of a request's body are kept for another attempt */
    } retry;
};

extern const struct worker_settings worker_settings_default;

#endif
