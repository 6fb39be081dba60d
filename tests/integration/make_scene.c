// SPDX-License-Identifier: Apache-2.0
//
// make_scene FILE.y4m FRAMES MOVED_AT SIGMA
//
// A camera's view of a wall with a box before it, 640 x 480 at 30 frames a second: every frame has
// its own sensor noise (SIGMA grey levels), and from frame MOVED_AT on (from 0) the box stands
// elsewhere.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 640, HEIGHT = 480, BOX = 48, NOISE = 1 << 16 };

static int8_t noise[NOISE];

static uint32_t random_next(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static void make_noise(double sigma)
{
    for (int i = 0; i < NOISE; i++) {
        double sum = -6;
        for (int k = 0; k < 12; k++)
            sum += random_next() % 1000 / 999.0;
        noise[i] = (int8_t)(sum * sigma);
    }
}

static uint8_t clamped(int value)
{
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

static int luma(int x, int y, int box_x)
{
    if (x >= box_x && x < box_x + BOX && y >= 200 && y < 200 + BOX)
        return 40;
    return 80 + x / 8 + (x / 16 + y / 12) % 2 * 30;
}

static void write_frame(FILE *file, int box_x)
{
    uint32_t at = random_next();
    fputs("FRAME\n", file);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            putc(clamped(luma(x, y, box_x) + noise[at++ % NOISE]), file);
    for (int i = 0; i < WIDTH * HEIGHT / 2; i++)
        putc(clamped(128 + noise[at++ % NOISE] / 2), file);
}

int main(int argc, char **argv)
{
    FILE *file = argc == 5 ? fopen(argv[1], "wb") : NULL;
    if (!file) {
        fprintf(stderr, "make_scene FILE.y4m FRAMES MOVED_AT SIGMA\n");
        return 2;
    }
    make_noise(atof(argv[4]));
    fprintf(file, "YUV4MPEG2 W%d H%d F30:1 Ip A1:1 C420jpeg\n", WIDTH, HEIGHT);
    for (int i = 0; i < atoi(argv[2]); i++)
        write_frame(file, i < atoi(argv[3]) ? 300 : 360);
    return fclose(file) == 0 ? 0 : 1;
}
