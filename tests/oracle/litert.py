# SPDX-License-Identifier: Apache-2.0
"""LiteRT as the oracle: the same input through its default and through its reference kernels."""
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

DEFAULT, REFERENCE = OpResolverType.AUTO, OpResolverType.BUILTIN_REF


class Runner:
    """One model on one set of kernels. Raises ValueError or RuntimeError when LiteRT refuses it."""

    def __init__(self, path, kernels=DEFAULT):
        self.interpreter = Interpreter(model_path=str(path), num_threads=1,
                                       experimental_op_resolver_type=kernels)
        self.interpreter.allocate_tensors()
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()

    def input_types(self):
        return [(tuple(int(n) for n in d["shape"]), np.dtype(d["dtype"])) for d in self.inputs]

    def run(self, tensors):
        for detail, tensor in zip(self.inputs, tensors):
            self.interpreter.set_tensor(detail["index"], tensor)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(detail["index"]).copy() for detail in self.outputs]
