/* ends.h - how exchanges end: the table stats/ends.def as an enum and with its properties. */
#ifndef WELDR_WORKER_ENDS_H
#define WELDR_WORKER_ENDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum end_blame {
    END_BLAME_NOBODY,
    END_BLAME_CLIENT,
    END_BLAME_SERVER,
    END_BLAME_POOL,
    END_BLAME_WELDR
};

enum end {
#define END(name, word, status, blame, retry, text) END_##name,
#include "stats/ends.def"
#undef END
    ENDS
};

struct end_facts {
    const char *word;
    uint16_t status; /* what is answered when nothing was sent yet; 0: nothing */
    uint8_t blame;   /* enum end_blame */
    bool retry;      /* another attempt may do better */
    struct span text;
};

const struct end_facts *end_facts(enum end end);
/* There are a few words more on it (net/tlsio_faults.def). */
static inline bool end_is_of_tls(enum end end)
{
    return end == END_ORIGIN_TLS_UNTRUSTED || end == END_ORIGIN_TLS_FAILED;
}

#endif
