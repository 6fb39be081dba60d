// SPDX-License-Identifier: Apache-2.0
#include "qmodel/ranges.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CUTS 40     // how many places for each end the search tries
#define CUT_SIZE 50 // one cut takes 1/50 of the end off

// ---- gathering --------------------------------------------------------------

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
    if (method == CALIBRATION_PERCENTILE || method == CALIBRATION_MSE ||
        method == CALIBRATION_ENTROPY) {
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

static int make_channels(struct range *r, uint32_t channels)
{
    if (r->sums)
        return r->channels == channels ? 0 : -EINVAL;
    r->sums = calloc(channels, 2 * sizeof(*r->sums) + sizeof(*r->most));
    if (!r->sums)
        return -ENOMEM;
    r->squares = r->sums + channels;
    r->most = (float *)(r->squares + channels);
    r->channels = channels;
    return 0;
}

int range_add_channels(struct range *r, const float *values, size_t count, uint32_t channels)
{
    int rc = channels == 0 || count % channels != 0 ? -EINVAL : make_channels(r, channels);
    if (rc < 0)
        return rc;
    r->rows += count / channels;
    for (size_t i = 0; i < count; i += channels)
        for (uint32_t c = 0; c < channels; c++) {
            double value = (double)values[i + c];
            float size = fabsf(values[i + c]);
            r->sums[c] += value;
            r->squares[c] += value * value;
            r->most[c] = size > r->most[c] ? size : r->most[c];
        }
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

static int join_channels(struct range *r, const struct range *from)
{
    int rc = make_channels(r, from->channels);
    for (uint32_t c = 0; rc == 0 && c < from->channels; c++) {
        r->sums[c] += from->sums[c];
        r->squares[c] += from->squares[c];
        r->most[c] = fmaxf(r->most[c], from->most[c]);
    }
    r->rows += from->rows;
    return rc;
}

int range_join(struct range *r, const struct range *from)
{
    if (from->samples == 0)
        return 0;
    if ((from->bins && merge_bins(r, from) < 0) || (from->sums && join_channels(r, from) < 0))
        return -ENOMEM;
    r->low = r->samples == 0 ? from->low : fminf(r->low, from->low);
    r->high = r->samples == 0 ? from->high : fmaxf(r->high, from->high);
    r->low_sum += from->low_sum;
    r->high_sum += from->high_sum;
    r->samples += from->samples;
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

// ---- solving ----------------------------------------------------------------

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

// Kullback-Leibler divergence of what 255 steps make of the values from the values: the shares of
// all bins, clamped ones counted at the ends, against shares that are even among the used bins of a
// step.
static double divergence(const struct range *r, double low, double high)
{
    double counts[256] = {0}, used[256] = {0}, kept[256] = {0}, step = (high - low) / 255,
           total = 0, sum = 0;
    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < RANGES_BINS; i++) {
            double v = bin_middle(r, i), n = (double)r->bins[i], at = rint((v - low) / step);
            uint32_t q = (uint32_t)(at < 0 ? 0 : at > 255 ? 255 : at);
            bool inside = v >= low && v <= high;
            if (n == 0)
                continue;
            if (pass == 0) {
                counts[q] += n;
                kept[q] += inside ? n : 0;
                used[q] += inside;
                total += n;
            } else if (inside) { // a clamped bin's share moves into its step, evenly
                double real = n + (counts[q] - kept[q]) / used[q], model = kept[q] / used[q];
                sum += real * log(real / model);
            }
        }
    for (uint32_t q = 0; q < 256; q++) // all that fell on this step was clamped
        sum += used[q] == 0 && counts[q] > 0 ? counts[q] * log(2 * counts[q]) : 0;
    return total > 0 ? sum / total : 0;
}

// Cuts one end while the other stays; twice around settles it.
static void solve_cuts(const struct range *r, double (*loss)(const struct range *, double, double),
                       float *low, float *high)
{
    double ends[2] = {(double)*low, (double)*high}, full[2] = {ends[0], ends[1]};
    for (uint32_t turn = 0; turn < 4; turn++) {
        uint32_t end = 1 - turn % 2;
        double least = INFINITY, best = ends[end], try[2] = {ends[0], ends[1]};
        for (uint32_t cut = 0; cut < CUTS && full[end] != 0; cut++) {
            try[end] = full[end] * (CUT_SIZE - cut) / CUT_SIZE;
            double lost = loss(r, try[0], try[1]);
            if (lost < least)
                least = lost, best = try[end];
        }
        ends[end] = best;
    }
    *low = (float)ends[0];
    *high = (float)ends[1];
}

void range_solve(const struct range *r, enum calibration method, double percentile, float *low,
                 float *high)
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
    if (r->bins && *low < *high && (method == CALIBRATION_MSE || method == CALIBRATION_ENTROPY))
        solve_cuts(r, method == CALIBRATION_MSE ? square_error : divergence, low, high);
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
