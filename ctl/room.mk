# SPDX-License-Identifier: Apache-2.0
ctl_SRCS := \
	ctl/ask.c \
	ctl/check.c \
	ctl/font.c \
	ctl/output_file.c \
	ctl/overlay.c \
	ctl/paint.c \
	ctl/power.c \
	ctl/prometheus.c \
	ctl/reload.c \
	ctl/result_json.c \
	ctl/runner.c \
	ctl/snapshot.c \
	ctl/status.c \
	ctl/status_machine.c \
	ctl/tables.c \
	ctl/text.c \
	ctl/trigger.c \
	ctl/version.c \
	ctl/watch.c
