#include "cluster/raft_alone.h"

static int begin(struct raft_uv_transport *t, raft_id id, const char *address)
{
    (void)t;
    (void)id;
    (void)address;
    return 0;
}

static int listen_for(struct raft_uv_transport *t, raft_uv_accept_cb cb)
{
    (void)t;
    (void)cb;
    return 0;
}

static int connect_to(struct raft_uv_transport *t, struct raft_uv_connect *req, raft_id id,
                      const char *address, raft_uv_connect_cb cb)
{
    (void)t;
    (void)req;
    (void)id;
    (void)address;
    (void)cb;
    return RAFT_NOCONNECTION;
}

static void end(struct raft_uv_transport *t, raft_uv_transport_close_cb cb)
{
    cb(t);
}

void engine_alone_init(struct raft_uv_transport *t)
{
    *t = (struct raft_uv_transport){
        .version = 1, .init = begin, .listen = listen_for, .connect = connect_to, .close = end};
}
