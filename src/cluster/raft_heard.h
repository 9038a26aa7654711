/* raft_heard.h - who is heard of, and who hears of nobody: the engine's part (raft_contact.c).
 *
 * A voter finds out by an election that its leader is gone. One without a vote stands for none,
 * and libraft tells it of the same leader for ever; so silence is measured here. Owner: the
 * engine, whose files see this by raft_int.h.
 */
#ifndef WELDR_CLUSTER_RAFT_HEARD_H
#define WELDR_CLUSTER_RAFT_HEARD_H

#include <stdbool.h>
#include <stdint.h>

struct engine;

/* A message of this member has come. */
void engine_contact_heard(struct engine *e, uint64_t id);
/* Since then; of self 0. UINT64_MAX: never. */
uint64_t engine_contact_silent_ms(const struct engine *e, uint64_t id);
bool engine_contact_is_live(const struct engine *e, uint64_t id, uint64_t within_ms);
/* This node has no vote, and that leader is silent for longer than two elections take. */
bool engine_contact_is_lost(const struct engine *e, uint64_t leader_id);
/* This node votes alone for several, has begun lately and heard of none of them: they may have
 * gone on without it (recover.h), and it would be told so. Not of one that goes on. */
bool engine_contact_may_be_past(const struct engine *e);
/* Since any other member was heard of, or the engine began; 0: it leads. */
uint64_t engine_contact_alone_ms(const struct engine *e);

#endif
