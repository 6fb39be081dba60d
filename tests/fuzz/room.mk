# SPDX-License-Identifier: Apache-2.0
TEST_PROGS += tests/fuzz/model_corrupt_test.c

# Each target is also a test that replays tests/fuzz/corpus/NAME (tests/fuzz/fuzz.h). FUZZ=1: with libFuzzer.
FUZZ_TARGETS := model metadata config picture control client onnx
FUZZ_PROGS   := $(FUZZ_TARGETS:%=tests/fuzz/%_fuzz.c)
ifneq ($(SANITIZE),thread) # nothing here is about threads
TEST_PROGS   += $(FUZZ_PROGS)
endif
HELPER_PROGS += tests/fuzz/make_seeds.c
ifdef FUZZ
$(FUZZ_PROGS:%.c=$(BUILD)/%): TEST_LDFLAGS += -fsanitize=fuzzer
endif
TEST_PROGS += tests/fuzz/onnx_corrupt_test.c
