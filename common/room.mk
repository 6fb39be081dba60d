# SPDX-License-Identifier: Apache-2.0
common_SRCS :=
