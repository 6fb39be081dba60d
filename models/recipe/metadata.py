# SPDX-License-Identifier: Apache-2.0
"""Packs TFLite Metadata (schema 1.x, identifier "M001") and the label file into a model.

Two things are added, as the TFLite Metadata format asks:
  * a buffer with the ModelMetadata FlatBuffer, named TFLITE_METADATA in Model.metadata;
  * the associated files as a plain zip archive appended after the model's FlatBuffer.
The tables are written by hand with the flatbuffers builder; field numbers are those of
metadata_schema.fbs.

    python metadata.py MODEL.tflite                 prints what is packed in a model
    python metadata.py pack MODEL.tflite LABELS     packs, in place
"""
import io
import sys
import zipfile
from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from network import MEAN, STD

LABELS = "labels.txt"
IDENTIFIER = b"M001"
# metadata_schema.fbs: enum AssociatedFileType, ColorSpaceType; unions ContentProperties and
# ProcessUnitOptions
TENSOR_AXIS_LABELS, RGB, IMAGE_PROPERTIES, FEATURE_PROPERTIES, NORMALIZATION = 2, 1, 2, 1, 1


def table(builder, fields):
    """fields: {number: (kind, value, default)}, kind 'offset', 'u8' or 'f32'."""
    builder.StartObject(max(fields) + 1)
    for number, (kind, value) in sorted(fields.items()):
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(number, value, 0)
        elif kind == "u8":
            builder.PrependUint8Slot(number, value, 0)
    return builder.EndObject()


def vector(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def floats(builder, values):
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return builder.EndVector()


def image_tensor(b):
    name, text = b.CreateString("image"), b.CreateString("RGB picture, 224 x 224")
    options = table(b, {0: ("offset", floats(b, [MEAN])), 1: ("offset", floats(b, [STD]))})
    unit = table(b, {0: ("u8", NORMALIZATION), 1: ("offset", options)})
    units = vector(b, [unit])
    content = table(b, {0: ("u8", IMAGE_PROPERTIES),
                        1: ("offset", table(b, {0: ("u8", RGB)}))})
    # The range of the values before quantisation: (0 - 127) / 128 to (255 - 127) / 128.
    stats = table(b, {0: ("offset", floats(b, [(255 - MEAN) / STD])),
                      1: ("offset", floats(b, [(0 - MEAN) / STD]))})
    return table(b, {0: ("offset", name), 1: ("offset", text), 3: ("offset", content),
                     4: ("offset", units), 5: ("offset", stats)})


def score_tensor(b):
    name, text = b.CreateString("probability"), b.CreateString("Probability of each label")
    file_name, file_text = b.CreateString(LABELS), b.CreateString("ImageNet-1k labels")
    file = table(b, {0: ("offset", file_name), 1: ("offset", file_text),
                     2: ("u8", TENSOR_AXIS_LABELS)})
    files = vector(b, [file])
    b.StartObject(0)
    feature = b.EndObject()
    content = table(b, {0: ("u8", FEATURE_PROPERTIES), 1: ("offset", feature)})
    stats = table(b, {0: ("offset", floats(b, [1.0])), 1: ("offset", floats(b, [0.0]))})
    return table(b, {0: ("offset", name), 1: ("offset", text), 3: ("offset", content),
                     5: ("offset", stats), 6: ("offset", files)})


def model_metadata():
    b = flatbuffers.Builder(1024)
    texts = {0: "EfficientNet-Lite0, int8",
             1: "ImageNet-1k image classifier; full-integer, weights per channel",
             2: "1", 4: "Google (training); ML Illustrated (PyTorch weights)",
             5: "Apache-2.0"}
    strings = {number: ("offset", b.CreateString(text)) for number, text in texts.items()}
    inputs, outputs = vector(b, [image_tensor(b)]), vector(b, [score_tensor(b)])
    subgraph = table(b, {2: ("offset", inputs), 3: ("offset", outputs)})
    strings[3] = ("offset", vector(b, [subgraph]))
    strings[7] = ("offset", b.CreateString("1.0.0"))    # min_parser_version
    b.Finish(table(b, strings), file_identifier=IDENTIFIER)
    return bytes(b.Output())


def label_archive(path):
    """Fixed time stamp: the same labels give the same bytes."""
    archive = io.BytesIO()
    entry = zipfile.ZipInfo(LABELS, (1980, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(entry, Path(path).read_bytes(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def pack(model, labels):
    unpacked = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    buffer = schema.BufferT()
    buffer.data = list(model_metadata())
    unpacked.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = b"TFLITE_METADATA", len(unpacked.buffers) - 1
    unpacked.metadata = (unpacked.metadata or []) + [entry]
    builder = flatbuffers.Builder(len(model) + 65536)
    builder.Finish(unpacked.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output()) + label_archive(labels)


def describe(content):
    model = schema.Model.GetRootAsModel(content, 0)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        print(f"metadata {entry.Name().decode()}: {model.Buffers(entry.Buffer()).DataLength()} bytes")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            text = archive.read(info).decode()
            print(f"file {info.filename}: {len(text.splitlines())} lines, first: {text.splitlines()[0]}")


def main():
    if sys.argv[1] == "pack":
        model, labels = Path(sys.argv[2]), sys.argv[3]
        model.write_bytes(pack(model.read_bytes(), labels))
    else:
        describe(Path(sys.argv[1]).read_bytes())


if __name__ == "__main__":
    main()
