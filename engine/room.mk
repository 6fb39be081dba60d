# SPDX-License-Identifier: Apache-2.0
engine_SRCS := \
	engine/archive.c \
	engine/build.c \
	engine/classify.c \
	engine/context.c \
	engine/edge.c \
	engine/fixedpoint.c \
	engine/flatbuf.c \
	engine/graph.c \
	engine/inspect.c \
	engine/metadata.c \
	engine/model.c \
	engine/plan.c \
	engine/schema.c \
	engine/store.c \
	engine/team.c \
	engine/ops/binary.c \
	engine/ops/broadcast.c \
	engine/ops/concat.c \
	engine/ops/conv.c \
	engine/ops/float_conv.c \
	engine/ops/float_pool.c \
	engine/ops/lookup.c \
	engine/ops/move.c \
	engine/ops/pad.c \
	engine/ops/pool.c \
	engine/ops/prelu.c \
	engine/ops/quantize.c \
	engine/ops/reshape.c \
	engine/ops/resize.c \
	engine/ops/slice.c \
	engine/ops/softmax.c \
	engine/ops/unary.c \
	engine/ops/window.c
