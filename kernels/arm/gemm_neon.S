// SPDX-License-Identifier: Apache-2.0
//
// void gemm_neon_tiles(const struct gemm_tiles *job)      (gemm_tiles.h)
//
// Tiles of 4 rows x 4 columns against one panel, Armv8.0. The order of the instructions is for in-order
// cores (A53): products in groups of eight, so that each result is used eight instructions later, and
// the loads where eight results are being added. Out-of-order cores do not mind.
//
//     v0-v3   weights of 4 columns, 16 steps of depth      v4-v7   the same of 4 rows
//     v8-v15  16-bit sums of two products                  v16-v31 accumulators [row][column]

        .text

// Eight products: rows in v\a and v\b with the four columns.
        .macro  PRODUCTS op, half, a, b
        \op     v8.8h, v\a\().\half, v0.\half
        \op     v9.8h, v\a\().\half, v1.\half
        \op     v10.8h, v\a\().\half, v2.\half
        \op     v11.8h, v\a\().\half, v3.\half
        \op     v12.8h, v\b\().\half, v0.\half
        \op     v13.8h, v\b\().\half, v1.\half
        \op     v14.8h, v\b\().\half, v2.\half
        \op     v15.8h, v\b\().\half, v3.\half
        .endm

        .macro  ADD_TOP op
        \op     v16.4s, v8.8h
        \op     v17.4s, v9.8h
        \op     v18.4s, v10.8h
        \op     v19.4s, v11.8h
        \op     v20.4s, v12.8h
        \op     v21.4s, v13.8h
        \op     v22.4s, v14.8h
        \op     v23.4s, v15.8h
        .endm

// 16 steps of depth. op: sadalp, or saddlp for the first. next: load the following 16 steps.
        .macro  STEP op, next
        smull   v8.8h, v4.8b, v0.8b
        add     x9, x9, #64
        add     x1, x1, #64
        .if     \next
        subs    x10, x10, #1
        .endif
        smull   v9.8h, v4.8b, v1.8b
        smull   v10.8h, v4.8b, v2.8b
        smull   v11.8h, v4.8b, v3.8b
        smull   v12.8h, v5.8b, v0.8b
        smull   v13.8h, v5.8b, v1.8b
        smull   v14.8h, v5.8b, v2.8b
        smull   v15.8h, v5.8b, v3.8b
        PRODUCTS smlal2, 16b, 4, 5
        ADD_TOP \op
        PRODUCTS smull, 8b, 6, 7
        PRODUCTS smlal2, 16b, 6, 7
        \op     v24.4s, v8.8h
        .if     \next
        ld1     {v0.16b-v3.16b}, [x9]
        .endif
        \op     v25.4s, v9.8h
        \op     v26.4s, v10.8h
        \op     v27.4s, v11.8h
        \op     v28.4s, v12.8h
        .if     \next
        ld1     {v4.16b-v7.16b}, [x1]
        .endif
        \op     v29.4s, v13.8h
        \op     v30.4s, v14.8h
        \op     v31.4s, v15.8h
        .endm

        .global gemm_neon_tiles
        .hidden gemm_neon_tiles
        .type   gemm_neon_tiles, %function
        .p2align 4
gemm_neon_tiles:
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

.Ltile: add     x9, x2, #32             // bias and scale lie before the weights
        cbz     x5, .Lshallow
        ld1     {v0.16b-v3.16b}, [x9]
        ld1     {v4.16b-v7.16b}, [x1]
        subs    x10, x5, #1
        b.eq    .Lonly
        STEP    saddlp, 1
        b.eq    .Llast
        .p2align 4
.Lloop: STEP    sadalp, 1
        b.ne    .Lloop
.Llast: STEP    sadalp, 0
        cbz     x6, .Lfinish
        b       .Leight
.Lonly: STEP    saddlp, 0
        cbz     x6, .Lfinish
        b       .Leight

.Lshallow:
        .irp    r, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        movi    v\r\().4s, #0
        .endr
.Leight:
        ldp     d4, d5, [x1]
        ldp     d0, d1, [x9]
        ldp     d2, d3, [x9, #16]
        ldp     d6, d7, [x1, #16]
        add     x1, x1, #32
        PRODUCTS smull, 8b, 4, 5
        ADD_TOP sadalp
        PRODUCTS smull, 8b, 6, 7
        sadalp  v24.4s, v8.8h
        sadalp  v25.4s, v9.8h
        sadalp  v26.4s, v10.8h
        sadalp  v27.4s, v11.8h
        sadalp  v28.4s, v12.8h
        sadalp  v29.4s, v13.8h
        sadalp  v30.4s, v14.8h
        sadalp  v31.4s, v15.8h

.Lfinish:
        ldp     q0, q1, [x2]            // bias, scale
        ldp     q2, q3, [x8]
        addp    v16.4s, v16.4s, v17.4s
        addp    v18.4s, v18.4s, v19.4s
        addp    v20.4s, v20.4s, v21.4s
        addp    v22.4s, v22.4s, v23.4s
        addp    v24.4s, v24.4s, v25.4s
        addp    v26.4s, v26.4s, v27.4s
        addp    v28.4s, v28.4s, v29.4s
        addp    v30.4s, v30.4s, v31.4s
        addp    v16.4s, v16.4s, v18.4s
        addp    v20.4s, v20.4s, v22.4s
        addp    v24.4s, v24.4s, v26.4s
        addp    v28.4s, v28.4s, v30.4s
        .irp    r, 16,20,24,28
        add     v\r\().4s, v\r\().4s, v0.4s
        .endr
        cbz     x12, .Lscale
        ld4r    {v4.4s-v7.4s}, [x12], #16
        add     v16.4s, v16.4s, v4.4s
        add     v20.4s, v20.4s, v5.4s
        add     v24.4s, v24.4s, v6.4s
        add     v28.4s, v28.4s, v7.4s
.Lscale:
        cbz     x11, .Lconvert
        .irp    r, 16,20,24,28
        fsub    v\r\().4s, v\r\().4s, v3.4s
        .endr
        .irp    r, 16,20,24,28
        fmul    v\r\().4s, v\r\().4s, v1.4s
        .endr
        .irp    r, 16,20,24,28
        fadd    v\r\().4s, v\r\().4s, v3.4s
        .endr
        uzp1    v16.8h, v16.8h, v20.8h
        uzp1    v24.8h, v24.8h, v28.8h
.Lnarrow:
        sqadd   v16.8h, v16.8h, v2.8h
        sqadd   v24.8h, v24.8h, v2.8h
        sqxtn   v16.8b, v16.8h
        sqxtn2  v16.16b, v24.8h
        subs    x7, x7, #1
        st1     {v16.s}[0], [x3], x4
        st1     {v16.s}[1], [x3], x4
        st1     {v16.s}[2], [x3], x4
        st1     {v16.s}[3], [x3], x4
        b.ne    .Ltile
        b       .Lreturn

.Lconvert:                              // the same for accumulators that are not folded
        .irp    r, 16,20,24,28
        scvtf   v\r\().4s, v\r\().4s
        .endr
        .irp    r, 16,20,24,28
        fmul    v\r\().4s, v\r\().4s, v1.4s
        .endr
        .irp    r, 16,20,24,28
        fcvtns  v\r\().4s, v\r\().4s
        .endr
        sqxtn   v16.4h, v16.4s
        sqxtn   v24.4h, v24.4s
        sqxtn2  v16.8h, v20.4s
        sqxtn2  v24.8h, v28.4s
        b       .Lnarrow

.Lreturn:
        ldp     d10, d11, [sp, #16]
        ldp     d12, d13, [sp, #32]
        ldp     d14, d15, [sp, #48]
        ldp     d8, d9, [sp], #64
        ret
        .size   gemm_neon_tiles, .-gemm_neon_tiles

        .section .note.GNU-stack, "", %progbits
