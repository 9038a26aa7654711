/* vip_main.h - the role `weldr vip-helper`: keeps what virtual IPs need, and nothing else.
 *
 * Started by the manager (manager/vip_link.c) with one end of a private socket pair as
 * descriptor INHERIT_FD_CHANNEL. It keeps CAP_NET_ADMIN and CAP_NET_RAW, can't gain others, and
 * may make the system calls of cage/filter_vip_calls.def. Signals that are meant for the
 * manager do not end it: it ends when the manager does.
 */
#ifndef WELDR_VIP_VIP_MAIN_H
#define WELDR_VIP_VIP_MAIN_H

#include "config/config.h"

/* The exit code: 0, or 1 when it can't keep anything (the log tells). */
int vip_main(const struct config *config);

#endif
