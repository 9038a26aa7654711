/* fake_kinds.h - what an origin of fake_origin.h does for a request, by the kind that its
 * target names; only for fake_origin.c.
 */
#ifndef WELDR_TESTS_SIM_FAKE_KINDS_H
#define WELDR_TESTS_SIM_FAKE_KINDS_H

#include "fake_origin.h"

/* When the head has come, and when all has. */
void fake_behave(struct fake_conn *c, bool at_head);
/* Of fake_conn.late. */
void fake_on_late(struct timer *t);

#endif
