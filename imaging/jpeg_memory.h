// SPDX-License-Identifier: Apache-2.0
//
// libjpeg takes memory for each picture and gives it back at its end. Here what a picture took is
// kept for the next one: the first picture's comes from the heap and is counted, those after it are
// cut from one block of that size. What does not fit (another kind of picture, coefficients of a
// progressive one) comes from the heap again.

#ifndef QEDGE_IMAGING_JPEG_MEMORY_H
#define QEDGE_IMAGING_JPEG_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

struct jpeg_memory {
    struct jpeg_memory_mgr libjpeg; // its functions as they were
    uint8_t *block;                 // NULL: none yet
    size_t capacity, used;
    size_t wanted; // by this picture, whether it fitted or not
};

// Puts itself between cinfo and libjpeg's memory. cinfo was created, and its client_data points to
// something that begins with *memory and outlives it.
void jpeg_memory_init(struct jpeg_memory *memory, struct jpeg_decompress_struct *cinfo);
// After jpeg_destroy_decompress.
void jpeg_memory_finish(struct jpeg_memory *memory);

#endif
