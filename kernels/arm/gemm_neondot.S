// SPDX-License-Identifier: Apache-2.0
//
// void gemm_neondot_tiles(const struct gemm_tiles *job)      (gemm_tiles.h)
//
// Tiles of 8 rows x 8 columns against one panel, Armv8.2 with dot products. An accumulator holds four
// columns of a row: v16 and v17 row 0, v18 and v19 row 1 ... v31.
//
//     v0-v7   16 steps of depth of the rows      v8-v15  the weights: two registers for each 4 steps

        .arch   armv8.2-a+dotprod
        .text

// 4 steps of depth of row \row, whose bytes are word \word of v\a.
        .macro  ROW row_low, row_high, a, word, b_low, b_high
        sdot    v\row_low\().4s, v\b_low\().16b, v\a\().4b[\word]
        sdot    v\row_high\().4s, v\b_high\().16b, v\a\().4b[\word]
        .endm

        .macro  ROWS_WIDE word, b_low, b_high
        ROW     16, 17, 0, \word, \b_low, \b_high
        ROW     18, 19, 1, \word, \b_low, \b_high
        ROW     20, 21, 2, \word, \b_low, \b_high
        ROW     22, 23, 3, \word, \b_low, \b_high
        ROW     24, 25, 4, \word, \b_low, \b_high
        ROW     26, 27, 5, \word, \b_low, \b_high
        ROW     28, 29, 6, \word, \b_low, \b_high
        ROW     30, 31, 7, \word, \b_low, \b_high
        .endm

// The same where a register holds 8 bytes of each of two rows.
        .macro  ROWS_EIGHT first, second, b_low, b_high
        ROW     16, 17, 0, \first, \b_low, \b_high
        ROW     18, 19, 0, \second, \b_low, \b_high
        ROW     20, 21, 1, \first, \b_low, \b_high
        ROW     22, 23, 1, \second, \b_low, \b_high
        ROW     24, 25, 2, \first, \b_low, \b_high
        ROW     26, 27, 2, \second, \b_low, \b_high
        ROW     28, 29, 3, \first, \b_low, \b_high
        ROW     30, 31, 3, \second, \b_low, \b_high
        .endm

// 16-bit values of two rows, in v\a and v\c -> bytes.
        .macro  STORE a, c
        sqadd   v\a\().8h, v\a\().8h, v2.8h
        sqadd   v\c\().8h, v\c\().8h, v2.8h
        sqxtn   v\a\().8b, v\a\().8h
        sqxtn   v\c\().8b, v\c\().8h
        st1     {v\a\().8b}, [x3], x4
        st1     {v\c\().8b}, [x3], x4
        .endm

// Folded accumulators of two rows.
        .macro  SCALE a, b, c, d
        fsub    v\a\().4s, v\a\().4s, v3.4s
        fsub    v\b\().4s, v\b\().4s, v3.4s
        fsub    v\c\().4s, v\c\().4s, v3.4s
        fsub    v\d\().4s, v\d\().4s, v3.4s
        fmul    v\a\().4s, v\a\().4s, v0.4s
        fmul    v\b\().4s, v\b\().4s, v1.4s
        fmul    v\c\().4s, v\c\().4s, v0.4s
        fmul    v\d\().4s, v\d\().4s, v1.4s
        fadd    v\a\().4s, v\a\().4s, v3.4s
        fadd    v\b\().4s, v\b\().4s, v3.4s
        fadd    v\c\().4s, v\c\().4s, v3.4s
        fadd    v\d\().4s, v\d\().4s, v3.4s
        uzp1    v\a\().8h, v\a\().8h, v\b\().8h
        uzp1    v\c\().8h, v\c\().8h, v\d\().8h
        STORE   \a, \c
        .endm

// Accumulators that are not folded.
        .macro  CONVERT a, b, c, d
        scvtf   v\a\().4s, v\a\().4s
        scvtf   v\b\().4s, v\b\().4s
        scvtf   v\c\().4s, v\c\().4s
        scvtf   v\d\().4s, v\d\().4s
        fmul    v\a\().4s, v\a\().4s, v0.4s
        fmul    v\b\().4s, v\b\().4s, v1.4s
        fmul    v\c\().4s, v\c\().4s, v0.4s
        fmul    v\d\().4s, v\d\().4s, v1.4s
        fcvtns  v\a\().4s, v\a\().4s
        fcvtns  v\b\().4s, v\b\().4s
        fcvtns  v\c\().4s, v\c\().4s
        fcvtns  v\d\().4s, v\d\().4s
        sqxtn   v\a\().4h, v\a\().4s
        sqxtn   v\c\().4h, v\c\().4s
        sqxtn2  v\a\().8h, v\b\().4s
        sqxtn2  v\c\().8h, v\d\().4s
        STORE   \a, \c
        .endm

        .macro  ADD_BOTH low, high, bias
        add     v\low\().4s, v\low\().4s, v\bias\().4s
        add     v\high\().4s, v\high\().4s, v\bias\().4s
        .endm

        .global gemm_neondot_tiles
        .hidden gemm_neondot_tiles
        .type   gemm_neondot_tiles, %function
        .p2align 4
gemm_neondot_tiles:
        stp     d8, d9, [sp, #-64]!
        stp     d10, d11, [sp, #16]
        stp     d12, d13, [sp, #32]
        stp     d14, d15, [sp, #48]
        ldp     x1, x2, [x0]            // rows, panel
        ldp     x3, x4, [x0, #16]       // output, its stride
        ldp     x5, x6, [x0, #32]       // 16-step groups of the depth, whether 8 more follow
        ldp     x7, x11, [x0, #48]      // tiles, folded
        ldr     x12, [x0, #64]          // row bias or 0
        add     x8, x0, #80             // zero point, ARM_FOLD_VALUE

.Ltile: ldp     q16, q17, [x2]          // bias
        ldp     q18, q19, [x2]
        ldp     q20, q21, [x2]
        ldp     q22, q23, [x2]
        ldp     q24, q25, [x2]
        ldp     q26, q27, [x2]
        ldp     q28, q29, [x2]
        ldp     q30, q31, [x2]
        add     x9, x2, #64             // bias and scale lie before the weights
        mov     x10, x5
        cbz     x5, .Leight
        .p2align 4
.Lloop: ldp     q0, q1, [x1], #128
        ldp     q8, q9, [x9], #128
        ldp     q2, q3, [x1, #-96]
        ldp     q4, q5, [x1, #-64]
        ldp     q6, q7, [x1, #-32]
        ldp     q10, q11, [x9, #-96]
        ldp     q12, q13, [x9, #-64]
        ldp     q14, q15, [x9, #-32]
        subs    x10, x10, #1
        ROWS_WIDE 0, 8, 9
        ROWS_WIDE 1, 10, 11
        ROWS_WIDE 2, 12, 13
        ROWS_WIDE 3, 14, 15
        b.ne    .Lloop
        cbz     x6, .Lfinish
.Leight:
        ldp     q0, q1, [x1], #64
        ldp     q8, q9, [x9]
        ldp     q2, q3, [x1, #-32]
        ldp     q10, q11, [x9, #32]
        ROWS_EIGHT 0, 2, 8, 9
        ROWS_EIGHT 1, 3, 10, 11

.Lfinish:
        ldp     q0, q1, [x2, #32]       // scale
        ldp     q2, q3, [x8]
        subs    x7, x7, #1
        cbnz    x12, .Lrow_bias
.Lscale:
        cbz     x11, .Lconvert
        SCALE   16, 17, 18, 19
        SCALE   20, 21, 22, 23
        SCALE   24, 25, 26, 27
        SCALE   28, 29, 30, 31
        b.ne    .Ltile
        b       .Lreturn

.Lconvert:
        CONVERT 16, 17, 18, 19
        CONVERT 20, 21, 22, 23
        CONVERT 24, 25, 26, 27
        CONVERT 28, 29, 30, 31
        b.ne    .Ltile

        b       .Lreturn

.Lrow_bias:
        ld4r    {v4.4s-v7.4s}, [x12], #16
        ld4r    {v8.4s-v11.4s}, [x12], #16
        ADD_BOTH 16, 17, 4
        ADD_BOTH 18, 19, 5
        ADD_BOTH 20, 21, 6
        ADD_BOTH 22, 23, 7
        ADD_BOTH 24, 25, 8
        ADD_BOTH 26, 27, 9
        ADD_BOTH 28, 29, 10
        ADD_BOTH 30, 31, 11
        b       .Lscale

.Lreturn:
        ldp     d10, d11, [sp, #16]
        ldp     d12, d13, [sp, #32]
        ldp     d14, d15, [sp, #48]
        ldp     d8, d9, [sp], #64
        ret
        .size   gemm_neondot_tiles, .-gemm_neondot_tiles

        .section .note.GNU-stack, "", %progbits
