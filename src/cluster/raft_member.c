#include <stdlib.h>

#include "cluster/raft_int.h"
#include "log/log.h"

/* The member file of a node that runs. To write it takes two syncs, which is long on a busy
 * disk, and longer than an election on a sick one; so it is done in libuv's thread pool: one at
 * a time, with what is to be kept when it begins. What changes meanwhile is written behind it,
 * and what has failed is tried again.
 *
 * Nothing that is said to others waits for it. An incarnation and an address of a member come
 * with the log, which is on disk first; a certificate that is lost is made anew. Who joins or
 * recovers says so to people and begins by it, and writes it there and then. */

enum { AGAIN_MS = 1000 };

static void tell_failure(struct engine *e, int rc)
{
    struct saving *s = &e->saving;

    e->must_save = true;
    s->again_ms = loop_now_ms(e->loop.loop) + AGAIN_MS;
    if (!s->has_failed)
        log_error("who this node is can't be kept: it is tried again",
                  LOG_S("directory", e->dir->path), LOG_S("file", "member"),
                  LOG_S("error", werr_text(rc)));
    s->has_failed = true;
}

static void end(struct engine *e, int rc)
{
    struct saving *s = &e->saving;

    free(s->bytes);
    s->bytes = NULL;
    if (rc < 0) {
        tell_failure(e, rc);
        return;
    }
    if (s->has_failed)
        log_info("who this node is is kept again");
    s->has_failed = false;
}

static void write_file(uv_work_t *work)
{
    struct engine *e = work->data;

    e->saving.error = member_file_put(e->dir, span_from(e->saving.bytes, e->saving.len));
}

static void begin(struct engine *e);

/* Of a node that ends there is no later turn. */
static void on_written(uv_work_t *work, int status)
{
    struct engine *e = work->data;
    const int rc = status < 0 ? WERR_IO : e->saving.error;

    end(e, rc);
    if (rc == 0 && e->is_closing && e->must_save)
        begin(e);
}

static void begin(struct engine *e)
{
    struct saving *s = &e->saving;
    int rc = member_file_encode(e->dir, e->node_key, &e->member, &s->bytes, &s->len);

    e->must_save = false;
    if (rc < 0) {
        s->bytes = NULL;
        tell_failure(e, rc);
        return;
    }
    s->work.data = e;
    if (uv_queue_work(&e->loop.uv, &s->work, write_file, on_written) < 0)
        end(e, WERR_NOMEM);
    engine_loop_kick(&e->loop);
}

/* Who recovers writes once, in line. */
static bool can_begin(const struct engine *e)
{
    return e->must_save && e->saving.bytes == NULL && !e->options.recovers &&
           roster_is_made(e->roster) && e->member.cluster_key != NULL;
}

void engine_member_tend(struct engine *e)
{
    if (can_begin(e) && loop_now_ms(e->loop.loop) >= e->saving.again_ms)
        begin(e);
}

int engine_member_save(struct engine *e)
{
    char text[DATA_DIR_WRONG_MAX];
    struct strb wrong;

    MUST(e->saving.bytes == NULL);
    strb_init(&wrong, text, sizeof(text));
    const int rc = member_file_write(e->dir, e->node_key, &e->member, &wrong);
    e->must_save = rc < 0;
    if (rc < 0)
        log_error("who this node is can't be kept", LOG_B("why", strb_span(&wrong)));
    return rc;
}

void engine_member_close(struct engine *e)
{
    if (can_begin(e))
        begin(e);
}
