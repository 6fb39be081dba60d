// SPDX-License-Identifier: Apache-2.0
//
// void gemm_neoni8mm_tiles(const struct gemm_tiles *job)      (gemm_tiles.h)
//
// Tiles of 8 rows x 8 columns against one panel, Armv8.6 with int8 matrix products. An accumulator
// holds two columns of two rows {r0c0 r0c1 r1c0 r1c1}: v16-v19 rows 0 and 1, v20-v23 rows 2 and 3 ... v31.
//
//     v0-v3   8 steps of depth of two rows each      v4-v7   of two columns each; v8-v15 the next 8 steps
//     at the end: v0-v3 scales, v4 ARM_FOLD_VALUE, v5 zero point, v6 the order of bytes

        .arch   armv8.2-a+i8mm
        .text

        .macro  PAIR a, b0, b1, b2, b3, r0, r1, r2, r3
        smmla   v\r0\().4s, v\a\().16b, v\b0\().16b
        smmla   v\r1\().4s, v\a\().16b, v\b1\().16b
        smmla   v\r2\().4s, v\a\().16b, v\b2\().16b
        smmla   v\r3\().4s, v\a\().16b, v\b3\().16b
        .endm

        .macro  EIGHT a0, a1, a2, a3, b0, b1, b2, b3
        PAIR    \a0, \b0, \b1, \b2, \b3, 16, 17, 18, 19
        PAIR    \a1, \b0, \b1, \b2, \b3, 20, 21, 22, 23
        PAIR    \a2, \b0, \b1, \b2, \b3, 24, 25, 26, 27
        PAIR    \a3, \b0, \b1, \b2, \b3, 28, 29, 30, 31
        .endm

// 16-bit values of two rows, in v\a and v\c -> bytes, in the order of rows.
        .macro  STORE a, c
        sqadd   v\a\().8h, v\a\().8h, v5.8h
        sqadd   v\c\().8h, v\c\().8h, v5.8h
        sqxtn   v\a\().8b, v\a\().8h
        sqxtn2  v\a\().16b, v\c\().8h
        tbl     v\a\().16b, {v\a\().16b}, v6.16b
        st1     {v\a\().d}[0], [x3], x4
        st1     {v\a\().d}[1], [x3], x4
        .endm

// Folded accumulators of two rows.
        .macro  SCALE a, b, c, d
        fsub    v\a\().4s, v\a\().4s, v4.4s
        fsub    v\b\().4s, v\b\().4s, v4.4s
        fsub    v\c\().4s, v\c\().4s, v4.4s
        fsub    v\d\().4s, v\d\().4s, v4.4s
        fmul    v\a\().4s, v\a\().4s, v0.4s
        fmul    v\b\().4s, v\b\().4s, v1.4s
        fmul    v\c\().4s, v\c\().4s, v2.4s
        fmul    v\d\().4s, v\d\().4s, v3.4s
        fadd    v\a\().4s, v\a\().4s, v4.4s
        fadd    v\b\().4s, v\b\().4s, v4.4s
        fadd    v\c\().4s, v\c\().4s, v4.4s
        fadd    v\d\().4s, v\d\().4s, v4.4s
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
        fmul    v\c\().4s, v\c\().4s, v2.4s
        fmul    v\d\().4s, v\d\().4s, v3.4s
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

        .macro  COPY to, from
        mov     v\to\().16b, v\from\().16b
        .endm

        .macro  ADD_FOUR a, b, c, d, bias
        add     v\a\().4s, v\a\().4s, v\bias\().4s
        add     v\b\().4s, v\b\().4s, v\bias\().4s
        add     v\c\().4s, v\c\().4s, v\bias\().4s
        add     v\d\().4s, v\d\().4s, v\bias\().4s
        .endm

        .global gemm_neoni8mm_tiles
        .hidden gemm_neoni8mm_tiles
        .type   gemm_neoni8mm_tiles, %function
        .p2align 4
gemm_neoni8mm_tiles:
        stp     d8, d9, [sp, #-64]!
        stp     d10, d11, [sp, #16]
        stp     d12, d13, [sp, #32]
        stp     d14, d15, [sp, #48]
        ldp     x1, x2, [x0]            // rows, panel
        ldp     x3, x4, [x0, #16]       // output, its stride
        ldp     x5, x6, [x0, #32]       // 16-step groups of the depth, whether 8 more follow
        ldp     x7, x11, [x0, #48]      // tiles, folded
        ldr     x12, [x0, #64]          // row bias or 0
        adr     x13, .Lorder

.Ltile: mov     x9, x2
        ld1r    {v16.2d}, [x9], #8      // bias
        ld1r    {v17.2d}, [x9], #8
        ld1r    {v18.2d}, [x9], #8
        ld1r    {v19.2d}, [x9], #8
        add     x9, x2, #64             // bias and scale lie before the weights
        COPY    20, 16
        COPY    21, 17
        COPY    22, 18
        COPY    23, 19
        COPY    24, 16
        COPY    25, 17
        COPY    26, 18
        COPY    27, 19
        COPY    28, 16
        COPY    29, 17
        COPY    30, 18
        COPY    31, 19
        mov     x10, x5
        cbz     x5, .Leight
        .p2align 4
.Lloop: ldp     q0, q1, [x1], #128
        ldp     q4, q5, [x9], #128
        ldp     q2, q3, [x1, #-96]
        ldp     q6, q7, [x9, #-96]
        ldp     q8, q9, [x1, #-64]
        ldp     q12, q13, [x9, #-64]
        ldp     q10, q11, [x1, #-32]
        ldp     q14, q15, [x9, #-32]
        subs    x10, x10, #1
        EIGHT   0, 1, 2, 3, 4, 5, 6, 7
        EIGHT   8, 9, 10, 11, 12, 13, 14, 15
        b.ne    .Lloop
        cbz     x6, .Lfinish
.Leight:
        ldp     q0, q1, [x1], #64
        ldp     q4, q5, [x9]
        ldp     q2, q3, [x1, #-32]
        ldp     q6, q7, [x9, #32]
        EIGHT   0, 1, 2, 3, 4, 5, 6, 7

.Lfinish:
        add     x9, x2, #32             // scale
        ld1r    {v0.2d}, [x9], #8
        ld1r    {v1.2d}, [x9], #8
        ld1r    {v2.2d}, [x9], #8
        ld1r    {v3.2d}, [x9]
        ldr     q5, [x0, #80]
        ldr     q4, [x0, #96]
        ldr     q6, [x13]
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
        ldp     q8, q9, [x12], #32
        zip1    v10.4s, v8.4s, v8.4s
        zip2    v11.4s, v8.4s, v8.4s
        zip1    v12.4s, v9.4s, v9.4s
        zip2    v13.4s, v9.4s, v9.4s
        ADD_FOUR 16, 17, 18, 19, 10
        ADD_FOUR 20, 21, 22, 23, 11
        ADD_FOUR 24, 25, 26, 27, 12
        ADD_FOUR 28, 29, 30, 31, 13
        b       .Lscale

.Lreturn:
        ldp     d10, d11, [sp, #16]
        ldp     d12, d13, [sp, #32]
        ldp     d14, d15, [sp, #48]
        ldp     d8, d9, [sp], #64
        ret
        .p2align 4
.Lorder:
        .byte   0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15
        .size   gemm_neoni8mm_tiles, .-gemm_neoni8mm_tiles

        .section .note.GNU-stack, "", %progbits
