# SPDX-License-Identifier: Apache-2.0
qmodel_SRCS := \
	qmodel/bench.c \
	qmodel/calibrate.c \
	qmodel/command.c \
	qmodel/compare.c \
	qmodel/correction.c \
	qmodel/frame_option.c \
	qmodel/info.c \
	qmodel/integer.c \
	qmodel/label_list.c \
	qmodel/loading.c \
	qmodel/output_file.c \
	qmodel/picture_input.c \
	qmodel/quantize.c \
	qmodel/ranges.c \
	qmodel/raw_tensors.c \
	qmodel/run.c \
	qmodel/samples.c \
	qmodel/weights.c
