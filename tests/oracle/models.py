# SPDX-License-Identifier: Apache-2.0
"""Which models the oracle looks at, and with which inputs."""
from pathlib import Path

import numpy as np

from inputs import TOP

SHARED = TOP.parent / "shared"
OPERATORS = TOP / "tests" / "golden" / "models"
DEFAULT_MODEL = TOP / "models" / "efficientnet_lite0_int8.tflite"
PICTURES = TOP / "models" / "pictures"

# How far outputs of models that compute in floating point may be from LiteRT's default kernels (absolute); all
# others: not at all. Sums of floats depend on their order.
FLOAT_ALLOWED = 5e-4
# Dynamic-range convolutions quantize their input anew in every layer: one last bit of a float can move a value to
# the next step, which the layers behind carry on. LiteRT's own two sets of kernels are this far from each other.
ALLOWED = {"kws_dscnn_dynrange.tflite": 0.02, "mobilenet_v2_035_96_embedder_dynrange.tflite": 0.4}

NOT_ARITHMETIC = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "PAD", "CONCATENATION")


def allowed(path):
    return ALLOWED.get(path.name, FLOAT_ALLOWED if computes_in_float(path) else 0)


def computes_in_float(path):
    """Does an operator that does more than move or convert values read floats?"""
    from ai_edge_litert import schema_py_generated as schema
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(path.read_bytes(), 0))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        if names[max(code.builtinCode, code.deprecatedBuiltinCode)] in NOT_ARITHMETIC:
            continue
        if any(i >= 0 and model.subgraphs[0].tensors[i].type == schema.TensorType.FLOAT32 for i in operator.inputs):
            return True
    return False


def shared_classifiers():
    """The classifiers of ../shared/models; empty when the folder is not there."""
    folders = ("nxp", "coral", "tflite_support", "mlperf_tiny", "tflm", "cfu", "mnist", "mltk", "misc", "mit")
    return [path for folder in folders for path in sorted((SHARED / "models" / folder).glob("*.tflite"))]


def operator_models():
    return sorted(OPERATORS.glob("*.tflite"))


def relative(path):
    """As a golden list or a table names it: from the top of the repository."""
    path = Path(path)
    if path.is_relative_to(TOP):
        return str(path.relative_to(TOP))
    return "../" + str(path.relative_to(TOP.parent)) if path.is_relative_to(TOP.parent) else str(path)


def is_picture_input(types):
    return len(types) == 1 and len(types[0][0]) == 4 and types[0][0][3] in (1, 3) and types[0][0][1] >= 20


def picture_bytes(path, shape):
    """uint8 pixels [h, w, c] for an input of `shape`."""
    from PIL import Image
    _, height, width, channels = shape
    picture = Image.open(path).convert("L" if channels == 1 else "RGB")
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BOX))
    return np.ascontiguousarray(pixels.reshape(height, width, channels))


def mnist_digits(count):
    """The first test digits as uint8 [count, 28, 28, 1] and their labels, or nothing."""
    import gzip
    folder = SHARED / "datasets" / "mnist"
    files = {}
    for part, skip in (("images", 16), ("labels", 8)):
        found = sorted(folder.glob(f"t10k-{part}*")) if folder.is_dir() else []
        if not found:
            return None
        content = found[0].read_bytes()
        content = gzip.decompress(content) if found[0].suffix == ".gz" else content
        files[part] = np.frombuffer(content, np.uint8)[skip:]
    return files["images"][:count * 784].reshape(count, 28, 28, 1), files["labels"][:count]
