/* test_text.c - text that is cut where its buffer ends, and the characters of UTF-8. */
#include "base/text.h"

#include "harness.h"

COIL_TEST(text_is_cut_where_the_buffer_ends)
{
    char buf[8];
    struct coil__text text = {.start = buf, .size = sizeof buf};

    coil__text_put(&text, "abc");
    coil__text_put_number(&text, 255, 16);
    CHECK_STR(buf, "abcff");
    CHECK_INT(text.length, ==, 5);
    coil__text_add(&text, "%d", 12345);
    CHECK_STR(buf, "abcff12");
    coil__text_put(&text, "more");
    coil__text_add(&text, "and more");
    CHECK_STR(buf, "abcff12");
    CHECK_INT(text.length, ==, 7);
}

COIL_TEST(text_base_name)
{
    CHECK_STR(coil__text_base_name("/a/b.c"), "b.c");
    CHECK_STR(coil__text_base_name("b.c"), "b.c");
    CHECK_STR(coil__text_base_name("a/"), "");
}

/* The first and the last character of each size, and what stands beside them. */
COIL_TEST(text_characters)
{
    static const struct {
        const char *string;
        uint32_t code;
        size_t size; /* 0: it is none */
    } cases[] = {
        {"", 0, 1},
        {"a", 'a', 1},
        {"\x7f", 0x7F, 1},
        {"\x80", 0, 0},
        {"\xbf", 0, 0},
        {"\xc1\xbf", 0, 0},
        {"\xc2\x80", 0x80, 2},
        {"\xdf\xbf", 0x7FF, 2},
        {"\xdf", 0, 0},
        {"\xdf\xc0", 0, 0},
        {"\xe0\x9f\xbf", 0, 0},
        {"\xe0\xa0\x80", 0x800, 3},
        {"\xed\x9f\xbf", 0xD7FF, 3},
        {"\xed\xa0\x80", 0, 0},
        {"\xee\x80\x80", 0xE000, 3},
        {"\xef\xbf\xbf", 0xFFFF, 3},
        {"\xef\xbf", 0, 0},
        {"\xf0\x8f\xbf\xbf", 0, 0},
        {"\xf0\x90\x80\x80", 0x10000, 4},
        {"\xf4\x8f\xbf\xbf", 0x10FFFF, 4},
        {"\xf4\x90\x80\x80", 0, 0},
        {"\xf4\x8f\xbf", 0, 0},
        {"\xf8\x88\x80\x80\x80", 0, 0},
        {"\xff", 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t code = 0;

        CHECK_INT(coil__text_character(cases[i].string, &code), ==, cases[i].size);
        CHECK_INT(code, ==, cases[i].code);
    }
}
