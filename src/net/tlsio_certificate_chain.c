/* Which of the certificates is the own one, who signed it, and who signed that. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "net/tlsio_certificate_int.h"

enum { SHOWN_SUBJECT_BYTES = 96, RSA_BITS_LEAST = 2048, SECURITY_BITS_LEAST = 112 };

/* For people, cut. */
static const char *subject(X509 *x, char *buf)
{
    BIO *bio = BIO_new(BIO_s_mem());

    buf[0] = '\0';
    if (bio == NULL)
        return buf;
    (void)X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253);
    const int n = BIO_read(bio, buf, SHOWN_SUBJECT_BYTES - 1);

    buf[n > 0 ? n : 0] = '\0';
    BIO_free(bio);
    return buf;
}

static bool has_signed(X509 *by, X509 *x)
{
    return X509_check_issued(by, x) == X509_V_OK && X509_verify(x, X509_get0_pubkey(by)) == 1;
}

static bool is_root(X509 *x)
{
    return X509_self_signed(x, 0) == 1;
}

static bool is_in_chain(const struct tlsio_reading *r, const X509 *x)
{
    for (int i = 0; i < sk_X509_num(r->chain); i++)
        if (sk_X509_value(r->chain, i) == x)
            return true;
    return false;
}

/* That is no root and not in the chain yet; NULL: none is there. */
static X509 *signer_of(const struct tlsio_reading *r, X509 *x)
{
    for (int i = 0; i < sk_X509_num(r->given); i++) {
        X509 *by = sk_X509_value(r->given, i);

        if (!is_root(by) && !is_in_chain(r, by) && has_signed(by, x))
            return by;
    }
    return NULL;
}

/* The own one is that of the key, wherever it stands. */
static X509 *own(const struct tlsio_reading *r)
{
    for (int i = 0; i < sk_X509_num(r->given); i++) {
        X509 *x = sk_X509_value(r->given, i);
        EVP_PKEY *key = X509_get0_pubkey(x);

        if (key != NULL && EVP_PKEY_eq(key, r->key) == 1)
            return x;
    }
    return NULL;
}

static int push(struct tlsio_reading *r, X509 *x)
{
    return sk_X509_push(r->chain, x) > 0 ? 0 : WERR_NOMEM;
}

static bool has_signed_any(const struct tlsio_reading *r, X509 *by)
{
    for (int i = 0; i < sk_X509_num(r->chain); i++)
        if (has_signed(by, sk_X509_value(r->chain, i)))
            return true;
    return false;
}

/* Roots, and other certificates of those who signed (cross-signed ones), are left out without a
 * word. */
static int check_others(const struct tlsio_reading *r)
{
    char buf[SHOWN_SUBJECT_BYTES];

    for (int i = 0; i < sk_X509_num(r->given); i++) {
        X509 *x = sk_X509_value(r->given, i);

        if (!is_in_chain(r, x) && !has_signed_any(r, x))
            return tlsio_refuse(r->why, "chain",
                                "certificate %d (%s) does not belong there: it signed none of "
                                "the chain",
                                i + 1, subject(x, buf));
    }
    return 0;
}

int tlsio_chain_sort(struct tlsio_reading *r)
{
    X509 *x = own(r);
    int rc = 0;

    if (x == NULL)
        return tlsio_refuse(r->why, "key", "it is the key of none of the certificates");
    while (x != NULL && rc == 0) {
        rc = push(r, x);
        x = is_root(x) ? NULL : signer_of(r, x);
    }
    return rc == 0 ? check_others(r) : rc;
}

/* ---- strong enough? ---- */

static bool is_weak_digest(X509 *x)
{
    int digest = NID_undef;

    /* Ed25519 has none of its own to name. */
    (void)X509_get_signature_info(x, &digest, NULL, NULL, NULL);
    return digest == NID_md5 || digest == NID_sha1 || digest == NID_md5_sha1 ||
           digest == NID_md4 || digest == NID_md2 || digest == NID_mdc2 ||
           digest == NID_ripemd160;
}

static int judge_one(const struct tlsio_reading *r, X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    char buf[SHOWN_SUBJECT_BYTES];

    if (key == NULL)
        return tlsio_refuse(r->why, "chain", "%s: a key of unknown kind", subject(x, buf));
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < RSA_BITS_LEAST)
        return tlsio_refuse(r->why, "chain", "%s: RSA with %d bits, %d are the least",
                            subject(x, buf), EVP_PKEY_get_bits(key), RSA_BITS_LEAST);
    if (EVP_PKEY_get_security_bits(key) < SECURITY_BITS_LEAST)
        return tlsio_refuse(r->why, "chain", "%s: its key is too short", subject(x, buf));
    if (is_weak_digest(x))
        return tlsio_refuse(r->why, "chain",
                            "%s: signed with SHA-1 or MD5, SHA-256 is the least",
                            subject(x, buf));
    return 0;
}

static bool is_curve_of_tls(const EVP_PKEY *key)
{
    char name[32];

    if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
        return false;
    const int curve = OBJ_sn2nid(name);

    return curve == NID_X9_62_prime256v1 || curve == NID_secp384r1 || curve == NID_secp521r1;
}

static bool is_kind_of_tls(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_ED25519:
        return true;
    case EVP_PKEY_EC:
        return is_curve_of_tls(key);
    default:
        return false;
    }
}

/* A private part that does not fit would be seen in handshakes only. */
static bool can_sign(EVP_PKEY *key, EVP_PKEY *public_key)
{
    static const unsigned char text[] = "weldr";
    const EVP_MD *digest = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
    unsigned char signature[4096];
    size_t n = sizeof(signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_well = context != NULL &&
                   EVP_DigestSignInit(context, NULL, digest, NULL, key) == 1 &&
                   EVP_DigestSign(context, signature, &n, text, sizeof(text)) == 1;

    EVP_MD_CTX_free(context);
    context = EVP_MD_CTX_new();
    is_well = is_well && context != NULL &&
              EVP_DigestVerifyInit(context, NULL, digest, NULL, public_key) == 1 &&
              EVP_DigestVerify(context, signature, n, text, sizeof(text)) == 1;
    EVP_MD_CTX_free(context);
    return is_well;
}

int tlsio_chain_judge(const struct tlsio_reading *r)
{
    X509 *first = sk_X509_value(r->chain, 0);

    for (int i = 0; i < sk_X509_num(r->chain); i++) {
        const int rc = judge_one(r, sk_X509_value(r->chain, i));

        if (rc < 0)
            return rc;
    }
    if (!is_kind_of_tls(r->key))
        return tlsio_refuse(r->why, "key",
                            "of a kind that is not used: RSA, ECDSA (P-256, P-384, P-521) and "
                            "Ed25519 are");
    if (!can_sign(r->key, X509_get0_pubkey(first)))
        return tlsio_refuse(r->why, "key", "it is damaged: it makes no valid signature");
    return 0;
}
