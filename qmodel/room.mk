# SPDX-License-Identifier: Apache-2.0
qmodel_SRCS := \
	qmodel/attempt.c \
	qmodel/bench.c \
	qmodel/boundary.c \
	qmodel/calibrate.c \
	qmodel/clean.c \
	qmodel/command.c \
	qmodel/compare.c \
	qmodel/compare_costs.c \
	qmodel/compare_gains.c \
	qmodel/compare_html.c \
	qmodel/compare_layers.c \
	qmodel/compare_text.c \
	qmodel/comparison.c \
	qmodel/correction.c \
	qmodel/draft_file.c \
	qmodel/equalize.c \
	qmodel/fold.c \
	qmodel/frame_option.c \
	qmodel/html_text.c \
	qmodel/import.c \
	qmodel/import_binary.c \
	qmodel/import_conv.c \
	qmodel/import_dense.c \
	qmodel/import_draft.c \
	qmodel/import_exchange.c \
	qmodel/import_fold.c \
	qmodel/import_fuse.c \
	qmodel/import_integer.c \
	qmodel/import_links.c \
	qmodel/import_move.c \
	qmodel/import_operator.c \
	qmodel/import_order.c \
	qmodel/import_pool.c \
	qmodel/import_qlinear.c \
	qmodel/import_quant.c \
	qmodel/import_reshape.c \
	qmodel/import_resize.c \
	qmodel/import_tensor.c \
	qmodel/import_unary.c \
	qmodel/import_values.c \
	qmodel/import_window.c \
	qmodel/info.c \
	qmodel/info_weights.c \
	qmodel/integer.c \
	qmodel/integer_edges.c \
	qmodel/integer_groups.c \
	qmodel/integer_layers.c \
	qmodel/integer_rules.c \
	qmodel/judge.c \
	qmodel/label_list.c \
	qmodel/loading.c \
	qmodel/moments.c \
	qmodel/onnx_file.c \
	qmodel/onnx_import.c \
	qmodel/picture_input.c \
	qmodel/progress_bar.c \
	qmodel/quantize.c \
	qmodel/quantize_options.c \
	qmodel/ranges.c \
	qmodel/raw_tensors.c \
	qmodel/refine.c \
	qmodel/ring_frames.c \
	qmodel/rounding.c \
	qmodel/run.c \
	qmodel/samples.c \
	qmodel/search.c \
	qmodel/sweep.c \
	qmodel/truth.c \
	qmodel/weights.c
# made from qmodel/onnx.proto
qmodel_SRCS += gen/qmodel/onnx.pb-c.c
# Loops over whole numbers and over rows of doubles, of which compilers make vectors.
$(BUILD)/obj/qmodel/moments.o $(BUILD)/obj/qmodel/rounding.o: CFLAGS += -O3
