# SPDX-License-Identifier: Apache-2.0
imaging_SRCS := imaging/image.c imaging/picture.c imaging/jpeg_decoder.c imaging/jpeg_memory.c imaging/png_reader.c \
  imaging/bmp_reader.c imaging/pnm_reader.c imaging/framefile.c imaging/y4m_reader.c imaging/mjpeg_scan.c \
  imaging/convert.c imaging/convert_geometry.c imaging/convert_taps.c imaging/convert_colour.c \
  imaging/convert_table.c imaging/convert_c.c \
  imaging/render.c imaging/png_writer.c imaging/jpeg_writer.c
ifeq ($(ARCH),x86_64)
imaging_SRCS += imaging/convert_avx2.c imaging/convert_table_avx2.c
else ifneq ($(filter aarch64 arm%,$(ARCH)),)
imaging_SRCS += imaging/convert_neon.c imaging/convert_table_neon.c
endif

# These run for every frame; see KERNEL_OPT.
ifeq ($(SANITIZE),)
$(BUILD)/obj/imaging/convert_%.o: CFLAGS += -O3
endif
