#include "cluster/retry.h"

bool retry_may_begin(const struct retry *r, uint64_t now_ms)
{
    return now_ms >= r->again_ms;
}

static uint32_t next_delay_ms(uint32_t delay_ms)
{
    if (delay_ms == 0)
        return RETRY_FIRST_MS;
    return delay_ms < RETRY_LAST_MS / 2 ? 2 * delay_ms : RETRY_LAST_MS;
}

bool retry_has_failed(struct retry *r, int error, uint64_t now_ms)
{
    const bool is_another = error != r->error;

    r->error = error;
    r->delay_ms = next_delay_ms(r->delay_ms);
    r->again_ms = now_ms + r->delay_ms;
    return is_another;
}

void retry_has_succeeded(struct retry *r)
{
    *r = (struct retry){.again_ms = 0};
}
