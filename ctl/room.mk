# SPDX-License-Identifier: Apache-2.0
ctl_SRCS := \
	ctl/ask.c \
	ctl/bench.c \
	ctl/check.c \
	ctl/columns.c \
	ctl/font.c \
	ctl/frame.c \
	ctl/history.c \
	ctl/holder.c \
	ctl/overlay.c \
	ctl/paint.c \
	ctl/power.c \
	ctl/prometheus.c \
	ctl/reload.c \
	ctl/result_json.c \
	ctl/runner.c \
	ctl/screen.c \
	ctl/screen_key.c \
	ctl/snapshot.c \
	ctl/sparkline.c \
	ctl/stage_bar.c \
	ctl/status.c \
	ctl/status_machine.c \
	ctl/tables.c \
	ctl/text.c \
	ctl/top.c \
	ctl/top_head.c \
	ctl/top_order.c \
	ctl/top_sample.c \
	ctl/top_table.c \
	ctl/top_view.c \
	ctl/trigger.c \
	ctl/version.c \
	ctl/watch.c
