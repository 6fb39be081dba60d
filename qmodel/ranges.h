// SPDX-License-Identifier: Apache-2.0
//
// What values a tensor takes, gathered over any number of samples in constant memory, and the range
// [low, high] that int8 steps should cover.
//
// The histogram has RANGES_BINS bins over [-reach, reach); `reach` is a power of two and doubles
// (bins are joined in pairs) when a value does not fit. So counts do not depend on the order in
// which values come, and all arithmetic is exact: the same values give the same range on any
// machine. Sums (of the moving average, of channels) are in double and depend on the order in which
// values come.

#ifndef QEDGE_QMODEL_RANGES_H
#define QEDGE_QMODEL_RANGES_H

#include <stddef.h>
#include <stdint.h>

#define RANGES_BINS 4096

enum calibration {
    CALIBRATION_MINMAX,
    CALIBRATION_AVERAGE,
    CALIBRATION_PERCENTILE,
    CALIBRATION_MSE,
    CALIBRATION_ENTROPY
};

struct range {
    uint32_t samples;         // 0 = nothing seen
    float low, high;          // of all values
    double low_sum, high_sum; // of each sample's least and greatest value
    float reach;
    uint64_t *bins;  // NULL until the first value, and for methods that need none
    double *sums;    // of each channel's values; NULL when nobody asked
    double *squares; // of their squares, behind the sums in memory
    float *most;     // the greatest |value| of each channel
    uint32_t channels;
    uint64_t rows; // values that each sum has
};

// Takes in one sample's values. 0; -EDOM when one is not a number or infinite; -ENOMEM.
int range_add(struct range *range, const float *values, size_t count, enum calibration method);
// Adds to the sums and so on of `channels` channels, the innermost axis. 0, -EINVAL when they do
// not divide `count`, or -ENOMEM.
int range_add_channels(struct range *range, const float *values, size_t count, uint32_t channels);
// Takes in all that `from` saw of the same tensor, channels, too; `from` stays as it is. 0 or
// -ENOMEM.
int range_join(struct range *range, const struct range *from);
// Takes in what `from` saw of another tensor that will have the same steps: not the channels, and
// of moving averages the wider end. 0 or -ENOMEM.
int range_merge(struct range *range, const struct range *from);
void range_finish(struct range *range); // frees bins and sums

// The range to cover, with zero in it. `percentile` (50, 100]: both ends keep what lies between
// that and its mirror. MSE: the ends that make the mean square error of 255 steps least, found by
// trying cuts of each end. ENTROPY: likewise those whose steps, clamped values included, have the
// least Kullback-Leibler divergence from the values.
void range_solve(const struct range *range, enum calibration method, double percentile, float *low,
                 float *high);

// The int8 steps of a range with zero in it: real = (q - zero_point) * scale.
void range_steps(float low, float high, float *scale, int32_t *zero_point);

#endif
