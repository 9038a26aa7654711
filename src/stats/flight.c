#include "stats/flight.h"

static const struct flight_facts kinds[FLIGHT_KINDS] = {
#define FLIGHT(name, text, a, b) [FLIGHT_##name] = {text, a, b},
#include "stats/flight.def"
#undef FLIGHT
};

bool flight_read(const struct flight *f, unsigned i, struct flight_event *out)
{
    const uint64_t n = __atomic_load_n(&f->n, __ATOMIC_ACQUIRE);

    /* The place after the last is the one that is being written. */
    if (i >= n || i >= FLIGHT_EVENTS - 1)
        return false;
    *out = f->ring[(n - 1 - i) % FLIGHT_EVENTS];
    return out->what < FLIGHT_KINDS;
}

uint64_t flight_age_ms(const struct flight_event *e, uint64_t now_us)
{
    const uint32_t units = (uint32_t)(now_us >> FLIGHT_UNIT_BITS) - e->at;

    return ((uint64_t)units << FLIGHT_UNIT_BITS) / 1000;
}

const struct flight_facts *flight_facts(const struct flight_event *e)
{
    return &kinds[e->what];
}
