# SPDX-License-Identifier: Apache-2.0
daemon_SRCS := \
	daemon/affinity.c daemon/client.c daemon/config.c daemon/config_schema.c daemon/config_value.c \
	daemon/control.c daemon/hotplug.c daemon/label_file.c daemon/listener.c daemon/network.c daemon/notify.c \
	daemon/options.c daemon/pacer.c daemon/pool.c daemon/publisher.c daemon/reload.c daemon/service.c daemon/share.c daemon/snapshot.c \
	daemon/source.c daemon/source_pattern.c daemon/source_replay.c daemon/source_v4l2.c daemon/status_json.c \
	daemon/stream.c daemon/sysinfo.c daemon/tuner.c daemon/v4l2_device.c daemon/v4l2_format.c daemon/v4l2_node.c \
	daemon/watchdog.c daemon/worker.c
