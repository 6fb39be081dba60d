# SPDX-License-Identifier: Apache-2.0
imaging_SRCS := imaging/image.c imaging/picture.c imaging/jpeg_decoder.c imaging/png_reader.c \
  imaging/bmp_reader.c imaging/pnm_reader.c imaging/framefile.c imaging/y4m_reader.c imaging/mjpeg_scan.c
