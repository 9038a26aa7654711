#include "worker/worker_main.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"
#include "net/listen.h"
#include "net/signals.h"
#include "wire/inherit.h"
#include "worker/acceptor.h"
#include "worker/access_log.h"
#include "worker/channel.h"
#include "worker/dump.h"
#include "worker/limits.h"
#include "worker/orphan.h"
#include "worker/spread_in.h"
#include "worker/trust.h"
#include "worker/worker_life.h"

enum { EXIT_DRAINED = 0, EXIT_BROKEN = 1, EXIT_NO_MANAGER = 2, EXIT_NO_FD = 4 };

/* Everything of the process; one, so that the panic hook finds it. */
struct process {
    struct loop *loop;
    struct stats *stats;
    struct channel channel;
    struct worker worker;
    struct access_log access_log;
    const struct config *config;
    unsigned id;
    bool has_worker;
    int exit_code;
};

static void on_panic(void *arg)
{
    struct process *p = arg;

    if (p->has_worker)
        dump_worker(&p->worker);
    access_log_flush(&p->access_log);
}

static void stop(struct process *p, int exit_code)
{
    if (p->has_worker)
        worker_note(&p->worker, exit_code == EXIT_DRAINED ? FLIGHT_DRAINED : FLIGHT_BROKEN,
                    (uint64_t)exit_code, p->worker.clients_slab.in_use);
    p->exit_code = exit_code;
    loop_stop(p->loop);
}

static void on_drained(void *arg)
{
    struct process *p = arg;

    log_info("drained");
    channel_bye(&p->channel);
    stop(p, EXIT_DRAINED);
}

static void on_drain(void *arg, uint32_t limit_ms)
{
    struct process *p = arg;

    if (!p->has_worker) {
        stop(p, EXIT_DRAINED);
        return;
    }
    if (!p->worker.draining) {
        log_info("draining", LOG_U("limit_ms", limit_ms),
                 LOG_U("clients", p->worker.clients_slab.in_use));
        worker_note(&p->worker, FLIGHT_DRAIN, p->worker.clients_slab.in_use, limit_ms);
    }
    worker_drain(&p->worker, limit_ms, on_drained, p);
}

static void on_broken(void *arg, const char *why)
{
    struct process *p = arg;

    log_error("the channel to the manager is broken", LOG_S("why", why));
    stop(p, EXIT_BROKEN);
}

static int on_hello(void *arg, const struct frame_hello *hello)
{
    struct process *p = arg;

    if (hello->worker_id != p->id || hello->worker_id >= stats_worker_n(p->stats))
        return WERR_CORRUPT;
    log_set_level((enum log_level)hello->log_level);
    orphan_limit(hello->drain_timeout_ms);
    int rc =
        worker_init(&p->worker, p->loop, stats_worker(p->stats, p->id), p->id, hello->seed);
    p->has_worker = rc == 0;
    p->worker.segment = p->stats;
    if (rc == 0)
        worker_note(&p->worker, FLIGHT_STARTED, p->id, (uint64_t)getpid());
    if (rc == 0 && p->config->access_log != NULL)
        rc = access_log_start(&p->access_log, &p->worker, p->config->access_log,
                              p->config->access_log_is_combined);
    if (rc == 0)
        p->worker.proxy_listeners = hello->proxy_listeners;
    if (rc == 0 && hello->trusted.len > 0)
        rc = trust_default(&p->worker, hello->trusted);
    p->worker.descriptor_max = listen_raise_fd_limit();
    return rc;
}

/* If there are other workers: our inbox, the outboxes of all. */
static void start_spread(struct process *p, int inbox)
{
    const unsigned n = p->channel.hello.worker_n;

    for (unsigned i = 0; i <= n; i++)
        (void)fcntl(inbox + (int)i, F_SETFD, FD_CLOEXEC);
    spread_start(&p->worker.spread, &p->worker, n,
                 (struct spread_boxes){p->stats, inbox, inbox + 1});
}

static int on_ready(void *arg)
{
    struct process *p = arg;

    acceptor_start_all(&p->worker);
    start_spread(p, INHERIT_FD_INBOX);
    worker_note(&p->worker, FLIGHT_READY, p->worker.acceptor_n, p->worker.pool_state->server_n);
    log_debug("accepting", LOG_U("sockets", p->worker.acceptor_n));
    return 0;
}

/* The manager may have taken us for hung and told the others. */
static void on_ping(void *arg)
{
    spread_say_takes(&((struct process *)arg)->worker.spread);
}

static void on_signal(void *arg, int signal_number)
{
    struct process *p = arg;

    if (p->has_worker)
        worker_note(&p->worker, FLIGHT_SIGNAL, (uint64_t)signal_number,
                    p->worker.clients_slab.in_use);
    /* The manager decides when to stop; a terminal's Ctrl-C reaches the whole group and is left
     * to it. */
    if (signal_number == SIGUSR1 && p->has_worker)
        dump_worker(&p->worker);
    else if (signal_number == SIGHUP)
        access_log_reopen(&p->access_log);
}

/* 0 or what is short. A segment that can't be mapped is of another build, or there is no memory
 * for it. */
static int process_init(struct process *p)
{
    static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, 0};

    p->loop = loop_epoll_new();
    if (p->loop == NULL)
        return werr_from_errno(errno);
    errno = 0;
    p->stats = stats_open(INHERIT_FD_STATS);
    if (p->stats == NULL)
        return errno == ENOMEM ? WERR_NOMEM : WERR_CORRUPT;
    return signals_start(p->loop, watched, on_signal, p);
}

/* The sockets close; what they owned goes in the turns after. */
static void process_fini(struct process *p)
{
    signals_stop();
    channel_close(&p->channel);
    if (p->has_worker && p->exit_code == EXIT_DRAINED) {
        while (p->worker.origin_conns_slab.in_use > 0)
            loop_turn(p->loop, 0);
        loop_turn(p->loop, 0);
        access_log_end(&p->access_log);
        worker_fini(&p->worker);
    }
    loop_turn(p->loop, 0);
    stats_free(p->stats);
    loop_free(p->loop);
}

int worker_main(const struct config *config)
{
    static struct process process;
    static const struct channel_hooks hooks = {
        .on_hello = on_hello,
        .on_ready = on_ready,
        .on_drain = on_drain,
        .on_ping = on_ping,
        .on_broken = on_broken,
        .arg = &process,
    };
    struct process *p = &process;

    p->id = config->worker_id;
    p->config = config;
    log_init("worker", (int)p->id, (enum log_level)config->log_level);
    if (fcntl(INHERIT_FD_CHANNEL, F_GETFD) < 0 || fcntl(INHERIT_FD_STATS, F_GETFD) < 0) {
        log_error("a worker is started by weldr itself, not by hand");
        return EXIT_NO_MANAGER;
    }
    orphan_watch();
    werr_set_panic_hook(on_panic, p);
    int rc = process_init(p);
    if (rc < 0) {
        log_error("the worker can't start", LOG_S("error", werr_text(rc)));
        return rc == WERR_NO_FD ? EXIT_NO_FD : EXIT_BROKEN;
    }
    (void)fcntl(INHERIT_FD_CHANNEL, F_SETFD, FD_CLOEXEC);
    channel_open(&p->channel, p->loop, &p->worker, &hooks, INHERIT_FD_CHANNEL);
    loop_run(p->loop);
    orphan_end();
    if (p->exit_code != EXIT_DRAINED) { /* in an unknown state: nothing is taken apart */
        access_log_flush(&p->access_log);
        return p->exit_code;
    }
    process_fini(p);
    return EXIT_DRAINED;
}
