// SPDX-License-Identifier: Apache-2.0
//
// void columns_stride1_neondot(const struct depthwise_columns *job)      (depthwise_columns.h)
// void columns_stride2_neondot(const struct depthwise_columns *job)
// and, for accumulators that are not folded (arm_fold.h), the same with _unfolded.
//
// Depthwise 3x3, Armv8.2 with dot products: 8 channels at a time along an output row (stride 1: two rows).
// The bytes of a column's rows are interleaved once, {r0 r1 r2 r3} for each channel, and then multiplied
// for the three pixels that the column is part of: sdot with the weights {w0 w1 w2 0} of a kernel column
// for the upper output row and {0 w0 w1 w2} for the lower.
//
//     v0-v11  weights: four registers for each kernel column: upper row channels 0-3, 4-7, lower row the same
//     v12-v23 accumulators of three neighbouring pixels, four registers each in that order
//     v24 v25 scale    v26 ARM_FOLD_VALUE    v27 zero point    v28-v31 the column

        .arch   armv8.2-a+dotprod
        .text

// ---- Both strides -------------------------------------------------------------------------------

        .macro  SAVE
        stp     d8, d9, [sp, #-64]!
        stp     d10, d11, [sp, #16]
        stp     d12, d13, [sp, #32]
        stp     d14, d15, [sp, #48]
        .endm

        .macro  RESTORE
        ldp     d10, d11, [sp, #16]
        ldp     d12, d13, [sp, #32]
        ldp     d14, d15, [sp, #48]
        ldp     d8, d9, [sp], #64
        ret
        .endm

// Two accumulators -> eight bytes at \to.
        .macro  STORE a, to
        sqadd   v\a\().8h, v\a\().8h, v27.8h
        sqxtn   v\a\().8b, v\a\().8h
        st1     {v\a\().8b}, [\to], x5
        .endm

        .macro  FOLDED a, b, to
        fsub    v\a\().4s, v\a\().4s, v26.4s
        fsub    v\b\().4s, v\b\().4s, v26.4s
        fmul    v\a\().4s, v\a\().4s, v24.4s
        fmul    v\b\().4s, v\b\().4s, v25.4s
        fadd    v\a\().4s, v\a\().4s, v26.4s
        fadd    v\b\().4s, v\b\().4s, v26.4s
        uzp1    v\a\().8h, v\a\().8h, v\b\().8h
        STORE   \a, \to
        .endm

        .macro  UNFOLDED a, b, to
        scvtf   v\a\().4s, v\a\().4s
        scvtf   v\b\().4s, v\b\().4s
        fmul    v\a\().4s, v\a\().4s, v24.4s
        fmul    v\b\().4s, v\b\().4s, v25.4s
        fcvtns  v\a\().4s, v\a\().4s
        fcvtns  v\b\().4s, v\b\().4s
        sqxtn   v\a\().4h, v\a\().4s
        sqxtn2  v\a\().8h, v\b\().4s
        STORE   \a, \to
        .endm

// x8: the next eight channels, the last moved back to end at the last channel; branches to \again.
        .macro  NEXT_CHANNELS size, again
        ldr     x12, [x0, #128]
        cmp     x8, x12
        b.eq    .Ldone\@
        add     x8, x8, #8
        cmp     x8, x12
        csel    x8, x8, x12, lo
        add     x9, x9, #\size
        b       \again
.Ldone\@:
        .endm

// ---- Stride 1: two output rows ------------------------------------------------------------------

        .macro  LOAD_MAIN
        ld1     {v28.8b}, [x1], x5
        ld1     {v29.8b}, [x2], x5
        ld1     {v30.8b}, [x3], x5
        ld1     {v31.8b}, [x4], x5
        .endm

        .macro  LOAD_AT offset
        ldp     x11, x12, [x0, #\offset]
        ldp     x13, x14, [x0, #\offset + 16]
        ldr     d28, [x11, x8]
        ldr     d29, [x12, x8]
        ldr     d30, [x13, x8]
        ldr     d31, [x14, x8]
        .endm

// v28, v29: {r0 r1 r2 r3} of channels 0-3 and 4-7.
        .macro  INTERLEAVE
        zip1    v28.16b, v28.16b, v29.16b
        zip1    v30.16b, v30.16b, v31.16b
        zip2    v29.8h, v28.8h, v30.8h
        zip1    v28.8h, v28.8h, v30.8h
        .endm

        .macro  START a, b, c, d
        ldp     q\a, q\b, [x9]
        ldp     q\c, q\d, [x9]
        .endm

        .macro  DOT a, b, c, d, w0, w1, w2, w3
        sdot    v\a\().4s, v28.16b, v\w0\().16b
        sdot    v\b\().4s, v29.16b, v\w1\().16b
        sdot    v\c\().4s, v28.16b, v\w2\().16b
        sdot    v\d\().4s, v29.16b, v\w3\().16b
        .endm

        .macro  DOT0 a, b, c, d
        DOT     \a, \b, \c, \d, 0, 1, 2, 3
        .endm
        .macro  DOT1 a, b, c, d
        DOT     \a, \b, \c, \d, 4, 5, 6, 7
        .endm
        .macro  DOT2 a, b, c, d
        DOT     \a, \b, \c, \d, 8, 9, 10, 11
        .endm

        .macro  FINISH_BOTH finish, a, b, c, d
        \finish \a, \b, x6
        \finish \c, \d, x7
        .endm

        .macro  STRIDE1 name, finish
        .global \name
        .hidden \name
        .type   \name, %function
        .p2align 4
\name:
        SAVE
        mov     x8, #0                  // channel
        ldr     x5, [x0, #112]          // distance of columns
        ldr     x9, [x0, #136]          // packed
        ldp     q27, q26, [x0, #144]

.Lblock1\@:
        ldp     q24, q25, [x9, #32]
        ldp     q0, q1, [x9, #64]
        ldp     q4, q5, [x9, #96]
        ldp     q8, q9, [x9, #128]
        shl     v2.4s, v0.4s, #8
        shl     v3.4s, v1.4s, #8
        shl     v6.4s, v4.4s, #8
        shl     v7.4s, v5.4s, #8
        shl     v10.4s, v8.4s, #8
        shl     v11.4s, v9.4s, #8
        ldp     x6, x7, [x0, #96]       // output
        add     x6, x6, x8
        add     x7, x7, x8
        ldr     x10, [x0, #120]         // output pixels
        LOAD_AT 0
        INTERLEAVE
        START   12, 13, 14, 15
        DOT0    12, 13, 14, 15
        ldp     x1, x2, [x0, #32]
        ldp     x3, x4, [x0, #48]
        add     x1, x1, x8
        add     x2, x2, x8
        add     x3, x3, x8
        add     x4, x4, x8
        LOAD_MAIN
        INTERLEAVE
        START   16, 17, 18, 19
        DOT1    12, 13, 14, 15
        DOT0    16, 17, 18, 19
        subs    x10, x10, #1
        b.eq    .Llast0\@

        .p2align 4
.Lloop1\@:
        LOAD_MAIN
        INTERLEAVE
        START   20, 21, 22, 23
        DOT2    12, 13, 14, 15
        DOT1    16, 17, 18, 19
        DOT0    20, 21, 22, 23
        FINISH_BOTH \finish, 12, 13, 14, 15
        subs    x10, x10, #1
        b.eq    .Llast1\@
        LOAD_MAIN
        INTERLEAVE
        START   12, 13, 14, 15
        DOT2    16, 17, 18, 19
        DOT1    20, 21, 22, 23
        DOT0    12, 13, 14, 15
        FINISH_BOTH \finish, 16, 17, 18, 19
        subs    x10, x10, #1
        b.eq    .Llast2\@
        LOAD_MAIN
        INTERLEAVE
        START   16, 17, 18, 19
        DOT2    20, 21, 22, 23
        DOT1    12, 13, 14, 15
        DOT0    16, 17, 18, 19
        FINISH_BOTH \finish, 20, 21, 22, 23
        subs    x10, x10, #1
        b.ne    .Lloop1\@

.Llast0\@:
        LOAD_AT 64
        INTERLEAVE
        DOT2    12, 13, 14, 15
        FINISH_BOTH \finish, 12, 13, 14, 15
        b       .Lnext1\@
.Llast1\@:
        LOAD_AT 64
        INTERLEAVE
        DOT2    16, 17, 18, 19
        FINISH_BOTH \finish, 16, 17, 18, 19
        b       .Lnext1\@
.Llast2\@:
        LOAD_AT 64
        INTERLEAVE
        DOT2    20, 21, 22, 23
        FINISH_BOTH \finish, 20, 21, 22, 23
.Lnext1\@:
        NEXT_CHANNELS 160, .Lblock1\@
        RESTORE
        .size   \name, .-\name
        .endm

        STRIDE1 columns_stride1_neondot, FOLDED
        STRIDE1 columns_stride1_neondot_unfolded, UNFOLDED

// ---- Stride 2: one output row; v12-v15 are the accumulators of two pixels ------------------------

        .macro  LOAD_MAIN3
        ld1     {v28.8b}, [x1], x5
        ld1     {v29.8b}, [x2], x5
        ld1     {v30.8b}, [x3], x5
        .endm

        .macro  LOAD_AT3 offset
        ldp     x11, x12, [x0, #\offset]
        ldr     x13, [x0, #\offset + 16]
        ldr     d28, [x11, x8]
        ldr     d29, [x12, x8]
        ldr     d30, [x13, x8]
        .endm

// The fourth weight is 0: any byte will do.
        .macro  INTERLEAVE3
        zip1    v28.16b, v28.16b, v29.16b
        zip1    v30.16b, v30.16b, v30.16b
        zip2    v29.8h, v28.8h, v30.8h
        zip1    v28.8h, v28.8h, v30.8h
        .endm

        .macro  DOT_ROW a, b, w0, w1
        sdot    v\a\().4s, v28.16b, v\w0\().16b
        sdot    v\b\().4s, v29.16b, v\w1\().16b
        .endm

        .macro  STRIDE2 name, finish
        .global \name
        .hidden \name
        .type   \name, %function
        .p2align 4
\name:
        SAVE
        mov     x8, #0
        ldr     x5, [x0, #112]
        ldr     x9, [x0, #136]
        ldp     q27, q26, [x0, #144]

.Lblock2\@:
        ldp     q24, q25, [x9, #32]
        ldp     q0, q1, [x9, #64]
        ldp     q4, q5, [x9, #96]
        ldp     q8, q9, [x9, #128]
        ldr     x6, [x0, #96]
        add     x6, x6, x8
        ldr     x10, [x0, #120]
        ldp     x1, x2, [x0, #32]
        ldr     x3, [x0, #48]
        add     x1, x1, x8
        add     x2, x2, x8
        add     x3, x3, x8
        LOAD_AT3 0
        INTERLEAVE3
        ldp     q12, q13, [x9]
        DOT_ROW 12, 13, 0, 1
        subs    x10, x10, #1
        b.eq    .Llast3\@

        .p2align 4
.Lloop2\@:
        LOAD_MAIN3
        INTERLEAVE3
        DOT_ROW 12, 13, 4, 5
        LOAD_MAIN3
        INTERLEAVE3
        ldp     q14, q15, [x9]
        DOT_ROW 12, 13, 8, 9
        DOT_ROW 14, 15, 0, 1
        \finish 12, 13, x6
        subs    x10, x10, #1
        b.eq    .Llast4\@
        LOAD_MAIN3
        INTERLEAVE3
        DOT_ROW 14, 15, 4, 5
        LOAD_MAIN3
        INTERLEAVE3
        ldp     q12, q13, [x9]
        DOT_ROW 14, 15, 8, 9
        DOT_ROW 12, 13, 0, 1
        \finish 14, 15, x6
        subs    x10, x10, #1
        b.ne    .Lloop2\@

.Llast3\@:
        LOAD_MAIN3
        INTERLEAVE3
        DOT_ROW 12, 13, 4, 5
        LOAD_AT3 64
        INTERLEAVE3
        DOT_ROW 12, 13, 8, 9
        \finish 12, 13, x6
        b       .Lnext2\@
.Llast4\@:
        LOAD_MAIN3
        INTERLEAVE3
        DOT_ROW 14, 15, 4, 5
        LOAD_AT3 64
        INTERLEAVE3
        DOT_ROW 14, 15, 8, 9
        \finish 14, 15, x6
.Lnext2\@:
        NEXT_CHANNELS 160, .Lblock2\@
        RESTORE
        .size   \name, .-\name
        .endm

        STRIDE2 columns_stride2_neondot, FOLDED
        STRIDE2 columns_stride2_neondot_unfolded, UNFOLDED

        .section .note.GNU-stack, "", %progbits
