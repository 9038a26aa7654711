/* inherit.h - the descriptor numbers at which a worker finds what the manager hands down over
 * exec.
 *
 * The channel (frames of wire/frame.h), the statistics segment (stats/stats.h) and, if there
 * are several workers, this worker's inbox (net/inbox.h) and the outbox to each worker's inbox,
 * in the order of their ids. Listening sockets come over the channel (FRAME_LISTEN).
 */
#ifndef WELDR_WIRE_INHERIT_H
#define WELDR_WIRE_INHERIT_H

enum inherit_fd { INHERIT_FD_CHANNEL = 3, INHERIT_FD_STATS = 4, INHERIT_FD_INBOX = 5 };

#endif
