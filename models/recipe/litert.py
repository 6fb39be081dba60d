# SPDX-License-Identifier: Apache-2.0
"""A model of one input and one output in LiteRT."""
from ai_edge_litert.interpreter import Interpreter


def runner(path):
    interpreter = Interpreter(model_path=path, num_threads=2)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    sink = interpreter.get_output_details()[0]["index"]

    def run(values):
        interpreter.set_tensor(source, values)
        interpreter.invoke()
        return interpreter.get_tensor(sink)[0].copy()
    return run
