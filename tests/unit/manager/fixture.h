/* fixture.h - a manager for unit tests: pool, facts, checks, publish, on a real loop, with
 * either engine, without the API. The tests add workers of their own.
 */
#ifndef WELDR_TESTS_MANAGER_FIXTURE_H
#define WELDR_TESTS_MANAGER_FIXTURE_H

#include "cluster/delayed.h"
#include "manager/applied.h"
#include "manager/change.h"
#include "manager/follow.h"
#include "manager/leaving.h"
#include "manager/listeners.h"
#include "manager/manager.h"
#include "manager/servers.h"
#include "pool/pool_replica.h"

enum engine { ENGINE_SOLO, ENGINE_DELAYED, ENGINES };

/* options: of the delayed engine; NULL: a little of everything. The engine is started, and
 * leads. */
struct manager *fixture_start(enum engine engine, const struct delayed_options *options);
/* The same in two steps, for a manager that hears of what is restored. */
struct manager *fixture_new(void);
void fixture_run_engine(struct manager *m, enum engine engine,
                        const struct delayed_options *options);
/* The supervisor's slots and the channels are the caller's and gone. */
void fixture_stop(struct manager *m);
void fixture_turns(struct manager *m, unsigned n);
void fixture_run_until_led(struct manager *m);
/* Proposes, waits for the end; < 0: of the agreement or of pool_apply. outcome may be NULL. */
int fixture_change(struct manager *m, struct pool_command *c, struct pool_outcome *outcome);
/* A voter that the tests speak for. */
void fixture_add_member(struct manager *m, uint64_t id);
/* Sockets that were bound; before the slots go. */
void fixture_close_listeners(struct manager *m);
/* POST /servers with this body. */
int fixture_add(struct manager *m, const char *body, struct pool_outcome *outcome);
/* Of any kind; one that makes sense, mostly. */
void fixture_random_command(struct pool_command *c, const struct pool_state *s,
                            struct rand_state *rand);
/* What came of up to 40 random commands. */
void fixture_random_replica(struct pool_replica *r, struct rand_state *rand);

#endif
