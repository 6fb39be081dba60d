// SPDX-License-Identifier: Apache-2.0
//
// The FlatBuffer reader on buffers built by hand: good ones, and ones where one number lies.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/flatbuf.h"

//  0 root offset -> 16      8 vtable: size 8, table size 12, field 0 at 4, field 1 at 8
//  4 "TEST"                16 table: vtable 8 back, i32 field 0, offset field 1 -> vector at 28
//                          28 vector: count 2, elements 7 and -9
static const uint8_t good[] = {
    16, 0, 0, 0, 'T', 'E', 'S', 'T', 8, 0, 12, 0, 4, 0, 8, 0, 8,    0,    0,    0,
    42, 0, 0, 0, 4,   0,   0,   0,   2, 0, 0,  0, 7, 0, 0, 0, 0xf7, 0xff, 0xff, 0xff,
};

// A heap copy of exactly `size` bytes, so that a checker sees any read past the end.
struct copy {
    uint8_t *data;
    struct flat flat;
};

static struct copy copy_of(const uint8_t *bytes, size_t size)
{
    struct copy copy = {.data = malloc(size ? size : 1)};
    memcpy(copy.data, bytes, size);
    copy.flat = (struct flat){.data = copy.data, .size = (uint32_t)size};
    return copy;
}

static void read_all(struct flat *flat)
{
    struct flat_table root = flat_root(flat, "TEST");
    flat_i32(&root, 0, 0);
    flat_u64(&root, 0, 0);
    flat_i8(&root, 1, 0);
    struct flat_vector list = flat_list(&root, 1, 4);
    for (uint32_t i = 0; i < list.count; i++)
        flat_list_i32(&list, i);
    struct flat_vector tables = flat_list(&root, 1, 4);
    for (uint32_t i = 0; i < tables.count; i++) {
        struct flat_table child = flat_list_table(&tables, i);
        flat_i32(&child, 0, 0);
    }
    struct flat_table child = flat_child(&root, 1);
    flat_f32(&child, 0, 0);
    char text[16];
    struct flat_vector string = flat_list(&root, 1, 1);
    flat_text(&string, text, sizeof(text));
}

static void good_buffer_is_read(void **state)
{
    (void)state;
    struct copy c = copy_of(good, sizeof(good));
    struct flat_table root = flat_root(&c.flat, "TEST");
    struct flat_vector list = flat_list(&root, 1, 4);
    assert_null(c.flat.fault);
    assert_int_equal(flat_i32(&root, 0, -1), 42);
    assert_int_equal(flat_i32(&root, 2, -1), -1); // beyond the vtable: absent
    assert_int_equal(list.count, 2);
    assert_int_equal(flat_list_i32(&list, 0), 7);
    assert_int_equal(flat_list_i32(&list, 1), -9);
    assert_int_equal(flat_list_i32(&list, 2), 0);
    free(c.data);
}

static void wrong_identifier_is_a_fault(void **state)
{
    (void)state;
    struct copy c = copy_of(good, sizeof(good));
    struct flat_table root = flat_root(&c.flat, "TFL3");
    assert_null(root.flat);
    assert_non_null(c.flat.fault);
    free(c.data);
}

static void every_truncation_is_a_fault_or_short(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof(good); size++) {
        struct copy c = copy_of(good, size);
        struct flat_table root = flat_root(&c.flat, "TEST");
        struct flat_vector list = flat_list(&root, 1, 4);
        assert_int_equal(list.count, 0);
        assert_non_null(c.flat.fault);
        free(c.data);
    }
}

// One case a row: byte to change, new value; what must not be believed.
static void lying_numbers_are_faults(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } lies[] = {
        {0, 200},   // root outside
        {3, 0x7f},  // root far outside
        {8, 3},     // vtable smaller than its head
        {8, 7},     // vtable with half an entry
        {8, 250},   // vtable past the end
        {10, 200},  // table past the end
        {10, 2},    // table smaller than its head
        {12, 2},    // field over the vtable offset
        {12, 10},   // field half outside its table
        {19, 0x80}, // vtable far before the file
        {16, 200},  // vtable before the file
        {24, 100},  // vector outside
        {27, 0xff}, // vector far outside
        {28, 3},    // vector longer than the file
        {31, 0xff}, // vector of 4 billion
    };
    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct copy c = copy_of(good, sizeof(good));
        c.data[lies[i].at] = lies[i].value;
        struct flat_table root = flat_root(&c.flat, "TEST");
        flat_i32(&root, 0, 0);
        struct flat_vector list = flat_list(&root, 1, 4);
        if (!c.flat.fault)
            fail_msg("byte %zu = %u was believed", lies[i].at, lies[i].value);
        assert_int_equal(list.count, 0);
        free(c.data);
    }
}

static void after_a_fault_all_is_absent(void **state)
{
    (void)state;
    struct copy c = copy_of(good, sizeof(good));
    struct flat_table root = flat_root(&c.flat, "TEST");
    c.flat.fault = "earlier";
    assert_int_equal(flat_i32(&root, 0, 5), 5);
    assert_int_equal(flat_list(&root, 1, 4).count, 0);
    free(c.data);
}

// Any byte at any value, two at a time: no read outside (the checkers watch), and it ends.
static void no_bytes_make_it_read_outside(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (int round = 0; round < 200000; round++) {
        struct copy c = copy_of(good, sizeof(good));
        for (int i = 0; i < 2; i++) {
            random = random * 1664525u + 1013904223u;
            c.data[(random >> 8) % sizeof(good)] = (uint8_t)(random >> 24);
        }
        read_all(&c.flat);
        free(c.data);
    }
}

static void text_is_tamed(void **state)
{
    (void)state;
    uint8_t bytes[] = {'a', 27, '[', 10, 'b'};
    struct flat flat = {.data = bytes, .size = sizeof(bytes)};
    struct flat_vector string = {.flat = &flat, .at = 0, .count = sizeof(bytes)};
    char text[5];
    flat_text(&string, text, sizeof(text));
    assert_string_equal(text, "a?[?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_buffer_is_read),
        cmocka_unit_test(wrong_identifier_is_a_fault),
        cmocka_unit_test(every_truncation_is_a_fault_or_short),
        cmocka_unit_test(lying_numbers_are_faults),
        cmocka_unit_test(after_a_fault_all_is_absent),
        cmocka_unit_test(no_bytes_make_it_read_outside),
        cmocka_unit_test(text_is_tamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
