# SPDX-License-Identifier: Apache-2.0
imaging_SRCS :=
