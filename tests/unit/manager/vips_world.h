/* vips_world.h - a manager with virtual IPs: the engine's word and the helper's are the tests'
 * own. */
#ifndef WELDR_TESTS_VIPS_WORLD_H
#define WELDR_TESTS_VIPS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"
#include "manager/events.h"
#include "manager/vips_here.h"
#include "pool/pool_code.h"

enum { OTHER = 0xb2, LEASE_MS = 400 };

static const struct addr address = {AF_INET, 0, {192, 0, 2, 10}};

static struct {
    struct manager *m;
    struct vips_here here;
    int helper; /* our end of its socket */
    struct cluster_ops ops;
    struct cluster_vip vip;
    unsigned released_n;
    bool is_fit;
    char unfit[32];
    int move_error;
    cluster_done_fn done; /* of a move that is under way */
    void *done_arg;
    struct vip_message heard; /* from the manager, last */
} w;

/* ---- the engine ---- */

static inline unsigned vips(const struct cluster *c, struct cluster_vip *out, unsigned max)
{
    (void)c;
    assert_int_equal(max, CLUSTER_VIPS_MAX);
    *out = w.vip;
    return w.m->pool->vip_n;
}

static inline void set_vips(struct cluster *c, const struct cluster_vip_wish *wishes,
                            unsigned n)
{
    (void)c;
    assert_int_equal(n, w.m->pool->vip_n);
    assert_true(n == 0 || addr_is_equal(&wishes[0].address, &address));
}

static inline void set_fitness(struct cluster *c, enum cluster_fitness fitness, const char *why)
{
    (void)c;
    w.is_fit = fitness == CLUSTER_FIT;
    (void)snprintf(w.unfit, sizeof(w.unfit), "%s", why != NULL ? why : "");
}

static inline void released(struct cluster *c, const struct addr *a)
{
    (void)c;
    assert_true(addr_is_equal(a, &address));
    w.released_n++;
}

static inline int move_vip(struct cluster *c, const struct addr *a, uint64_t id,
                           cluster_done_fn done, void *arg)
{
    (void)c;
    (void)a;
    (void)id;
    w.done = done;
    w.done_arg = arg;
    return w.move_error;
}

static inline void status(const struct cluster *c, struct cluster_status *out)
{
    (void)c;
    *out = (struct cluster_status){.vip = {.lease_ms = LEASE_MS}};
}

/* This node may hold it from now on; ms 0: no more. */
static inline void grant(uint64_t epoch, uint64_t ms)
{
    w.vip = (struct cluster_vip){.address = address,
                                 .holder = 0xa1,
                                 .is_self = true,
                                 .epoch = epoch,
                                 .cause = CLUSTER_VIP_MOVED,
                                 .wait = ms > 0 ? CLUSTER_VIP_HELD : CLUSTER_VIP_HOLD_OFF,
                                 .lease_ns = clock_boot_ns() + ms * 1000000};
    vips_here_on_vips(&w.here);
}

/* ---- the helper ---- */

/* False: nothing was said. */
static inline bool hear(void)
{
    char buf[VIP_MESSAGE_MAX];
    const ssize_t n = recv(w.helper, buf, sizeof(buf), MSG_DONTWAIT);

    if (n <= 0)
        return false;
    assert_int_equal(vip_message_get(span_from(buf, (size_t)n), &w.heard), 0);
    return true;
}

static inline void hear_last(void)
{
    w.heard.type = 0;
    while (hear())
        continue;
}

static inline void say(struct vip_message *msg)
{
    char buf[VIP_MESSAGE_MAX];
    const size_t n = vip_message_put(buf, msg);

    assert_int_equal(send(w.helper, buf, n, 0), n);
    fixture_turns(w.m, 2);
}

static inline void say_link(enum vip_link_state state)
{
    say(&(struct vip_message){
        .type = VIP_LINK, .addr = address, .link = (uint8_t)state, .ifname = "lan0"});
}

static inline void say_held(void)
{
    say(&(struct vip_message){.type = VIP_HELD, .addr = address, .ifname = "lan0"});
}

static inline void say_dropped(enum vip_drop why)
{
    say(&(struct vip_message){.type = VIP_DROPPED, .addr = address, .why = (uint8_t)why});
}

/* ---- the world ---- */

static inline void describe_it(void)
{
    struct pool_command c;
    struct pool_error error;

    assert_int_equal(pool_code_add_vip_from_json(SPAN("{}"), SPAN("192.0.2.10"), &c, &error),
                     0);
    assert_int_equal(fixture_change(w.m, &c, NULL), 0);
    pool_command_fini(&c);
}

static inline int setup(void **state)
{
    int pair[2];

    (void)state;
    memset(&w, 0, sizeof(w));
    w.m = fixture_start(ENGINE_SOLO, NULL);
    w.ops = *w.m->cluster->ops;
    w.ops.vips = vips;
    w.ops.set_vips = set_vips;
    w.ops.set_fitness = set_fitness;
    w.ops.released = released;
    w.ops.move_vip = move_vip;
    w.ops.status = status;
    w.m->cluster->ops = &w.ops;
    vips_here_init(&w.here, w.m);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    w.helper = pair[1];
    vip_link_open(&w.here.link, pair[0]);
    describe_it();
    hear_last();
    assert_int_equal(w.heard.type, VIP_CONFIGURE);
    assert_int_equal(w.heard.named_n, 1);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    vips_here_stop(&w.here);
    assert_null(w.m->vip_provider);
    (void)close(w.helper);
    fixture_stop(w.m);
    return 0;
}

static inline void assert_shown(const char *what, bool is_self)
{
    struct vip_view v;

    vip_view_of(w.m, &address, &v);
    assert_string_equal(v.state, what);
    assert_int_equal(v.is_self, is_self);
}

static inline void take(uint64_t epoch)
{
    say_link(VIP_LINK_UP);
    grant(epoch, LEASE_MS);
    hear_last();
    assert_int_equal(w.heard.type, VIP_HOLD);
    assert_true(w.heard.number == w.vip.lease_ns);
    assert_shown("taking", false);
    say_held();
    assert_shown("held", true);
}

#endif
