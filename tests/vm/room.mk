# SPDX-License-Identifier: Apache-2.0
HELPER_PROGS += tests/vm/picture_to_frame.c
