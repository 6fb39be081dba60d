# SPDX-License-Identifier: Apache-2.0
# qedge: plain GNU make. `make help` lists the targets.
#
# Each room (top-level folder) has a room.mk with explicit lists:
#   ROOM_SRCS          its .c/.S files (static archive build/libROOM.a)
#   tests/*/room.mk    TEST_PROGS (C programs, one file each, linked with TEST_LIBS) and TEST_SCRIPTS
# Variables: BUILD=dir  CC=  CROSS=aarch64-linux-gnu-  SYSROOT=  SANITIZE=address,undefined|thread
#            OPT=-O2  WERROR=1  V=1  DESTDIR= PREFIX=/usr/local
#
# This file must parse on a machine that has nothing but make: no compiler, no pkg-config. `demo` and `check`
# install what is missing first and then build in a make of their own, which looks at the machine anew.

.DEFAULT_GOAL := all
# As parallel as the machine, unless the caller says otherwise (a -j on the command line wins).
ifeq ($(MAKELEVEL),0)
JOBS      ?= $(or $(shell nproc 2>/dev/null),1)
MAKEFLAGS += -j$(JOBS) --no-print-directory
endif
VERSION  := 0.1.0
PREFIX   ?= /usr/local
CROSS    ?=
OPT      ?= -O2
ifeq ($(origin CC),default)
CC       := $(CROSS)gcc
endif
AR       := $(CROSS)ar
BUILD    ?= $(if $(CROSS),build/$(CROSS:%-=%),build)
ARCH     := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null || uname -m)))
V        ?= 0
Q        := $(if $(filter 1,$(V)),,@)
say       = $(if $(filter 1,$(V)),,@echo "  $(1)	$(2)";)

include packages.mk

PKG_CONFIG ?= pkg-config
# A cross build finds its libraries in SYSROOT, a Debian tree of the other architecture. Its own one is unpacked
# before the first file is compiled; SYSROOT= (empty) takes what the cross compiler finds by itself.
ifneq ($(CROSS),)
OWN_SYSROOT := build/sysroot/$(CROSS:%-=%)
SYSROOT     ?= $(OWN_SYSROOT)
endif
ifneq ($(SYSROOT),)
override CC += --sysroot=$(abspath $(SYSROOT))
export PKG_CONFIG_SYSROOT_DIR := $(abspath $(SYSROOT))
export PKG_CONFIG_LIBDIR := $(abspath $(SYSROOT))/usr/lib/$(CROSS:%-=%)/pkgconfig:$(abspath $(SYSROOT))/usr/share/pkgconfig
endif
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null)
pkg_libs   = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wpointer-arith $(if $(WERROR),-Werror)
SAN  := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
CPPFLAGS += -I. -Iinclude -I$(BUILD)/gen -D_GNU_SOURCE -DQEDGE_VERSION='"$(VERSION)"'
BASE_CFLAGS := -std=c17 $(OPT) -g $(WARN) -ffp-contract=off -fno-math-errno -fvisibility=hidden -fPIC -pthread \
               -fstack-protector-strong $(if $(SANITIZE),,$(if $(filter -O0,$(OPT)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)) $(SAN)
LDFLAGS  += -pthread $(SAN) -Wl,-z,relro,-z,now -Wl,--as-needed

ROOMS := common kernels engine imaging libclient daemon ctl qmodel
include $(ROOMS:%=%/room.mk)
include $(sort $(wildcard tests/*/room.mk))

# ---- objects and archives ------------------------------------------------
# Flags per instruction set, by file suffix: kernels/x86/conv_avx2.c gets ISA_avx2.
# (loops start on a cache line: the avx2 product runs 1.5 times faster for it on Zen 4)
ISA_avx2       := -falign-loops=64 -mavx2 -mf16c
ISA_fma        := -falign-loops=64 -mavx2 -mfma
ISA_avxvnni    := -falign-loops=64 -mavx2 -mf16c -mfma -mavxvnni
ISA_avx512vnni := -falign-loops=64 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mprefer-vector-width=512
ISA_neon       := $(if $(filter arm%,$(ARCH)),-mfpu=neon)
ISA_neondot    := -march=armv8.2-a+dotprod
ISA_neoni8mm   := -march=armv8.2-a+dotprod+i8mm
isa_of = $(ISA_$(lastword $(subst _, ,$(basename $(notdir $(1))))))
KERNEL_OPT     := -O3
# A distribution's CFLAGS (dpkg-buildflags) ask -O2 -g for everything: not of kernels, of which those in C take 1.4 times
# as long then. What else is asked for, -O0 say, holds for them, too.
KERNEL_CFLAGS   = $(if $(SANITIZE),$(CFLAGS),$(filter-out -O2 -g,$(CFLAGS)))
# Names and lines are all of these that a debugger or a sanitizer's report needs: what intrinsics say of their variables
# takes a third to a half of the compiler's time. And clang's sanitizers would take minutes a file: so functions with many
# accesses call AddressSanitizer for each instead of asking it in place, and the arithmetic of addresses is left to gcc's
# build (part asan of the CI).
KERNEL_FLAGS   := -g1 $(if $(and $(findstring address,$(SANITIZE)),$(findstring clang,$(CC))),-fno-sanitize=pointer-overflow \
                  -mllvm -asan-instrumentation-with-call-threshold=500)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(patsubst %.S,$(BUILD)/obj/%.o,$(1)))

$(BUILD)/obj/kernels/%.o: kernels/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) $(if $(SANITIZE),,$(KERNEL_OPT)) $(KERNEL_FLAGS) $(call isa_of,$<) $(KERNEL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) $(and $(call isa_of,$<),$(KERNEL_FLAGS) $(call isa_of,$<)) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: %.S
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) $(call isa_of,$<) $(CFLAGS) -MMD -MP -c -o $@ $<

# C made from .proto files, header and source at once; the only sources that are not in the repository.
$(BUILD)/gen/%.pb-c.c $(BUILD)/gen/%.pb-c.h: %.proto
	@mkdir -p $(BUILD)/gen
	$(call say,PROTO,$<)protoc-c --proto_path=. --c_out=$(BUILD)/gen $<
$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define room_rule
$(1)_OBJS := $(call obj,$($(1)_SRCS))
$$(BUILD)/lib$(1).a: $$($(1)_OBJS)
	@mkdir -p $$(@D)
	$$(call say,AR,$$@)rm -f $$@; $$(AR) rcs $$@ $$^
ALL_OBJS += $$($(1)_OBJS)
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

# what #includes the made header must wait for it
$(call obj,$(qmodel_SRCS)): | $(BUILD)/gen/qmodel/onnx.pb-c.h

lib = $(1:%=$(BUILD)/lib%.a)
# asked once, when the first file is compiled
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(call pkg_cflags,libuv yaml-0.1 libv4l2 libjpeg libpng libprotobuf-c))$(PKG_CFLAGS)
IMAGING_LIBS := -ljpeg -lpng
ENGINE_LIBS  := -lz
DAEMON_LIBS  := -luv -lyaml -lv4l2
CTL_LIBS     := -ljson-c
QMODEL_LIBS  := -lprotobuf-c

# ---- programs ------------------------------------------------------------
PROGRAMS := $(BUILD)/qedged $(BUILD)/qctl $(BUILD)/qmodel $(BUILD)/libqclient.so $(BUILD)/qclient-example

$(BUILD)/qedged: $(call obj,daemon/main.c) $(call lib,daemon imaging engine kernels common)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(IMAGING_LIBS) $(ENGINE_LIBS) -lm
$(BUILD)/qmodel: $(call obj,qmodel/main.c) $(call lib,qmodel libclient imaging engine kernels common)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^ $(QMODEL_LIBS) $(IMAGING_LIBS) $(ENGINE_LIBS) -lm

SONAME := libqclient.so.0
$(BUILD)/libqclient.so.$(VERSION): $(call lib,libclient common) libclient/libqclient.map
	$(call say,LD,$@)$(CC) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=libclient/libqclient.map \
	  -o $@ -Wl,--whole-archive $(BUILD)/liblibclient.a -Wl,--no-whole-archive $(BUILD)/libcommon.a
$(BUILD)/$(SONAME) $(BUILD)/libqclient.so: $(BUILD)/libqclient.so.$(VERSION)
	@ln -sf $(<F) $@
$(BUILD)/libqclient.so: $(BUILD)/$(SONAME)

# qctl asks the daemon through the public header and the shared library only; pictures it draws with imaging.
CTL_ROOMS := ctl imaging kernels common
$(BUILD)/qctl: $(call obj,ctl/main.c) $(call lib,$(CTL_ROOMS)) $(BUILD)/libqclient.so
	$(call say,LD,$@)$(CC) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN' -o $@ $(filter %.o %.a,$^) -L$(BUILD) -lqclient $(CTL_LIBS) $(IMAGING_LIBS) -lm
$(BUILD)/qclient-example: $(call obj,libclient/examples/watch.c) $(BUILD)/libqclient.so
	$(call say,LD,$@)$(CC) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN' -o $@ $(filter %.o,$^) -L$(BUILD) -lqclient

ALL_OBJS += $(call obj,daemon/main.c qmodel/main.c ctl/main.c libclient/examples/watch.c)

# ---- tests ---------------------------------------------------------------
# A test program tests/unit/foo_test.c becomes BUILD/tests/unit/foo_test, linked with every library room.
# TEST_SKIP=tests/kernels/% leaves some out (patterns).
TEST_BINS := $(patsubst %.c,$(BUILD)/%,$(filter-out $(TEST_SKIP),$(sort $(TEST_PROGS))))
TEST_LINK := $(call lib,daemon qmodel ctl libclient imaging engine kernels common)
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_LINK)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS) $(TEST_LDFLAGS) -o $@ $< -Wl,--start-group $(TEST_LINK) -Wl,--end-group \
	  -lcmocka $(DAEMON_LIBS) $(QMODEL_LIBS) $(CTL_LIBS) $(IMAGING_LIBS) $(ENGINE_LIBS) -lm
ALL_OBJS += $(TEST_PROGS:%.c=$(BUILD)/obj/%.o) $(HELPER_PROGS:%.c=$(BUILD)/obj/%.o)
# Programs that test scripts run (benches, stress writers …); built with the tests, not run by themselves.
HELPER_BINS := $(HELPER_PROGS:%.c=$(BUILD)/%)

# Keep what is made on the way: an object file is not built twice.
.SECONDARY:
.PHONY: help demo check all tests check-all check-unit check-deps packages-build packages-check clean
help:                       ## this list
	@echo "qedge $(VERSION): make TARGET [VARIABLE=...]"
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | \
	  while IFS="$$(printf '\t')" read -r target text; do printf '  %-16s %s\n' "$$target" "$$text"; done
	@echo "variables: DEMO_SOURCE=picture|folder|/dev/videoN|pattern DEMO_SECONDS=10 PREFIX=$(PREFIX) DESTDIR="
	@echo "           CROSS=aarch64-linux-gnu- SYSROOT= SANITIZE=address,undefined|thread BUILD=$(BUILD) OPT=$(OPT) WERROR=1 V=1"

demo: packages-build        ## classify pictures (or the camera) here and now, read by another process
	@+$(MAKE) all
	@scripts/demo.sh "$(BUILD)"
check: packages-check       ## install what the tests need, build everything, run every test
	@+$(MAKE) check-all

all: $(PROGRAMS)            ## build the programs and the library into build/ (the default)
	@:
tests: $(TEST_BINS) $(HELPER_BINS)  ## build the test programs too
	@:
check-all: all tests check-deps  ## run every test; installs nothing
	$(Q)tests/run.sh "$(BUILD)" $(TEST_BINS) $(sort $(TEST_SCRIPTS))
check-unit: tests           ## run the C test programs only (what the sanitizer builds run)
	$(Q)tests/run.sh "$(BUILD)" $(TEST_BINS)
check-deps:                 ## includes run one way only
	$(Q)tests/check_deps.sh
clean:                      ## remove what was built
	rm -rf $(BUILD)
# `make clean all`: one after the other, though jobs run side by side elsewhere.
ifneq ($(and $(filter clean,$(MAKECMDGOALS)),$(filter-out clean,$(MAKECMDGOALS))),)
.NOTPARALLEL:
endif

# A cross build takes its libraries from SYSROOT: only the native one asks the machine's package manager.
packages-build:
	@$(if $(CROSS),,scripts/packages.sh $(PACKAGES_BUILD))
packages-check:
	@$(if $(CROSS),,scripts/packages.sh $(PACKAGES_BUILD) $(PACKAGES_CHECK))

include install.mk tests/targets.mk

ifneq ($(OWN_SYSROOT),)
ifeq ($(SYSROOT),$(OWN_SYSROOT))
$(ALL_OBJS): | $(OWN_SYSROOT).made
$(OWN_SYSROOT).made: tests/cross/sysroot.sh packages.mk
	@tests/cross/sysroot.sh $(CROSS:%-=%) $(OWN_SYSROOT) $(filter lib%-dev,$(PACKAGES_BUILD) $(PACKAGES_CHECK))
	@touch $@
endif
endif

-include $(ALL_OBJS:.o=.d)
