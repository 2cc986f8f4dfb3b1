/* version.c - the version of the library that is running. */
#include <coil/base.h>

#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

const char *coil_version(void)
{
    return TEXT(COIL_VERSION_MAJOR) "." TEXT(COIL_VERSION_MINOR) "." TEXT(COIL_VERSION_PATCH);
}
