// SPDX-License-Identifier: Apache-2.0
#include "qmodel/comparison.h"

#include <math.h>

double comparison_db(double signal, double noise)
{
    return 10 * log10(signal / noise);
}

const char *comparison_db_text(double signal, double noise, char *text, size_t size)
{
    if (noise == 0)
        snprintf(text, size, "%s", "exact");
    else if (signal == 0)
        snprintf(text, size, "%s", "-");
    else
        snprintf(text, size, "%.2f", comparison_db(signal, noise));
    return text;
}

static double own_db(const struct comparison_layer *l)
{
    return l->own_noise > 0 ? comparison_db(l->own_signal, l->own_noise) : INFINITY;
}

uint32_t comparison_worst(const struct comparison *c, uint32_t count, uint32_t *worst)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->layer_count; i++) {
        uint32_t at = n < count ? n++ : count;
        for (; at > 0 && own_db(&c->layers[i]) < own_db(&c->layers[worst[at - 1]]); at--)
            if (at < count)
                worst[at] = worst[at - 1];
        if (at < count)
            worst[at] = i;
    }
    return n;
}
