/* departing.h - what the manager says of an address that leaves this node on purpose (a virtual
 * IP that moves), done: frame PART.
 *
 * LEAVING: who is connected there hears with his next response that it is the last (Connection:
 * close, GOAWAY); who asks nothing is closed after a while, and who comes still gets one
 * response. SHUT: nobody comes any more, the manager sees to that, and all are waited for.
 * STAY: all as usual. A tunnel is waited for until somebody cuts it. Called by channel.h.
 */
#ifndef WELDR_WORKER_DEPARTING_H
#define WELDR_WORKER_DEPARTING_H

#include "worker/worker.h"

/* WERR_NO_SPACE: more than DEPARTURES_MAX leave. */
int departing_take(struct worker *w, const struct frame_part *part) MUST_USE;
/* All that leave are about to be told of again, and then a snapshot comes: those that were not
 * told of stay, for that word was left out for the snapshot. */
void departing_forget_told(struct worker *w);
void departing_stay_untold(struct worker *w);

#endif
