# SPDX-License-Identifier: Apache-2.0
engine_SRCS := \
	engine/archive.c \
	engine/classify.c \
	engine/edge.c \
	engine/fixedpoint.c \
	engine/flatbuf.c \
	engine/graph.c \
	engine/metadata.c \
	engine/plan.c \
	engine/schema.c \
	engine/store.c \
	engine/team.c
