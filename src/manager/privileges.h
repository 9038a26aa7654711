/* privileges.h - what the manager may do, and what of it it gives up once it listens.
 *
 * What is left serves listeners that come later, workers of another user (whom it starts, ends
 * and asks), and files of whoever they are. What virtual IPs need has the process that was
 * started for them before (vip_link.h), and no other one.
 */
#ifndef WELDR_MANAGER_PRIVILEGES_H
#define WELDR_MANAGER_PRIVILEGES_H

#include <stdbool.h>

#include "base/werr.h"

/* May this process put addresses on interfaces and announce them? */
bool privileges_allow_addresses(void);
/* For good, for this process and all that it starts from now on. WERR_*. */
int privileges_give_up(void) MUST_USE;

#endif
