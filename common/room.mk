# SPDX-License-Identifier: Apache-2.0
common_SRCS := \
	common/json.c \
	common/log.c \
	common/sealed.c \
	common/stats.c
