#include "manager/privileges.h"

#include <linux/capability.h>
#include <stdint.h>

#include "cage/cage.h"

bool privileges_allow_addresses(void)
{
    return cage_has_capabilities(1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW);
}

int privileges_give_up(void)
{
    static const uint64_t kept = 1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_KILL |
                                 1ULL << CAP_SETUID | 1ULL << CAP_SETGID |
                                 1ULL << CAP_DAC_OVERRIDE;
    const int rc = cage_keep_capabilities(kept);

    return rc < 0 ? rc : cage_end_privileges();
}
