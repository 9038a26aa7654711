/* api_int.h - what the files of a connection to the management API share: api.c (connections),
 * api_request.c (what comes in), api_respond.c (what goes out), api_change.c (a change in
 * between). The handlers know api.h only.
 */
#ifndef WELDR_MANAGER_API_INT_H
#define WELDR_MANAGER_API_INT_H

#include "manager/api.h"

enum { API_MAGIC = 0x61706963 };

static inline struct api_conn *api_conn_of(struct conn *c)
{
    struct api_conn *ac = (struct api_conn *)c; /* its first member */

    MUST(ac->magic == API_MAGIC);
    return ac;
}

/* ---- api.c ---- */

/* The one way to change the phase. */
void api_move(struct api_conn *ac, enum api_phase next, const char *why);
void api_note_place(struct api_conn *ac, enum place_state state);

/* ---- api_change.c ---- */

/* False: there is none now, and that was answered. */
bool api_has_engine(struct api_conn *ac);
/* What was asked of the engine was not done, for this reason (cluster.h). */
void api_respond_failure(struct api_conn *ac, int rc);
/* The handler runs when this node knows all that was committed before. */
void api_await_fresh(struct api_conn *ac);

/* ---- api_cluster.c ---- */

/* Of the path; false: 404 is answered, for it can't be a member's. */
bool api_read_member_id(struct api_conn *ac, uint64_t *id);
/* A body with the member that is to have something, "to"; 0: whoever is fit. False: it can't be
 * read, and that was answered. */
bool api_read_to(struct api_conn *ac, uint64_t *member);

/* ---- api_force.c ---- */

/* A body with "fenced", the id of a member; 0: there is none. False: as above. */
bool api_read_fenced(struct api_conn *ac, uint64_t *fenced);
/* The response comes when this node is the whole cluster, or says why it is not (fence.h). */
void api_promote_by_force(struct api_conn *ac, uint64_t id, uint64_t fenced);

/* ---- api_request.c ---- */

void api_on_event(struct conn *c, struct event *ev);
/* The request is whole, or its time has come again: its handler runs. */
void api_handle(struct api_conn *ac);
/* 100: for a client that waits for it, or to find out whether one is still there. */
void api_send_continue(struct api_conn *ac);
/* Body and target are of no use any more. */
void api_drop_request(struct api_conn *ac);

/* ---- api_respond.c ---- */

/* The head of a response that is a stream of events; its body follows as they come. */
void api_begin_stream(struct api_conn *ac);

/* The response was taken: the next request may come. */
void api_hear_next(struct api_conn *ac);
/* The client takes more. */
void api_send_more(struct api_conn *ac);
void api_on_next_page(struct loop_work *w);

#endif
