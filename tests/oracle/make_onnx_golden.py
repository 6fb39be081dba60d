#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/onnx: small ONNX models, for each an input and what onnxruntime makes of it, and broken ones.

    python tests/oracle/make_onnx_golden.py

list.txt has a line a file: NAME TOLERANCE (absolute, every output value), or NAME and the words of the error line.
NAME.bin: the model's input, then its first output, both as the .tflite has them (N, H, W, C; uint8 as int8 where the
import makes it so)."""
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import onnx_import
import onnx_models
from onnx_models import Graph

FOLDER = Path(__file__).resolve().parent.parent / "golden" / "onnx"
GOOD = """conv_stride_even conv_asymmetric conv_dilated conv_same_lower conv_groups conv_depthwise_twice conv_norm_relu
norm_alone clip_odd hard_sigmoid hard_swish_of_two prelu max_pool_padded average_pool_counted mean_gone softmax_channels
gemm_factors flatten_gemm flatten_only flatten_residual dynamic_reshape matmul_of_three squeeze_excite_rows normalised_input
concat_branches split_sizes slice_steps pad_edges pad_reflect pad_worked_out channel_shuffle picture_last resize_nearest_half resize_corners
q_int8 q_uint8_weights q_mean_softmax q_concat_resize q_functions q_float_tail q_weights_in_place q_pad_slice q_as_pytorch
q_linear_operators""".split()


def broken():
    """name -> (model, words of the error)"""
    yield "bad_operator", alone("Erf", "x"), "node 0 Erf ('n0_erf'): this operator is not supported"
    yield "bad_missing", alone("Conv", "x", "nowhere"), "input 'nowhere' is neither an initializer"
    g = Graph(1, 3, 4, 4)
    g.add("Add", "x", "n1_relu")
    yield "bad_cycle", g.model(g.add("Relu", "n0_add")), "input 'n1_relu' is neither"
    yield "bad_opset", alone("Relu", "x", opset=3), "operator set 3"
    g = Graph(1, 3, 4, 4)
    model = g.model(g.conv("x", 3, 4))
    del model.graph.initializer[0].external_data[:]
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    entry = model.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    model.graph.initializer[0].ClearField("raw_data")
    yield "bad_external", model, "constant 'c0' has its data in another file"
    g = Graph(1, 3, 4, 4)
    model = g.model(g.conv("x", 3, 4))
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    yield "bad_size", model, "428 bytes of data, its shape needs 432"
    g = Graph(1, 3, 4, 4)
    model = g.model(g.conv("x", 3, 4))
    model.graph.initializer[0].dims[:] = [2**40, 3, 3, 3]
    yield "bad_dims", model, "dimension 0 is 1099511627776"
    g = Graph(1, 3, 4, 4)
    model = g.model(g.add("Relu", "x"))
    model.graph.input[0].type.tensor_type.shape.dim[2].Clear()
    yield "bad_free", model, "dimension 2 of input 'x' is free"
    g = Graph(1, 3, 4, 4)
    model = g.model(g.add("Relu", "x"))
    model.graph.node[0].output[0] = "x"
    yield "bad_twice", model, "value 'x' is defined twice"
    g = Graph(1, 3, 4, 4)
    yield "bad_channels", g.model(g.conv("x", 5, 4)), "3 input channels, 1 groups, weights [4, 5"
    g = Graph(1, 3, 4, 4)
    yield "bad_window", g.model(g.conv("x", 3, 4, kernel=7)), "a window of 7 on 4"
    g = Graph(1, 3, 4, 4)
    zeros = g.constant(np.array([1, 2, 3, 4], "i1"))
    w = g.add("DequantizeLinear", g.constant(np.zeros((4, 3, 1, 1), "i1")), g.constant(np.ones(4, "f4")), zeros, axis=0)
    yield "bad_zeros", g.model(g.add("Conv", "x", w)), "another zero point for each channel"
    g = Graph(1, 8, kind=TensorProto.UINT8)
    yield "bad_meaning", g.model(g.add("Reshape", "x", g.ints(2, 4))), "no DequantizeLinear says what they mean"
    g = Graph(1, 4, 4, 4)
    yield "bad_domain", g.model(g.add("Gelu", "x", domain="com.microsoft")), "domain com.microsoft"
    g = Graph(1, 4, 4, 4)
    yield "bad_hole", g.model(g.add("Concat", "x", "", "x", axis=1)), "input 1 is missing"
    g = Graph(1, 4)
    yield "bad_weights", g.model(g.add("MatMul", "x", g.add("Reshape", "x", g.ints(4, 1)))), "that are not constant"


def alone(kind, *inputs, opset=17):
    g = Graph(1, 3, 4, 4, opset=opset)
    return g.model(g.add(kind, *inputs))


def write_good(work, name):
    model = onnx_models.MODELS[name]()
    path = FOLDER / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    reference = onnx_import.session(str(path))
    litert = onnx_import.Runner(work.imported(path)) # only for the types at its edges
    x = onnx_import.make_input(reference.get_inputs()[0], np.random.default_rng(1))
    y = reference.run(None, {reference.get_inputs()[0].name: x})[0]
    given = onnx_import.moved(onnx_import.to_last(x, model), litert.inputs[0]["dtype"])
    kind = litert.outputs[0]["dtype"]
    wanted = onnx_import.to_last(y, model) if y.dtype == np.float32 else onnx_import.moved(onnx_import.to_last(y, model), kind)
    (FOLDER / f"{name}.bin").write_bytes(given.tobytes() + wanted.tobytes())
    return f"{name} {onnx_import.tolerance(name, model, y):.6g}"


def main():
    import tempfile
    FOLDER.mkdir(exist_ok=True)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        work = onnx_import.Work(onnx_import.ROOT / "build" / "qmodel", folder)
        lines += [write_good(work, name) for name in GOOD]
    for name, model, words in broken():
        onnx.save(model, FOLDER / f"{name}.onnx")
        lines.append(f"{name} {words}")
    (FOLDER / "list.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
