# SPDX-License-Identifier: Apache-2.0
libclient_SRCS := \
	libclient/client.c \
	libclient/options.c \
	libclient/progress.c \
	libclient/request.c \
	libclient/results.c \
	libclient/session.c \
	libclient/snapshot.c \
	libclient/statistics.c
