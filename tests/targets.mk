# SPDX-License-Identifier: Apache-2.0
# Tests and measurements that need more than the build does; each installs its own packages first.
.PHONY: fuzz fuzz-programs packages-fuzz soak
.PHONY: check-cross check-emulated check-oracle check-vm packages-python packages-vm bench bench-arm measure-emulated quantize-table
packages-python: packages-build
	@scripts/packages.sh $(PACKAGES_PYTHON)
packages-vm:
	@scripts/packages.sh $(PACKAGES_BUILD) $(PACKAGES_VM)

check-oracle: packages-python  ## the same inputs through qmodel and LiteRT (from PyPI): bytes compared
	@+$(MAKE) all
	@BUILD="$(BUILD)" tests/oracle/run.sh

check-vm: packages-vm       ## boot amd64 and arm64 guests with a virtual camera and systemd, run the service there
	@+tests/vm/run.sh

check-cross:                ## build for aarch64 and run the test programs under qemu-user, with and without dot products
	@scripts/packages.sh $(PACKAGES_CROSS)
	@+$(MAKE) CROSS=aarch64-linux-gnu- check-emulated
check-emulated: tests
	$(Q)tests/cross/check.sh "$(BUILD)" "$(abspath $(SYSROOT))" $(TEST_BINS)

bench: packages-python packages-check  ## measure speed, latency and memory, against LiteRT and others in the same run
	@+$(MAKE) all tests
	@tests/bench/run.sh "$(BUILD)"

quantize-table: packages-python  ## docs/QUANTIZATION.md's table, beside other quantizers (from PyPI): TABLE=options
	@+$(MAKE) all
	@BUILD="$(BUILD)" tests/bench/quantize_table.sh $(TABLE)

bench-arm:                  ## ARM without a board: modelled cycles of the inner loops, exact instruction counts
	@scripts/packages.sh $(PACKAGES_CROSS) $(PACKAGES_BENCH_ARM)
	@+$(MAKE) CROSS=aarch64-linux-gnu- measure-emulated
measure-emulated: all
	@tests/bench/arm.sh "$(BUILD)" "$(abspath $(SYSROOT))"

# libFuzzer is clang's: a build of its own.
FUZZ_BUILD := build/fuzz
packages-fuzz: packages-check
	@scripts/packages.sh $(PACKAGES_FUZZ)
fuzz: packages-fuzz         ## feed damaged input to everything that reads from outside: FUZZ_SECONDS=60 each
	@+$(MAKE) BUILD=$(FUZZ_BUILD) CC=clang SANITIZE=address,undefined OPT=-O1 FUZZ=1 \
	  CFLAGS="-fsanitize=fuzzer-no-link -DQEDGE_LIBFUZZER" fuzz-programs
	@tests/fuzz/run.sh $(FUZZ_BUILD) $(FUZZ_TARGETS)
fuzz-programs: $(FUZZ_PROGS:%.c=$(BUILD)/%) $(BUILD)/tests/fuzz/make_seeds

soak: packages-check        ## SOAK_FRAMES=1000000 with clients coming and going and reloads: memory, descriptors, wake-ups
	@+$(MAKE) all $(BUILD)/tests/fault/soak
	@BUILD="$(BUILD)" tests/fault/soak.sh
