/* departures.h - addresses that leave this node on purpose: which clients connected to them,
 * and how many are left. departing.h does what the manager says about them.
 *
 * Each client knows its departure by its place here, which also tells whether it was there when
 * that began. To which address it connected the kernel is asked only while one leaves: of all
 * once when that begins, then of newcomers. The manager hears by PARTED how many are waited
 * for, once when it has asked and again when there are none: in LEAVING those that were there,
 * in SHUT all. Owned by the worker.
 */
#ifndef WELDR_WORKER_DEPARTURES_H
#define WELDR_WORKER_DEPARTURES_H

#include "net/loop.h"
#include "worker/worker.h"

/* NULL: it does not leave. */
struct departure *departures_find(struct worker *w, const struct addr *address);
/* Begins; NULL: too many leave. */
struct departure *departures_add(struct worker *w, const struct addr *address,
                                 enum frame_part_phase phase);
/* No client keeps a place there. */
void departures_remove(struct worker *w, struct departure *d);
/* The manager is to hear how many are left. */
void departures_tell(struct worker *w, struct departure *d);
/* What it is to hear next; false: nothing. */
bool departures_next_due(struct worker *w, struct frame_parted *said);

/* A client with this socket has just come: its place, which it gives back by departures_leave
 * when it has gone; 0: its address does not leave. */
uint8_t departures_enter(struct worker *w, const struct sock *s);
/* The same of one that was there before: is it of this departure? */
uint8_t departures_enter_before(struct worker *w, struct departure *d, const struct sock *s);
void departures_leave(struct worker *w, uint8_t place); /* no-op for 0 */
struct departure *departures_at(struct worker *w, uint8_t place);

#endif
