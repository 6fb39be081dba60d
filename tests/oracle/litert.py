# SPDX-License-Identifier: Apache-2.0
"""LiteRT as the oracle: the same input through its default and through its reference kernels."""
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

DEFAULT, REFERENCE = OpResolverType.AUTO, OpResolverType.BUILTIN_REF


def repaired(content):
    """LiteRT 2 refuses per-tensor parameters that name a channel axis outside the tensor; old converters
    wrote such files. The axis has no meaning there: 0 does as well."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    for tensor in model.subgraphs[0].tensors:
        rank = 0 if tensor.shape is None else len(tensor.shape)
        if tensor.quantization and tensor.quantization.quantizedDimension >= rank:
            tensor.quantization.quantizedDimension = 0
    builder = flatbuffers.Builder(len(content) + 65536)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class Runner:
    """One model on one set of kernels. Raises ValueError or RuntimeError when LiteRT refuses it."""

    def __init__(self, path, kernels=DEFAULT):
        content = Path(path).read_bytes()
        self.repaired = False
        try:
            self.interpreter = self.interpreter_of(content, kernels)
        except (ValueError, RuntimeError) as error:
            if "quantized_dimension" not in str(error):
                raise
            self.interpreter, self.repaired = self.interpreter_of(repaired(content), kernels), True
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()

    @staticmethod
    def interpreter_of(content, kernels):
        interpreter = Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=kernels)
        interpreter.allocate_tensors()
        return interpreter

    def input_types(self):
        return [(tuple(int(n) for n in d["shape"]), np.dtype(d["dtype"])) for d in self.inputs]

    def run(self, tensors):
        for detail, tensor in zip(self.inputs, tensors):
            self.interpreter.set_tensor(detail["index"], tensor)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(detail["index"]).copy() for detail in self.outputs]
