#include <stdlib.h>

#include "config/config_int.h"

void config_set_defaults(struct config *c)
{
    static const struct addr all = {.family = AF_INET6, .port = 8080};
    static const struct addr loopback = {.family = AF_INET, .port = 8687, .ip = {127, 0, 0, 1}};
    static const struct addr loopback6 = {.family = AF_INET6, .port = 8687, .ip = {[15] = 1}};
    c->ip_is_default = c->ip_n == 0;
    c->admin_ip_is_default = c->admin_ip_n == 0;
    if (c->ip_is_default)
        c->ip[c->ip_n++] = all;
    if (c->admin_ip_is_default) {
        c->admin_ip[c->admin_ip_n++] = loopback;
        c->admin_ip[c->admin_ip_n++] = loopback6;
    }
}

static const char *find_lonely_of_cluster(const struct config *c)
{
    const bool has_token = c->join_token != NULL || c->join_token_file != NULL;

    if (c->is_ephemeral && c->join_host != NULL)
        return "--join and --ephemeral exclude each other: a member keeps what was agreed on";
    if (c->is_ephemeral && c->cluster_ip.family != 0)
        return "--cluster-ip and --ephemeral exclude each other: a member keeps what was "
               "agreed on";
    if (c->join_token != NULL && c->join_token_file != NULL)
        return "--token and --join-token-file exclude each other";
    if (c->join_host == NULL && has_token)
        return "--token and --join-token-file need --join HOST:PORT";
    return NULL;
}

const char *config_find_lonely(const struct config *c)
{
    if (c->certificate_key_n > 0 && c->certificate_key_n != c->certificate_n)
        return "--certificate-key must be given once for each --certificate, or not at all "
               "when "
               "the files of the certificates hold their keys";
    if (c->ip_tls != 0 && c->certificate_n == 0)
        return "--ip with tls needs a certificate: --certificate FILE";
    if (c->admin_certificate == NULL && c->admin_certificate_key != NULL)
        return "--admin-certificate-key needs --admin-certificate FILE";
    if (c->admin_certificate == NULL && c->admin_client_ca != NULL)
        return "--admin-client-ca needs --admin-certificate FILE";
    if (c->is_ephemeral && c->data_dir != NULL)
        return "--ephemeral and --data-dir exclude each other";
    if (c->is_ephemeral && c->node_key_file != NULL)
        return "--ephemeral and --node-key-file exclude each other";
    return find_lonely_of_cluster(c);
}

void config_fini(struct config *c)
{
    for (unsigned i = 0; i < c->server_n; i++)
        free(c->server[i]);
    for (unsigned i = 0; i < c->admin_host_n; i++)
        free(c->admin_host[i]);
    for (unsigned i = 0; i < c->certificate_n; i++)
        free(c->certificate[i]);
    for (unsigned i = 0; i < c->certificate_key_n; i++)
        free(c->certificate_key[i]);
    free(c->admin_certificate);
    free(c->admin_certificate_key);
    free(c->admin_client_ca);
    free(c->admin_socket);
    free(c->on_active);
    free(c->on_passive);
    free(c->admin_token_file);
    free(c->admin_tokens_file);
    free(c->resolver);
    free(c->admin_token);
    free(c->user);
    free(c->access_log);
    free(c->data_dir);
    free(c->node_key_file);
    free(c->join_host);
    free(c->join_token);
    free(c->join_token_file);
    *c = (struct config){0};
}
