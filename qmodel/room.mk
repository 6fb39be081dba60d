# SPDX-License-Identifier: Apache-2.0
qmodel_SRCS :=
