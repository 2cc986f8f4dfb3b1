/* url.h - a URL taken apart. */
#ifndef FETCH_URL_H
#define FETCH_URL_H

#include <stdint.h>

struct url {
    char host[256];      /* a name or an IP address, without brackets */
    char authority[264]; /* host and port as the URL has them, for the Host header */
    uint16_t port;
    char target[2048]; /* path and query; begins with '/' */
};

/* Takes an http URL apart. Returns NULL; or, if it is none, a sentence that says why. */
const char *url_parse(const char *text, struct url *ret_url);

#endif
