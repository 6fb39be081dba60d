// SPDX-License-Identifier: Apache-2.0
//
// An ONNX tensor's elements as the import knows them. They stand in raw_data (little endian) or in
// a list by type; both must have as many as the shape says.

#include <errno.h>
#include <string.h>

#include "qmodel/importer.h"

enum {
    ONNX_FLOAT = 1,
    ONNX_UINT8,
    ONNX_INT8,
    ONNX_INT32 = 6,
    ONNX_INT64,
    ONNX_BOOL = 9,
    ONNX_FLOAT16,
    ONNX_DOUBLE,
    ONNX_BFLOAT16 = 16
};

static const struct kind {
    int32_t onnx, type;
    size_t raw; // bytes of an element in raw_data
} kinds[] = {
    {ONNX_FLOAT, TENSOR_FLOAT32, 4},    {ONNX_UINT8, TENSOR_UINT8, 1},
    {ONNX_INT8, TENSOR_INT8, 1},        {ONNX_INT32, TENSOR_INT32, 4},
    {ONNX_INT64, TENSOR_INT64, 8},      {ONNX_BOOL, TENSOR_UINT8, 1},
    {ONNX_FLOAT16, TENSOR_FLOAT32, 2},  {ONNX_DOUBLE, TENSOR_FLOAT32, 8},
    {ONNX_BFLOAT16, TENSOR_FLOAT32, 2},
};

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static float half_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31,
             fraction = half & 1023;
    if (exponent == 31)
        return bits_float(sign | 0x7f800000u | fraction << 13);
    float value = exponent ? bits_float((exponent + 112) << 23 | fraction << 13)
                           : (float)fraction * 0x1p-24f;
    return sign ? -value : value;
}

static float small_float(int32_t onnx, uint16_t bits)
{
    return onnx == ONNX_FLOAT16 ? half_float(bits) : bits_float((uint32_t)bits << 16);
}

static void read_raw(const struct kind *kind, const uint8_t *raw, int64_t n, void *to)
{
    if (kind->onnx == ONNX_FLOAT16 || kind->onnx == ONNX_BFLOAT16) {
        for (int64_t i = 0; i < n; i++)
            ((float *)to)[i] = small_float(kind->onnx,
                                           (uint16_t)(raw[2 * i] | raw[2 * i + 1] << 8));
    } else if (kind->onnx == ONNX_DOUBLE) {
        for (int64_t i = 0; i < n; i++) {
            double value;
            memcpy(&value, raw + 8 * i, sizeof(value));
            ((float *)to)[i] = (float)value;
        }
    } else {
        memcpy(to, raw, (size_t)n * kind->raw);
    }
}

static size_t list_count(const struct kind *kind, const Onnx__Tensor *t)
{
    switch (kind->onnx) {
    case ONNX_FLOAT: return t->n_float_data;
    case ONNX_DOUBLE: return t->n_double_data;
    case ONNX_INT64: return t->n_int64_data;
    default: return t->n_int32_data;
    }
}

static void read_list(const struct kind *kind, const Onnx__Tensor *t, int64_t n, void *to)
{
    for (int64_t i = 0; i < n; i++) {
        switch (kind->onnx) {
        case ONNX_FLOAT: ((float *)to)[i] = t->float_data[i]; break;
        case ONNX_DOUBLE: ((float *)to)[i] = (float)t->double_data[i]; break;
        case ONNX_INT64: ((int64_t *)to)[i] = t->int64_data[i]; break;
        case ONNX_INT32: ((int32_t *)to)[i] = t->int32_data[i]; break;
        case ONNX_FLOAT16:
        case ONNX_BFLOAT16:
            ((float *)to)[i] = small_float(kind->onnx, (uint16_t)t->int32_data[i]);
            break;
        default: ((uint8_t *)to)[i] = (uint8_t)t->int32_data[i]; break;
        }
    }
}

static int read_shape(struct importer *im, const Onnx__Tensor *t, struct import_value *value)
{
    int64_t elements = 1;
    if (t->n_dims > TENSOR_RANK_MAX)
        return import_fail(im, -ENOTSUP,
                           "constant '%s' has %zu dimensions, at most %d are supported",
                           value->name, t->n_dims, TENSOR_RANK_MAX);
    value->rank = (int32_t)t->n_dims;
    for (size_t i = 0; i < t->n_dims; i++) {
        if (t->dims[i] < 0 || t->dims[i] > GRAPH_ELEMENTS_MAX)
            return import_fail(im, -EINVAL, "constant '%s': dimension %zu is %lld", value->name, i,
                               (long long)t->dims[i]);
        value->dims[i] = (int32_t)t->dims[i];
        elements *= t->dims[i];
        if (elements > GRAPH_ELEMENTS_MAX)
            return import_fail(im, -EINVAL, "constant '%s' has more than 2^28 elements",
                               value->name);
    }
    return 0;
}

int import_tensor_read(struct importer *im, const Onnx__Tensor *t, struct import_value *value)
{
    const struct kind *kind = NULL;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].onnx == t->data_type)
            kind = &kinds[i];
    if (t->n_external_data || t->data_location)
        return import_fail(im, -ENOTSUP, "constant '%s' has its data in another file", value->name);
    if (!kind)
        return import_fail(im, -ENOTSUP, "constant '%s' is of ONNX type %d", value->name,
                           t->data_type);
    int rc = read_shape(im, t, value);
    if (rc < 0)
        return rc;
    int64_t elements = import_elements(value);
    bool raw = t->has_raw_data && t->raw_data.len;
    uint64_t given = raw ? t->raw_data.len : list_count(kind, t),
             needed = (uint64_t)elements * (raw ? kind->raw : 1);
    if (given != needed)
        return import_fail(im, -EINVAL, "constant '%s': %llu %s of data, its shape needs %llu",
                           value->name, (unsigned long long)given, raw ? "bytes" : "elements",
                           (unsigned long long)needed);
    void *data = import_take(im, (size_t)elements, tensor_type_size(kind->type));
    if (!data)
        return -ENOMEM;
    if (raw)
        read_raw(kind, t->raw_data.data, elements, data);
    else
        read_list(kind, t, elements, data);
    value->type = kind->type;
    value->data = data;
    value->constant = true;
    return 0;
}
