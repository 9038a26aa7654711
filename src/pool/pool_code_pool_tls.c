#include "pool/pool_code_int.h"
#include "pool/pool_mem.h"

/* What "tls" of a pool holds beside the settings of pool_settings.def. */

/* ---- reading ---- */

static int read_ca(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_TLS_CA;
    return code_read_pem(r, "tls.ca", value, POOL_TLS_CA_BYTES_MAX, &r->c->tls.ca);
}

static int read_server_name(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_TLS_SERVER_NAME;
    if (json_is_null(value))
        return 0;
    if (!json_is_string(value) || !pool_tls_name_is_valid(code_text(value)))
        return code_refuse_value(r, "tls.server_name",
                                 "server_name must be null, the name of a host or an address");
    r->c->tls.server_name = pool_strdup(json_string_value(value));
    return r->c->tls.server_name != NULL ? 0 : WERR_NOMEM;
}

static int read_min_version(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_TLS_MIN_VERSION;
    if (json_is_null(value) ||
        (json_is_string(value) &&
         pool_tls_version_from_word(code_text(value), &r->c->tls.min_version)))
        return 0;
    return code_refuse_value(r, "tls.min_version", "min_version must be \"1.2\" or \"1.3\"");
}

static int read_certificate(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_TLS_CERTIFICATE;
    return json_is_null(value) ? 0
                               : code_read_certificate_name(r, "tls.certificate", value,
                                                            &r->c->tls.certificate);
}

const struct member code_pool_tls[] = {
    {"ca", read_ca, 0},
    {"server_name", read_server_name, 0},
    {"min_version", read_min_version, 0},
    {"certificate", read_certificate, 0},
    {NULL, NULL, 0},
};

/* ---- writing ---- */

void code_write_pool_tls(struct jtext *t, const void *of, uint32_t set)
{
    const struct pool_tls *tls = of;
    if ((set & POOL_SET_TLS_CA) != 0)
        code_write_text(t, "ca", tls->ca);
    if ((set & POOL_SET_TLS_SERVER_NAME) != 0)
        code_write_text(t, "server_name", tls->server_name);
    if ((set & POOL_SET_TLS_MIN_VERSION) != 0)
        jtext_str(t, "min_version",
                  pool_tls_version_word((enum pool_tls_version)tls->min_version));
    if ((set & POOL_SET_TLS_CERTIFICATE) != 0)
        code_write_text(t, "certificate", tls->certificate);
}
