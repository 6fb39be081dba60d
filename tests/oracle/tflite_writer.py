# SPDX-License-Identifier: Apache-2.0
"""Writes small .tflite files tensor by tensor, so that a test decides every scale and zero point.

    net = Net()
    x = net.input([1, 4, 4, 2], Quant(0.5, -3))
    w = net.constant(array, Quant([0.1, 0.2], [0, 0], axis=0))
    y = net.tensor([1, 4, 4, 2], Quant(0.7, 5))
    net.op("CONV_2D", [x, w, b], [y], "Conv2DOptions", strideH=1, ...)
    content = net.finish([y])
"""
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "int16": 7, "int8": 9}
ACTIVATIONS = {None: 0, "relu": 1, "relu_n1_to_1": 2, "relu6": 3}
SAME, VALID = 0, 1


class Quant:
    """Affine quantisation: real = (q - zero_point) * scale; lists with an axis for per channel."""

    def __init__(self, scale, zero_point=0, dtype="int8", axis=0):
        self.scales = np.atleast_1d(np.asarray(scale, np.float32))
        self.zero_points = np.atleast_1d(np.asarray(zero_point, np.int64))
        self.dtype, self.axis = dtype, axis

    @property
    def scale(self):
        return float(self.scales[0])

    @property
    def zero_point(self):
        return int(self.zero_points[0])

    def table(self):
        parameters = schema.QuantizationParametersT()
        parameters.scale = self.scales.tolist()
        parameters.zeroPoint = self.zero_points.tolist()
        parameters.quantizedDimension = self.axis
        return parameters


class Net:
    def __init__(self):
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs = [], [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape, quant=None, dtype=None, buffer=0):
        tensor = schema.TensorT()
        tensor.name = f"t{len(self.graph.tensors)}".encode()
        tensor.shape = list(shape)
        tensor.type = TYPES[dtype or (quant.dtype if quant else "float32")]
        tensor.buffer = buffer
        tensor.quantization = quant.table() if quant else None
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def input(self, shape, quant=None, dtype=None):
        index = self.tensor(shape, quant, dtype)
        self.graph.inputs.append(index)
        return index

    def constant(self, array, quant=None):
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        return self.tensor(array.shape, quant, str(array.dtype), len(self.model.buffers) - 1)

    def code(self, name, version):
        builtin = getattr(schema.BuiltinOperator, name)
        for index, known in enumerate(self.model.operatorCodes):
            if (known.builtinCode, known.version) == (builtin, version):
                return index
        code = schema.OperatorCodeT()
        code.builtinCode, code.version = builtin, version
        code.deprecatedBuiltinCode = min(builtin, 127)
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def op(self, name, inputs, outputs, options=None, version=1, **fields):
        operator = schema.OperatorT()
        operator.opcodeIndex = self.code(name, version)
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, options + "T")()
            for field, value in fields.items():
                setattr(operator.builtinOptions, field, value)
        self.graph.operators.append(operator)

    def finish(self, outputs):
        self.graph.outputs = list(outputs)
        builder = flatbuffers.Builder(4096)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())
