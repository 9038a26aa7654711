#include <stdlib.h>

#include "cluster/raft_int.h"
#include "log/log.h"

/* libraft refuses entries while the files that a majority has allocated ahead have little room,
 * and learns of more room with the next entry that is stored. What it could not allocate when
 * it started it tries again only for an entry. So once everybody has been refused nobody would
 * ever look again: an entry without meaning has to come first. */

enum {
    ROOM_BYTES = 24 * 1024 * 1024, /* for what libraft allocates ahead */
    AMPLE_BYTES = 2 * ROOM_BYTES /* so that a disk at the edge isn't told of again and again */
};

static void on_stored(struct raft_barrier *req, int status)
{
    struct engine *e = req->data;

    (void)status;
    e->is_making_room = false;
    free(req);
}

static bool has_free(const struct engine *e, uint64_t bytes)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    return data_dir_check_space(e->dir, bytes, &wrong) == 0;
}

void engine_space_tend(struct engine *e)
{
    if (!e->lacks_room && !has_free(e, ROOM_BYTES)) {
        e->lacks_room = true;
        log_warn("the disk of the data directory is nearly full",
                 LOG_S("directory", e->dir->path), LOG_U("wanted_bytes", ROOM_BYTES));
    } else if (e->lacks_room && has_free(e, AMPLE_BYTES)) {
        e->lacks_room = false;
        log_info("the disk of the data directory has room again",
                 LOG_S("directory", e->dir->path));
    }
}

/* The entry waits for files of others, if they are what is short. */
void engine_space_look(struct engine *e)
{
    const unsigned short threshold = e->raft.capacity_threshold;

    if (e->is_making_room || !has_free(e, ROOM_BYTES))
        return;
    struct raft_barrier *req = calloc(1, sizeof(*req));
    if (req == NULL)
        return;
    req->data = e;
    raft_set_capacity_threshold(&e->raft, 0);
    e->is_making_room = raft_barrier(&e->raft, req, on_stored) == 0;
    raft_set_capacity_threshold(&e->raft, threshold);
    if (!e->is_making_room)
        free(req);
}
