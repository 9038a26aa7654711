/* tell.h - what the helper tells its manager (wire/vip_message.h). Never waits. */
#ifndef WELDR_VIP_TELL_H
#define WELDR_VIP_TELL_H

#include "vip/plan.h"

void tell_hello(int manager);
void tell_busy(int manager, bool is_busy);
/* Of VIP_KEEP_OUT: 0 or WERR_*. */
void tell_kept_out(int manager, int error);
void tell_not_named(int manager, const struct addr *a);
/* What the rows have to tell; false: the socket is full, the rest comes at the next call. */
bool tell_all(int manager, struct plan *p);

#endif
