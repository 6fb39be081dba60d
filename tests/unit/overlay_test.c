// SPDX-License-Identifier: Apache-2.0
//
// Text on pictures: the very letters, in every size of picture, whatever bytes the text has; and
// how text is decoded.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/font.h"
#include "ctl/overlay.h"
#include "ctl/text.h"

#define GREY 100

// A canvas in the middle of guard bytes.
struct field {
    struct overlay_canvas canvas;
    uint8_t *memory;
    size_t bytes;
};

#define GUARD 4096

static void field_make(struct field *field, int width, int height)
{
    field->bytes = 3 * (size_t)width * (size_t)height;
    field->memory = malloc(field->bytes + 2 * GUARD);
    memset(field->memory, GREY, field->bytes + 2 * GUARD);
    field->canvas = (struct overlay_canvas){field->memory + GUARD, width, height};
}

static int light_at(const struct field *field, int x, int y)
{
    return field->canvas.pixels[3 * (y * field->canvas.width + x)];
}

// Outside the box nothing has changed, and inside everything is dark or lit.
static unsigned field_check(const struct field *field, const struct overlay_box *box)
{
    unsigned lit = 0;
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(field->memory[i], GREY);
        assert_int_equal(field->memory[GUARD + field->bytes + i], GREY);
    }
    assert_true(box->x >= 0 && box->y >= 0 && box->x + box->width <= field->canvas.width &&
                box->y + box->height <= field->canvas.height);
    for (int y = 0; y < field->canvas.height; y++) {
        for (int x = 0; x < field->canvas.width; x++) {
            bool inside = x >= box->x && x < box->x + box->width && y >= box->y &&
                          y < box->y + box->height;
            int light = light_at(field, x, y);
            if (inside ? light != GREY / 4 && light < 190 : light != GREY)
                fail_msg("%d at %d, %d", light, x, y);
            lit += inside && light >= 190;
        }
    }
    return lit;
}

static void test_letters(void **state)
{
    (void)state;
    static const char *const letter[] = {".......", ".......", ".####..", "##..##.", "##..##.",
                                         "##..##.", "######.", "##..##.", "##..##.", "##..##.",
                                         "##..##.", ".......", "......."};
    struct field field;
    struct overlay_box box;
    const char *line = "A";
    field_make(&field, 640, 480); // two pixels of the picture to one of the font
    overlay_draw(&field.canvas, &line, 1, &box);
    assert_true(field_check(&field, &box) > 0);
    for (int y = 0; y < 2 * FONT_HEIGHT; y++)
        for (int x = 0; x < 2 * FONT_WIDTH; x++) {
            bool lit = light_at(&field, box.x + 4 + x, box.y + 4 + y) == 255;
            if (lit != (letter[y / 2][x / 2] == '#'))
                fail_msg("the A at %d, %d", x, y);
        }
    free(field.memory);
}

static const char *const nasty[] = {
    "",
    "\033[2J\001\177 \xff\xfe\xc0\x80 \xe2\x82 \xf0\x9f\x98\x80 end",
    "\xc3",
    ("0.94 caf\xc3\xa9 \xc4\x8d" "esk\xc3\xbd \xd0\xba\xd0\xbe\xd1\x82"), // not 8de
};

static void test_every_size(void **state)
{
    (void)state;
    char *endless = malloc(100001);
    memset(endless, 'W', 100000);
    endless[100000] = '\0';
    const char *lines[] = {endless, nasty[0], nasty[1], nasty[2], nasty[3]};
    for (int width = 1; width < 60; width += 3) {
        for (int height = 1; height < 60; height += 2) {
            struct field field;
            struct overlay_box box;
            field_make(&field, width, height);
            overlay_draw(&field.canvas, lines, 5, &box);
            field_check(&field, &box);
            free(field.memory);
        }
    }
    free(endless);
}

static unsigned lit_of(const char *line, int width)
{
    struct field field;
    struct overlay_box box;
    field_make(&field, width, 100);
    overlay_draw(&field.canvas, &line, 1, &box);
    unsigned lit = field_check(&field, &box);
    free(field.memory);
    return lit;
}

static void test_text(void **state)
{
    (void)state;
    assert_int_equal(lit_of("", 200), 0);
    // a broken or unprintable character is a question mark, one for each byte that is bad
    assert_int_equal(lit_of("\xff\xfe", 200), lit_of("??", 200));
    assert_int_equal(lit_of("\033\xc2\x9b", 200), lit_of("??", 200));
    assert_int_equal(lit_of("\xf0\x9f\x98\x80", 200), lit_of("?", 200));
    assert_int_not_equal(lit_of("\xc3\xa9", 200), lit_of("?", 200)); // é
    assert_memory_equal(font_glyph(0x10ffff), font_glyph('?'), FONT_HEIGHT);
    // what is too long ends in dots: 15 letters fit into 120 pixels
    assert_int_equal(lit_of("IIIIIIIIIIIIIIIIIIII", 120), lit_of("IIIIIIIIIIIII...", 120));
    assert_int_equal(lit_of("IIIIIIIIIIIIIIII", 120), 16 * lit_of("I", 120));
}

static void test_decode(void **state)
{
    (void)state;
    static const char *const bad[] = {"",          "\x80",         "\xc1\xbf",     "\xe0\x9f\xbf",
                                      "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
                                      "\xe2\x82",  "\xf0\x8f\xbf\xbf"};
    uint32_t point = 0;
    char clean[6];
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(text_decode(bad[i], &point), 0);
    assert_int_equal(text_decode("\xf4\x8f\xbf\xbf", &point), 4);
    assert_int_equal(point, 0x10ffff);
    assert_int_equal(text_decode("\xe2\x82\xac", &point), 3);
    assert_int_equal(point, 0x20ac);
    text_clean("a\x1b\xff\xe2\x82\xac", false, clean, sizeof(clean));
    assert_string_equal(clean, "a??"); // the third character does not fit as a whole
    text_clean("\x1bz\xc2\x85", true, clean, sizeof(clean));
    assert_string_equal(clean, "\x1bz\xc2\x85");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letters), cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_text),    cmocka_unit_test(test_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
