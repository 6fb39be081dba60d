# SPDX-License-Identifier: Apache-2.0
qmodel_SRCS := \
	qmodel/bench.c \
	qmodel/command.c \
	qmodel/info.c \
	qmodel/label_list.c \
	qmodel/loading.c \
	qmodel/output_file.c \
	qmodel/picture_input.c \
	qmodel/quantize.c \
	qmodel/raw_tensors.c \
	qmodel/run.c \
	qmodel/weights.c
