# SPDX-License-Identifier: Apache-2.0
kernels_SRCS :=
