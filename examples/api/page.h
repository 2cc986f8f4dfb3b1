/* page.h - the page at /. */
#ifndef PAGE_H
#define PAGE_H

extern const char page[];

#endif
