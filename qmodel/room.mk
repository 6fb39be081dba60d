# SPDX-License-Identifier: Apache-2.0
qmodel_SRCS := \
	qmodel/bench.c \
	qmodel/calibrate.c \
	qmodel/clean.c \
	qmodel/command.c \
	qmodel/compare.c \
	qmodel/compare_gains.c \
	qmodel/compare_html.c \
	qmodel/compare_layers.c \
	qmodel/compare_text.c \
	qmodel/correction.c \
	qmodel/equalize.c \
	qmodel/fold.c \
	qmodel/frame_option.c \
	qmodel/html_text.c \
	qmodel/info.c \
	qmodel/info_weights.c \
	qmodel/integer.c \
	qmodel/label_list.c \
	qmodel/loading.c \
	qmodel/meter.c \
	qmodel/moments.c \
	qmodel/output_file.c \
	qmodel/picture_input.c \
	qmodel/progress_bar.c \
	qmodel/quantize.c \
	qmodel/ranges.c \
	qmodel/raw_tensors.c \
	qmodel/refine.c \
	qmodel/ring_frames.c \
	qmodel/rounding.c \
	qmodel/run.c \
	qmodel/samples.c \
	qmodel/sweep.c \
	qmodel/truth.c \
	qmodel/weights.c

# Loops over whole numbers and over rows of doubles, of which compilers make vectors.
$(BUILD)/obj/qmodel/moments.o $(BUILD)/obj/qmodel/rounding.o: CFLAGS += -O3
