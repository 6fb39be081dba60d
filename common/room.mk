# SPDX-License-Identifier: Apache-2.0
common_SRCS := \
	common/device_holder.c \
	common/firmware.c \
	common/json.c \
	common/labels.c \
	common/log.c \
	common/machine.c \
	common/output_file.c \
	common/rapl.c \
	common/ring.c \
	common/sealed.c \
	common/stats.c \
	common/stats_window.c \
	common/sysfs.c \
	common/wire.c
