# SPDX-License-Identifier: Apache-2.0
libclient_SRCS :=
