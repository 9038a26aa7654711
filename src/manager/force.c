#include "manager/force.h"

#include "cluster/recover.h"
#include "log/log.h"
#include "manager/manager.h"
#include "manager/restore.h"
#include "manager/vip_view.h"
#include "manager/vips_here.h"

static void end(struct force *f, int error)
{
    const force_fn fn = f->fn;

    f->is_under_way = false;
    f->fn = NULL;
    if (fn != NULL)
        fn(f->waiter, error);
}

static int recover(struct manager *m)
{
    char text[DATA_DIR_WRONG_MAX] = "";
    struct cluster_status status;
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    const int rc = recover_held(&m->data_dir, m->config->node_key_file, WELDR_VERSION,
                                FORCE_LIMIT_MS, &status, &wrong);
    if (rc == 0)
        log_always("this node is the whole cluster from now on", LOG_S("cluster", status.id),
                   LOG_U("incarnation", status.incarnation));
    else
        log_error("this node can't be made the whole cluster", LOG_B("why", strb_span(&wrong)),
                  LOG_S("error", werr_text(rc)));
    return rc;
}

static void run(struct force *f)
{
    struct manager *m = f->m;

    f->known = m->cluster->ops->index(m->cluster);
    f->is_again = true;
    m->cluster->ops->free(m->cluster);
    m->cluster = NULL;
    const int rc = recover(m);
    const int started = f->begin_again(m);
    if (started < 0)
        log_error("this node takes no changes any more: stop it, and run weldr cluster recover "
                  "on its directory",
                  LOG_S("directory", m->data_dir.path), LOG_S("error", werr_text(started)));
    if (rc < 0 || started < 0)
        end(f, rc < 0 ? rc : started);
}

static void on_timer(struct timer *t)
{
    struct force *f = (struct force *)((char *)t - offsetof(struct force, timer));

    if (manager_is_leaving(f->m) || f->m->cluster == NULL)
        end(f, WERR_SHUTTING_DOWN);
    else
        run(f);
}

bool force_is_again(const struct manager *m)
{
    return m->force->is_again;
}

bool force_knows(const struct manager *m, uint64_t index)
{
    return m->force->is_again && index <= m->force->known;
}

int force_on_snapshot(void *arg, char **bytes, size_t *len)
{
    return force_is_again(arg) ? WERR_NOMEM : servers_on_snapshot(arg, bytes, len);
}

/* The engine before knew what is described of virtual IPs, and that this node is fit. */
void force_note_settled(struct manager *m)
{
    m->force->is_again = false;
    m->vips_here->is_told = false;
    vip_view_described(m);
    vips_here_on_vips(m->vips_here);
    if (m->force->is_under_way)
        end(m->force, 0);
}

int force_begin(struct manager *m, force_fn fn, struct api_conn *waiter)
{
    struct force *f = m->force;

    if (f->is_under_way)
        return WERR_IN_USE;
    f->is_under_way = true;
    f->fn = fn;
    f->waiter = waiter;
    loop_timer_in(m->loop, &f->timer, 0); /* the engine may be what has called */
    return 0;
}

void force_forget(struct manager *m, const struct api_conn *waiter)
{
    if (m->force->waiter == waiter)
        m->force->fn = NULL;
}

void force_init(struct force *f, struct manager *m, int (*begin_again)(struct manager *m))
{
    *f = (struct force){.m = m, .begin_again = begin_again};
    timer_init(&f->timer, on_timer);
    m->force = f;
}

void force_fini(struct force *f)
{
    timer_stop(loop_timers(f->m->loop), &f->timer);
    if (f->is_under_way)
        end(f, WERR_SHUTTING_DOWN);
}
