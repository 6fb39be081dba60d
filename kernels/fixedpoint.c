// SPDX-License-Identifier: Apache-2.0
#include "kernels/fixedpoint.h"

#include <math.h>

struct fixed_multiplier fixed_multiplier_from(double real)
{
    struct fixed_multiplier none = {0, 0};
    if (!(real > 0) && !(real < 0))
        return none;
    if (isinf(real))
        return (struct fixed_multiplier){real < 0 ? INT32_MIN : INT32_MAX, 30};
    int shift;
    double fraction = frexp(real, &shift);
    int64_t rounded = llround(fraction * 2147483648.0);
    if (rounded == INT64_C(1) << 31) {
        rounded /= 2;
        shift++;
    }
    if (shift < -31 || shift > 30)
        return shift > 30 ? (struct fixed_multiplier){real < 0 ? INT32_MIN : INT32_MAX, 30} : none;
    return (struct fixed_multiplier){(int32_t)rounded, shift};
}
