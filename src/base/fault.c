#include "base/fault.h"

unsigned fault_countdown;

void fault_set(unsigned n)
{
    fault_countdown = n;
}

bool fault_is_armed(void)
{
    return fault_countdown != 0;
}
