/* spread.h - evens out the clients of the workers: a worker that has many passes a connection
 * that it has just accepted to one that has few.
 *
 * Each worker has a listening socket of its own and the kernel's hash of the addresses says
 * which one a connection comes to. That is fair in the long run and not with few: of 64
 * connections at 4 workers the fullest gets 20 on average and in some per cent of the runs more
 * than 24; long-lived ones stay like that. What else there is does not mend it: a program at
 * the reuse-port group (SO_ATTACH_REUSEPORT_CBPF) sees the packet and not the load, so it is
 * another hash; one socket for all, watched with EPOLLEXCLUSIVE, wakes the last that went to
 * sleep and gives nearly everything to few workers; choosing by load in the kernel takes eBPF
 * and its privileges. Where a supervisor has opened the socket (net/passed.h) it is one for all
 * nevertheless, and what follows is what evens it out.
 *
 * So the hash stays, nothing changes for a connection that comes to the right worker, and the
 * others go on in one message (SCM_RIGHTS, net/inbox.h): some microseconds, before anything was
 * read or registered. The loads are read from the statistics segment (stats/share.h): a few
 * cache lines for an accept, nothing for a request. What can't be passed (inbox full, its
 * reader draining) is kept: no connection is lost, and none is passed twice. Those in the inbox
 * of a worker that dies are passed on to others by the manager (manager/stand_in.h).
 */
#ifndef WELDR_WORKER_SPREAD_H
#define WELDR_WORKER_SPREAD_H

#include <stdbool.h>
#include <stdint.h>

struct accepted;
struct spread;
struct worker;

/* Of so many workers the loads are looked at for one connection; with more workers these are
 * each time others. */
enum { SPREAD_LOOK_N = 16 };

struct spread_seat {
    uint32_t load;
    bool takes; /* of the own one it does not matter */
};

/* Pure. seats[0] is our own, its load with the connection that is to be placed; returns where
 * it should go, 0: here. The rule: nobody should get above 5/4 of the mean, nor have twice as
 * many as another (whom a crash has emptied, say), as far as whole connections allow it. With
 * is_churn connections end so soon that what is uneven evens out by itself: only what is far
 * too much for one worker goes elsewhere then. */
unsigned spread_choose(const struct spread_seat *seats, unsigned n, bool is_churn);

/* In on_accept of the socket with this number: has the connection gone to another worker? */
bool spread_pass(struct spread *s, struct accepted *a, uint32_t socket_no);
/* Our number of clients has changed. */
void spread_tell(struct worker *w);

#endif
