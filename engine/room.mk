# SPDX-License-Identifier: Apache-2.0
engine_SRCS :=
