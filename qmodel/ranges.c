// SPDX-License-Identifier: Apache-2.0
#include "qmodel/ranges.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CUTS 40     // how many places for each end the search tries
#define CUT_SIZE 50 // one cut takes 1/50 of the end off

// ---- gathering -----------------------------------------------------------------------------------

static void double_reach(struct range *r)
{
    uint64_t joined[RANGES_BINS] = {0};
    for (uint32_t i = 0; i < RANGES_BINS; i++)
        joined[RANGES_BINS / 4 + i / 2] += r->bins[i];
    memcpy(r->bins, joined, sizeof(joined));
    r->reach *= 2;
}

static int make_bins(struct range *r)
{
    if (r->bins)
        return 0;
    r->bins = calloc(RANGES_BINS, sizeof(*r->bins));
    r->reach = 0x1p-20f;
    return r->bins ? 0 : -ENOMEM;
}

// Values are within [-most, most], finite.
static void count_values(struct range *r, const float *values, size_t count, float most)
{
    while (r->reach <= most)
        double_reach(r);
    float steps = (float)(RANGES_BINS / 2) / r->reach;
    for (size_t i = 0; i < count; i++) {
        int32_t bin = RANGES_BINS / 2 + (int32_t)floorf(values[i] * steps);
        r->bins[bin < 0 ? 0 : bin >= RANGES_BINS ? RANGES_BINS - 1 : bin]++;
    }
}

int range_add(struct range *r, const float *values, size_t count, enum calibration method)
{
    float low = INFINITY, high = -INFINITY, odd = 0;
    for (size_t i = 0; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
        odd += values[i] * 0; // anything but 0 or -0 when one is infinite or not a number
    }
    if (odd != 0 || count == 0)
        return -EDOM;
    if (method == CALIBRATION_PERCENTILE || method == CALIBRATION_MSE) {
        if (make_bins(r) < 0)
            return -ENOMEM;
        count_values(r, values, count, fmaxf(fabsf(low), fabsf(high)));
    }
    r->low = r->samples == 0 || low < r->low ? low : r->low;
    r->high = r->samples == 0 || high > r->high ? high : r->high;
    r->low_sum += (double)low;
    r->high_sum += (double)high;
    r->samples++;
    return 0;
}

int range_add_means(struct range *r, const float *values, size_t count, uint32_t channels)
{
    if (channels == 0 || count % channels != 0 || (r->sums && r->channels != channels))
        return -EINVAL;
    if (!r->sums && !(r->sums = calloc(channels, sizeof(*r->sums))))
        return -ENOMEM;
    r->channels = channels;
    r->rows += count / channels;
    for (size_t i = 0; i < count; i += channels)
        for (uint32_t c = 0; c < channels; c++)
            r->sums[c] += (double)values[i + c];
    return 0;
}

static int merge_bins(struct range *r, const struct range *from)
{
    struct range copy = {.reach = from->reach, .bins = malloc(RANGES_BINS * sizeof(*copy.bins))};
    if (!copy.bins || make_bins(r) < 0) {
        free(copy.bins);
        return -ENOMEM;
    }
    memcpy(copy.bins, from->bins, RANGES_BINS * sizeof(*copy.bins));
    while (copy.reach < r->reach)
        double_reach(&copy);
    while (r->reach < copy.reach)
        double_reach(r);
    for (uint32_t i = 0; i < RANGES_BINS; i++)
        r->bins[i] += copy.bins[i];
    free(copy.bins);
    return 0;
}

// Averages: the wider of both ends, as if they were one tensor's.
int range_merge(struct range *r, const struct range *from)
{
    if (from->samples == 0)
        return 0;
    if (from->bins && merge_bins(r, from) < 0)
        return -ENOMEM;
    double low = from->low_sum / from->samples, high = from->high_sum / from->samples;
    if (r->samples) {
        low = fmin(low, r->low_sum / r->samples);
        high = fmax(high, r->high_sum / r->samples);
    }
    r->low = r->samples == 0 ? from->low : fminf(r->low, from->low);
    r->high = r->samples == 0 ? from->high : fmaxf(r->high, from->high);
    r->samples = 1;
    r->low_sum = low;
    r->high_sum = high;
    return 0;
}

void range_finish(struct range *r)
{
    free(r->bins);
    free(r->sums);
    *r = (struct range){0};
}

// ---- solving -------------------------------------------------------------------------------------

static double bin_middle(const struct range *r, uint32_t bin)
{
    return ((double)bin + 0.5 - RANGES_BINS / 2) * (double)r->reach / (RANGES_BINS / 2);
}

// Bins below and above which the given share of all values lies.
static void solve_percentile(const struct range *r, double percentile, float *low, float *high)
{
    uint64_t total = 0, below = 0, above = 0;
    for (uint32_t i = 0; i < RANGES_BINS; i++)
        total += r->bins[i];
    uint64_t cut = (uint64_t)((double)total * (100 - percentile) / 100);
    uint32_t first = 0, last = RANGES_BINS - 1;
    while (first < last && (below += r->bins[first]) <= cut)
        first++;
    while (last > first && (above += r->bins[last]) <= cut)
        last--;
    double width = (double)r->reach / (RANGES_BINS / 2);
    *low = fmaxf(*low, (float)(((double)first - RANGES_BINS / 2) * width));
    *high = fminf(*high, (float)(((double)last + 1 - RANGES_BINS / 2) * width));
}

// Sum of squares of what rounding to 255 steps and clamping does to the values.
static double square_error(const struct range *r, double low, double high)
{
    double sum = 0, step = (high - low) / 255;
    for (uint32_t i = 0; i < RANGES_BINS; i++) {
        if (r->bins[i] == 0)
            continue;
        double v = bin_middle(r, i), clamped = v < low ? low : v > high ? high : v;
        double error = v - rint(clamped / step) * step;
        sum += (double)r->bins[i] * error * error;
    }
    return sum;
}

// Cuts one end while the other stays; twice around settles it.
static void solve_mse(const struct range *r, float *low, float *high)
{
    double ends[2] = {(double)*low, (double)*high}, full[2] = {ends[0], ends[1]};
    for (uint32_t turn = 0; turn < 4; turn++) {
        uint32_t end = 1 - turn % 2;
        double least = INFINITY, best = ends[end], try[2] = {ends[0], ends[1]};
        for (uint32_t cut = 0; cut < CUTS && full[end] != 0; cut++) {
            try[end] = full[end] * (CUT_SIZE - cut) / CUT_SIZE;
            double error = square_error(r, try[0], try[1]);
            if (error < least)
                least = error, best = try[end];
        }
        ends[end] = best;
    }
    *low = (float)ends[0];
    *high = (float)ends[1];
}

void range_solve(const struct range *r, enum calibration method, double percentile, float *low, float *high)
{
    *low = r->low;
    *high = r->high;
    if (method == CALIBRATION_AVERAGE) {
        *low = (float)(r->low_sum / r->samples);
        *high = (float)(r->high_sum / r->samples);
    }
    if (method == CALIBRATION_PERCENTILE && r->bins)
        solve_percentile(r, percentile, low, high);
    *low = *low < 0 ? *low : 0;
    *high = *high > 0 ? *high : 0;
    if (method == CALIBRATION_MSE && r->bins && *low < *high)
        solve_mse(r, low, high);
}

void range_steps(float low, float high, float *scale, int32_t *zero_point)
{
    *scale = (high - low) / 255;
    if (!(*scale >= 1e-30f)) { // always zero: any scale serves
        *scale = 1;
        *zero_point = 0;
        return;
    }
    float zero = rintf(-128 - low / *scale);
    *zero_point = (int32_t)(zero < -128 ? -128 : zero > 127 ? 127 : zero);
}
