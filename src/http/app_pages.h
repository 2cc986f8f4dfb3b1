/* app_pages.h - the parts of the documents' page, made by the build from docs/. */
#ifndef COIL__HTTP_APP_PAGES_H
#define COIL__HTTP_APP_PAGES_H

#include <stddef.h>

struct coil__file_text {
    const unsigned char *bytes;
    size_t size;
};

extern const struct coil__file_text coil__docs_html;
extern const struct coil__file_text coil__docs_css;
extern const struct coil__file_text coil__docs_js;

#endif
