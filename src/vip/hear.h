/* hear.h - one message of the manager, and the descriptor that may come with it. */
#ifndef WELDR_VIP_HEAR_H
#define WELDR_VIP_HEAR_H

#include <sys/types.h>

/* The length of the packet, which may be more than the len bytes of buf; 0 at the end; -1 with
 * errno. *fd: the caller's, close-on-exec; -1: there came none, or more than one, which are
 * closed. */
ssize_t hear_packet(int manager, void *buf, size_t len, int *fd);

#endif
