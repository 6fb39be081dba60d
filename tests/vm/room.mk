# SPDX-License-Identifier: Apache-2.0
HELPER_PROGS += tests/vm/picture_to_frame.c
# What runs in the guest: linked with little, so that little is built for another architecture.
$(BUILD)/tests/vm/guest/%: $(BUILD)/obj/tests/%.o $(BUILD)/liblibclient.a $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^ -lm
VM_HELPERS := $(addprefix $(BUILD)/tests/vm/guest/,fault/crowd integration/daemon_probe integration/hostile_probe)
.PHONY: vm-helpers
vm-helpers: $(VM_HELPERS)
