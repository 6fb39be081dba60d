# SPDX-License-Identifier: Apache-2.0
engine_SRCS := \
	engine/archive.c \
	engine/flatbuf.c \
	engine/graph.c \
	engine/metadata.c \
	engine/schema.c \
	engine/store.c
