/* websocket_key.c - the keys of the opening handshake (RFC 6455, section 4), and random numbers. */
#include "http/websocket.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum { NONCE_SIZE = 16, SHA1_SIZE = 20 };

/* RFC 6455, section 1.3. */
static const char secret[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

int coil__websocket_randomize(void *buf, size_t size)
{
    return RAND_bytes(buf, (int)size) == 1 ? 0 : -EIO;
}

int coil__websocket_make_key(char room[COIL__WEBSOCKET_KEY_ROOM])
{
    unsigned char nonce[NONCE_SIZE];
    int rc = coil__websocket_randomize(nonce, sizeof nonce);

    if (rc == 0) {
        EVP_EncodeBlock((unsigned char *)room, nonce, sizeof nonce);
    }
    return rc;
}

static bool is_base64(char c)
{
    return coil__is_letter(c) || coil__is_digit(c) || c == '+' || c == '/';
}

bool coil__websocket_is_key(struct coil__slice key)
{
    if (key.size != COIL__WEBSOCKET_KEY_ROOM - 1 || key.start[key.size - 1] != '=' ||
        key.start[key.size - 2] != '=') {
        return false;
    }
    for (size_t i = 0; i < key.size - 2; i++) {
        if (!is_base64(key.start[i])) {
            return false;
        }
    }
    return true;
}

int coil__websocket_accept_of(struct coil__slice key, char room[COIL__WEBSOCKET_ACCEPT_ROOM])
{
    char text[COIL__WEBSOCKET_KEY_ROOM + sizeof secret];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (key.size != COIL__WEBSOCKET_KEY_ROOM - 1) {
        return -EINVAL;
    }
    memcpy(text, key.start, key.size);
    memcpy(text + key.size, secret, sizeof secret - 1);
    if (EVP_Digest(text, key.size + sizeof secret - 1, digest, &size, EVP_sha1(), NULL) != 1 ||
        size != SHA1_SIZE) {
        return -ENOMEM;
    }
    EVP_EncodeBlock((unsigned char *)room, digest, SHA1_SIZE);
    return 0;
}
